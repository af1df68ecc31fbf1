"""Work that clients ask about afterwards: imports, dumps and restores, by the ids they were given."""

from __future__ import annotations

import secrets
import string
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from mlops.lakeserver.errors import LakeError, NotFound

DUMP, RESTORE, IMPORT = "DR", "RR", ""
MAX_TASKS = 1000

_ALPHABET = string.ascii_letters + string.digits
_ID_CHARS = 20


@dataclass
class Task:
    """The progress of a task.

    Attributes:
        rid: the repository it belongs to.
        kind: `DUMP`, `RESTORE` or `IMPORT`.
        updated: when anything of this changed last.
        error: why it failed; '' unless it did.
        result: what came of it, as the API shows it.
        canceled: set when nobody wants it any more.
    """

    rid: int
    kind: str
    updated: datetime
    done: bool = False
    error: str = ""
    count: int = 0
    result: dict[str, object] = field(default_factory=dict)
    canceled: threading.Event = field(default_factory=threading.Event)


class Tasks:
    """The last `MAX_TASKS` tasks; a server that was started again knows none of those before.

    Args:
        now: the current time, with its zone.
        new_id: ids for imports.
    """

    def __init__(self, now: Callable[[], datetime], new_id: Callable[[], str]) -> None:
        self._now = now
        self._new_id = new_id
        self._tasks: OrderedDict[str, Task] = OrderedDict()
        self._threads: set[threading.Thread] = set()
        self._lock = threading.Lock()

    def add(self, rid: int, kind: str) -> tuple[str, Task]:
        """Return a new task, and its id."""
        if kind == IMPORT:
            task_id = self._new_id()
        else:
            task_id = kind + "".join(secrets.choice(_ALPHABET) for _ in range(_ID_CHARS))
        task = Task(rid, kind, self._now())
        with self._lock:
            self._tasks[task_id] = task
            while len(self._tasks) > MAX_TASKS:
                self._tasks.popitem(last=False)
        return task_id, task

    def get(self, rid: int, kind: str, task_id: str) -> Task:
        """Return the task of that id.

        Raises:
            NotFound: the repository has no such task.
        """
        task = self._tasks.get(task_id)
        if task is None or (task.rid, task.kind) != (rid, kind):
            raise NotFound("not found")
        return task

    def progress(self, task: Task, count: int) -> None:
        """Record the progress of the task."""
        task.count, task.updated = count, self._now()

    def run(self, task: Task, work: Callable[[], dict[str, object]]) -> None:
        """Do the work; what came of it, or why it failed, stands in the task."""
        try:
            task.result = work()
        except LakeError as error:
            task.error = error.message
        except Exception as error:  # the client asks for the outcome later
            task.error = f"internal server error ({type(error).__name__})"
            raise
        finally:
            task.done, task.updated = True, self._now()

    def start(self, task: Task, work: Callable[[], dict[str, object]]) -> None:
        """As `run`, on a thread of its own."""

        def target() -> None:
            try:
                self.run(task, work)
            finally:
                self._threads.discard(threading.current_thread())

        thread = threading.Thread(target=target, name="lake-task", daemon=True)
        self._threads.add(thread)
        thread.start()

    def close(self) -> None:
        """Stop what is running, and waits for it."""
        for task in list(self._tasks.values()):
            task.canceled.set()
        for thread in list(self._threads):
            thread.join()

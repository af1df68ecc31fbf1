"""Runs the hooks of an event: which actions match, in what order, what is recorded, what the client reads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from mlops.lakeserver.hooks.background import Background
from mlops.lakeserver.hooks.conditions import BadCondition, holds
from mlops.lakeserver.hooks.definitions import Action, Hook, error_list, parse_actions
from mlops.lakeserver.hooks.hook_types import HookError, HookSetupError, Runner, build_runner
from mlops.lakeserver.hooks.lua_pool import LuaPool
from mlops.lakeserver.hooks.model import (
    ACTIONS_PREFIX,
    ActionFileInvalid,
    ActionRun,
    Event,
    HookFailed,
    HookRun,
    LakeView,
    Limits,
    RunSink,
)

__all__ = [
    "ActionFileInvalid",
    "ActionRun",
    "Event",
    "HookEngine",
    "HookFailed",
    "HookRun",
    "LakeView",
    "Limits",
    "RunSink",
]

_CACHED_FILES = 256
_PAGE = 1000


class HookEngine:
    """The hooks of every repository of one server.

    Args:
        view: what hooks read and may write.
        runs: where finished runs go.
        clock: the current time, with a zone.
        new_id: a new run id; lakeFS's sort the newest first.
        limits: what one hook may use.
        environ: what `{{ ENV.LAKEFSACTION_… }}` reads; the process's environment when None.
    """

    def __init__(
        self,
        view: LakeView,
        runs: RunSink,
        *,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
        limits: Limits | None = None,
        environ: Callable[[str], str | None] | None = None,
    ) -> None:
        self._view = view
        self._runs = runs
        self._clock = clock
        self._new_id = new_id
        self._limits = limits or Limits()
        self._environ = environ
        self._pool = LuaPool(self._limits)
        self._background = Background(self._run_quietly)
        self._cache: dict[tuple[tuple[str, str], ...], tuple[Action, ...]] = {}
        self._cache_lock = threading.Lock()

    def run(self, event: Event, actions_ref: str) -> str:
        """Every hook of `event` has run, and the id of the run is returned, whether or not any matched.

        Actions are read from `actions_ref`: the source commit for `pre-merge`, the branch itself (staged
        files too) for `prepare-commit`, `pre-commit`, `pre-revert` and `pre-cherry-pick`, the source for
        branch creation, the commit of the tag or of the branch to be deleted, the new commit for `post-`.

        Raises:
            HookFailed: a hook refused; not for `post-` events, whose failure is only recorded.
            ActionFileInvalid: the action files of the ref cannot be used; not for `post-` events.
        """
        run_id = self._new_id()
        try:
            self._run(event, actions_ref, run_id)
        except (ActionFileInvalid, HookFailed) as error:
            if event.event_type.startswith("post-"):
                return run_id
            error.message = _aborted(event, run_id, error.message)
            error.args = (error.message,)
            raise
        return run_id

    def submit(self, event: Event, actions_ref: str) -> None:
        """`event` will be run on a background thread; its failures are recorded and go no further."""
        self._background.put(event, actions_ref)

    def drain(self, timeout_s: float = 60.0) -> bool:
        """Whether every submitted event has been run within `timeout_s`."""
        return self._background.drain(timeout_s)

    def close(self, timeout_s: float = 5.0) -> None:
        """Submitted events have run or `timeout_s` has passed; no worker process is left."""
        self._background.close(timeout_s)
        self._pool.close()

    def _run_quietly(self, event: Event, actions_ref: str) -> None:
        try:
            self.run(event, actions_ref)
        except (ActionFileInvalid, HookFailed):
            return

    def _run(self, event: Event, actions_ref: str, run_id: str) -> None:
        actions = [
            action
            for action in self._actions(event.repository_id, actions_ref)
            if action.matches(event.event_type, event.branch_id)
        ]
        try:
            runners = [[(hook, self._runner(action, hook)) for hook in action.hooks] for action in actions]
        except HookSetupError as error:
            raise HookFailed(str(error), status=500, run_id=run_id) from None
        if not any(runners):
            return
        _Run(self, event, run_id).execute(actions, runners)

    def _runner(self, action: Action, hook: Hook) -> Runner:
        return build_runner(
            action, hook, view=self._view, pool=self._pool, limits=self._limits, environ=self._environ
        )

    def _actions(self, repository: str, ref: str) -> tuple[Action, ...]:
        files = tuple(self._files(repository, ref))
        if not files:
            return ()
        key = tuple((path, checksum) for path, checksum in files if checksum)
        if len(key) == len(files):
            with self._cache_lock:
                if key in self._cache:
                    return self._cache[key]
        actions = parse_actions((path, self._text(repository, ref, path)) for path, _ in files)
        if len(key) == len(files):
            with self._cache_lock:
                while len(self._cache) >= _CACHED_FILES:
                    self._cache.pop(next(iter(self._cache)))
                self._cache[key] = actions
        return actions

    def _files(self, repository: str, ref: str) -> Iterator[tuple[str, str]]:
        """Path and content identity of every file directly under the actions folder."""
        after = ""
        while True:
            status, page = self._view.list_objects(repository, ref, after, ACTIONS_PREFIX, "/", _PAGE)
            if status != 200:
                raise ActionFileInvalid(f"list actions from commit: listing actions: {_detail(page)}")
            for item in page["results"]:
                if item.get("path_type") == "common_prefix":
                    raise _unreadable(item["path"], f"get action file metadata {item['path']}: not found")
                yield item["path"], f"{item.get('checksum', '')}:{item.get('size_bytes', '')}"
            if not page["pagination"]["has_more"]:
                return
            after = page["pagination"]["next_offset"]

    def _text(self, repository: str, ref: str, path: str) -> bytes:
        status, body = self._view.get_object(repository, ref, path)
        if status != 200:
            raise _unreadable(path, f"reading action file {path}: HTTP {status}")
        return body


class _Run:
    """One run under way."""

    def __init__(self, engine: HookEngine, event: Event, run_id: str) -> None:
        self._engine = engine
        self._event = event
        self._run_id = run_id
        self._hook_runs: list[HookRun] = []
        self._status = 500

    def execute(self, actions: list[Action], runners: list[list[tuple[Hook, Runner]]]) -> None:
        """All hooks have run and are recorded.

        Raises:
            HookFailed: at least one failed.
        """
        failures = []
        for index, (action, hooks) in enumerate(zip(actions, runners, strict=True)):
            failure = self._action(index, action, hooks)
            if failure:
                failures.append(failure)
        self._record()
        if failures:
            raise HookFailed(error_list(failures), status=self._status, run_id=self._run_id)

    def _action(self, index: int, action: Action, hooks: list[tuple[Hook, Runner]]) -> str:
        """The text of the first failure of `action`, or nothing."""
        first = ""
        for position, (hook, runner) in enumerate(hooks):
            hook_run_id = f"{index:04d}_{position:04d}"
            failure = self._hook(hook_run_id, action, hook, runner, failed=bool(first))
            if failure:
                first = first or failure
        return first

    def _hook(self, hook_run_id: str, action: Action, hook: Hook, runner: Runner, *, failed: bool) -> str:
        started, output, problem = None, bytearray(), ""
        try:
            if holds(hook.condition, failed=failed):
                started = self._engine._clock()
                runner(self._event, self._run_id, output)
        except BadCondition as error:
            started, problem = self._engine._clock(), str(error)
        except HookError as error:
            self._status, problem = 412, f"action failed: {error}"
        if problem:
            output += f"Error: {problem}\n".encode()
        self._hook_runs.append(
            HookRun(
                hook_run_id=hook_run_id,
                action=action.name,
                hook_id=hook.id,
                status="failed" if problem or started is None else "completed",
                start_time=started,
                end_time=None if started is None else self._engine._clock(),
                output=None if started is None else bytes(output),
            )
        )
        where = f"hook run id '{hook_run_id}' failed on action '{action.name}' hook '{hook.id}'"
        return f"{where}: {problem}" if problem else ""

    def _record(self) -> None:
        now = self._engine._clock()
        ran = [run for run in self._hook_runs if run.start_time and run.end_time]
        failed = any(run.status == "failed" for run in ran)
        self._engine._runs.record(
            ActionRun(
                run_id=self._run_id,
                repository_id=self._event.repository_id,
                branch=self._event.branch_id,
                source_ref=self._event.source_ref,
                event_type=self._event.event_type,
                commit_id=self._event.commit_id,
                start_time=min((run.start_time for run in ran if run.start_time), default=now),
                end_time=max((run.end_time for run in ran if run.end_time), default=now),
                status="failed" if failed else "completed",
                hook_runs=tuple(self._hook_runs),
            )
        )


def _aborted(event: Event, run_id: str, message: str) -> str:
    """`message` as the client reads it, with what the operation and the run put before it."""
    prefix = {
        "pre-merge": f"update branch {event.branch_id}: ",
        "pre-revert": "update branch: ",
        "pre-cherry-pick": "update branch: ",
    }.get(event.event_type, "")
    return f"{prefix}{event.event_type} hook aborted, run id '{run_id}': {message}"


def _detail(body: Any) -> str:
    return str(body.get("message", "")) if isinstance(body, dict) else ""


def _unreadable(path: str, why: str) -> ActionFileInvalid:
    return ActionFileInvalid(error_list([f"loading file {path}: {why}"]))

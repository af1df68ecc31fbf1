"""Runs the hooks of an event: which actions match, what is recorded, what the client reads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from mlops.lakeserver.hooks.action_source import ActionSource
from mlops.lakeserver.hooks.background import Background
from mlops.lakeserver.hooks.definitions import Action, Hook, error_list
from mlops.lakeserver.hooks.execution import Execution
from mlops.lakeserver.hooks.interface import (
    ActionFileInvalid,
    ActionRun,
    Event,
    HookFailed,
    HookRun,
    HookSetupError,
    LakeView,
    Limits,
    RunSink,
)
from mlops.lakeserver.hooks.lua.pool import LuaPool
from mlops.lakeserver.hooks.runners import Runner, build_runner
from mlops.lakeserver.hooks.webhook.templating import Environ

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

MAX_DEPTH = 5


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
        environ: Environ | None = None,
    ) -> None:
        self._view = view
        self._runs = runs
        self._clock = clock
        self._new_id = new_id
        self._limits = limits or Limits()
        self._environ = environ
        self._source = ActionSource(view, self._limits)
        self._pool = LuaPool(self._limits)
        self._background = Background(self._run_quietly)
        self._nesting = threading.local()

    def run(self, event: Event, actions_ref: str) -> str:
        """Run every hook of `event`; return the id of the run, whether or not any matched.

        Actions are read from `actions_ref`: the source commit for `pre-merge`, the branch itself (staged
        files too) for `prepare-commit`, `pre-commit`, `pre-revert` and `pre-cherry-pick`, the source for
        branch creation, the commit of the tag or of the branch to be deleted, the new commit for `post-`.
        The id of a `pre-` run belongs into the `pre_run_id` of its `post-` event; a `pre-commit` and a
        `pre-revert` run has no commit id until the caller, who then knows it, adds it to what it recorded.

        Raises:
            HookFailed: a hook refused; not for `post-` events, whose failure is only recorded.
            ActionFileInvalid: the action files of the ref cannot be used; not for `post-` events.
        """
        run_id = self._new_id()
        try:
            with self._nested(run_id):
                self._run(event, actions_ref, run_id)
        except (ActionFileInvalid, HookFailed) as error:
            if event.event_type.startswith("post-"):
                return run_id
            error.message = _aborted(event, run_id, error.message)
            error.args = (error.message,)
            raise
        return run_id

    def concerns(self, event: Event, actions_ref: str) -> bool:
        """Return whether `run` would have anything to do, or to refuse."""
        try:
            actions = self._source.actions(event.repository_id, actions_ref)
        except ActionFileInvalid:
            return True
        return any(action.matches(event.event_type, event.branch_id) for action in actions)

    def submit(self, event: Event, actions_ref: str) -> None:
        """`event` will be run on a background thread; its failures are recorded and go no further."""
        self._background.put(event, actions_ref, self._depth())

    def drain(self, timeout_s: float = 60.0) -> bool:
        """Return whether every submitted event has been run within `timeout_s`."""
        return self._background.drain(timeout_s)

    def close(self, timeout_s: float = 5.0) -> None:
        """Submitted events have run or `timeout_s` has passed; no idle worker process is left."""
        self._background.close(timeout_s)
        self._pool.close()

    def _depth(self) -> int:
        return getattr(self._nesting, "depth", 0)

    @contextmanager
    def _nested(self, run_id: str) -> Iterator[None]:
        """Bound the nesting of hooks whose scripts trigger hooks; lakeFS would continue for ever."""
        depth = self._depth()
        if depth >= MAX_DEPTH:
            raise HookFailed(f"hooks set off hooks more than {MAX_DEPTH} deep", run_id=run_id)
        self._nesting.depth = depth + 1
        try:
            yield
        finally:
            self._nesting.depth = depth

    def _run_quietly(self, event: Event, actions_ref: str, depth: int) -> None:
        self._nesting.depth = depth
        try:
            self.run(event, actions_ref)
        except (ActionFileInvalid, HookFailed):
            return

    def _run(self, event: Event, actions_ref: str, run_id: str) -> None:
        actions = [
            action
            for action in self._source.actions(event.repository_id, actions_ref)
            if action.matches(event.event_type, event.branch_id)
        ]
        try:
            runners = [[(hook, self._runner(action, hook)) for hook in action.hooks] for action in actions]
        except HookSetupError as error:
            raise HookFailed(str(error), status=500, run_id=run_id) from None
        if any(runners):
            self._execute(Execution(event, run_id, self._clock), actions, runners)

    def _execute(
        self, execution: Execution, actions: list[Action], runners: list[list[tuple[Hook, Runner]]]
    ) -> None:
        outcomes = [
            execution.action(index, action, hooks)
            for index, (action, hooks) in enumerate(zip(actions, runners, strict=True))
        ]
        failures = [failure for failure in outcomes if failure]
        self._runs.record(execution.record())
        if failures:
            status = 412 if any(failure.refused for failure in failures) else 500
            message = error_list([failure.text for failure in failures])
            raise HookFailed(message, status=status, run_id=execution.run_id)

    def _runner(self, action: Action, hook: Hook) -> Runner:
        return build_runner(
            action,
            hook,
            view=self._view,
            pool=self._pool,
            limits=self._limits,
            environ=self._environ,
            clock=self._clock,
        )


def _aborted(event: Event, run_id: str, message: str) -> str:
    """`message` as the client reads it, with what the operation and the run put before it."""
    prefix = {
        "pre-merge": f"update branch {event.branch_id}: ",
        "pre-revert": "update branch: ",
        "pre-cherry-pick": "update branch: ",
    }.get(event.event_type, "")
    return f"{prefix}{event.event_type} hook aborted, run id '{run_id}': {message}"

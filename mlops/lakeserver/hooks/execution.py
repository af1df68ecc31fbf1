"""One run: its hooks one after the other, and what is to be recorded of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from mlops.lakeserver.hooks.conditions import BadCondition, holds
from mlops.lakeserver.hooks.definitions import Action, Hook
from mlops.lakeserver.hooks.interface import ActionRun, Event, HookError, HookRun
from mlops.lakeserver.hooks.runners import Runner


@dataclass(frozen=True)
class Failure:
    """Return the text of the first failed hook of an action, and whether that hook itself refused."""

    text: str
    refused: bool


@dataclass
class Execution:
    """Runs the hooks of the matched actions.

    lakeFS runs actions side by side; here they run in the order of their files, which a client cannot tell.
    """

    event: Event
    run_id: str
    clock: Callable[[], datetime]
    hook_runs: list[HookRun] = field(default_factory=list)

    def action(self, index: int, action: Action, hooks: list[tuple[Hook, Runner]]) -> Failure | None:
        """Run or skip all hooks of the action; return its first failure."""
        first: Failure | None = None
        for position, (hook, runner) in enumerate(hooks):
            failure = self._hook(
                f"{index:04d}_{position:04d}", action, hook, runner, failed=first is not None
            )
            first = first or failure
        return first

    def _hook(
        self, hook_run_id: str, action: Action, hook: Hook, runner: Runner, *, failed: bool
    ) -> Failure | None:
        output = bytearray()
        started: datetime | None = None
        problem, refused = "", False
        try:
            runs = holds(hook.condition, failed=failed)
            if runs:
                started = self.clock()
                runner(self.event, self.run_id, output)
        except BadCondition as error:
            started, problem = self.clock(), str(error)
        except HookError as error:
            problem, refused = f"action failed: {error}", True
        if problem:
            output += f"Error: {problem}\n".encode()
        self.hook_runs.append(
            HookRun(
                hook_run_id=hook_run_id,
                action=action.name,
                hook_id=hook.id,
                status="failed" if problem or started is None else "completed",
                start_time=started,
                end_time=None if started is None else self.clock(),
                output=bytes(output),
            )
        )
        where = f"hook run id '{hook_run_id}' failed on action '{action.name}' hook '{hook.id}'"
        return Failure(f"{where}: {problem}", refused) if problem else None

    def record(self) -> ActionRun:
        """Return the run as the runs API shows it."""
        now = self.clock()
        ran = [run for run in self.hook_runs if not run.skipped]
        return ActionRun(
            run_id=self.run_id,
            repository_id=self.event.repository_id,
            branch=self.event.branch_id,
            source_ref=self.event.source_ref,
            event_type=self.event.event_type,
            commit_id=self.event.commit_id,
            start_time=min((run.start_time for run in ran if run.start_time), default=now),
            end_time=max((run.end_time for run in ran if run.end_time), default=now),
            status="failed" if any(run.status == "failed" for run in ran) else "completed",
            hook_runs=tuple(self.hook_runs),
        )

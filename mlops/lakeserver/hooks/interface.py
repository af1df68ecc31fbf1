"""The words of hooks: what happened, what the hooks may see, what they answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

ACTIONS_PREFIX = "_lakefs_actions/"

EVENT_TYPES = frozenset(
    {
        "prepare-commit",
        *(
            f"{stage}-{operation}"
            for stage in ("pre", "post")
            for operation in (
                "commit",
                "merge",
                "create-tag",
                "delete-tag",
                "create-branch",
                "delete-branch",
                "revert",
                "cherry-pick",
            )
        ),
    }
)


class ActionFileInvalid(ValueError):
    """An action file cannot be read, or two of them clash; nothing was run.

    Attributes:
        message: lakeFS's own text, complete with the prefix that the operation puts before it.
        status: what lakeFS answers: 500, or 404 where the actions folder holds another folder.
    """

    def __init__(self, message: str, *, status: int = 500) -> None:
        super().__init__(message)
        self.message = message
        self.status = status


class HookFailed(Exception):
    """A `pre-` or `prepare-` hook refused, so the operation must not happen.

    Attributes:
        message: lakeFS's own text, complete with the prefix that the operation puts before it.
        status: 412 where a hook failed; 500 where lakeFS could not even run one.
        run_id: the run that refused.
    """

    def __init__(self, message: str, *, status: int = 412, run_id: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.run_id = run_id


class HookSetupError(ValueError):
    """The properties of a matched hook cannot be used; lakeFS answers 500 and runs no hook of the event."""


class HookError(Exception):
    """The hook ran and refused, or could not be run; its text is what lakeFS writes after "action failed"."""


@dataclass(frozen=True)
class Event:
    """One thing that happens to a repository and may have hooks.

    Attributes:
        event_type: one of `EVENT_TYPES`.
        branch_id: the branch that changes; the destination of a merge; empty for tags.
        source_ref: what the hooks read: a branch, or a commit id (see the engine's `run`).
        merge_source: the source as the merge request named it.
        commit_id: the commit made (`post-`), or prospective (`pre-merge`).
        commit: `message`, `meta_range_id`, `creation_date` (unix seconds), `version`, `metadata`, `parents`.
        pre_run_id: in `post-` events, what `run` returned for the `pre-` event.
    """

    event_type: str
    repository_id: str
    branch_id: str = ""
    source_ref: str = ""
    merge_source: str = ""
    tag_id: str = ""
    commit_id: str = ""
    commit: Mapping[str, Any] | None = None
    committer: str = ""
    storage_namespace: str = ""
    username: str = ""
    pre_run_id: str = ""


@dataclass(frozen=True)
class HookRun:
    """One hook's result in a run.

    A hook that was `skipped` has no times and no output; its status here is "failed", where lakeFS answers
    "skipped", a word that lakeFS's own Python client does not accept.
    """

    hook_run_id: str
    action: str
    hook_id: str
    status: str
    start_time: datetime | None
    end_time: datetime | None
    output: bytes

    @property
    def skipped(self) -> bool:
        """Return whether the hook did not run because of how the hooks before it ended."""
        return self.start_time is None


@dataclass(frozen=True)
class ActionRun:
    """The record of one event in the runs API; recorded only if at least one hook was to run."""

    run_id: str
    repository_id: str
    branch: str
    source_ref: str
    event_type: str
    commit_id: str
    start_time: datetime
    end_time: datetime
    status: str
    hook_runs: tuple[HookRun, ...]


@dataclass(frozen=True)
class Limits:
    """The context of one hook.

    Attributes:
        lua_wall_clock_s: after this a script's process is killed, whatever it does.
        lua_cpu_s: processor time of the interpreter; a script can keep instructions from being counted.
        lua_host_cpu_s: processor time with that of the functions that a script calls (JSON, regexp).
        lua_instructions: interpreter instructions of one script.
        lua_memory_bytes: the interpreter's heap.
        lua_output_bytes: what a script may print; the rest is cut off.
        lua_workers: processes that run scripts side by side; further scripts wait.
        action_file_bytes: the largest action file.
        object_bytes: the largest object that `lakefs.get_object` hands to a script, and the largest script.
        webhook_response_bytes: how much of a webhook's answer is kept in the log.
        webhook_addresses: where webhooks may post to, as `http_post.check_address` gives them.
    """

    lua_wall_clock_s: float = 30.0
    lua_cpu_s: float = 1.0
    lua_host_cpu_s: float = 10.0
    lua_instructions: int = 50_000_000
    lua_memory_bytes: int = 128 << 20
    lua_output_bytes: int = 1 << 20
    lua_workers: int = 8
    action_file_bytes: int = 1 << 20
    object_bytes: int = 32 << 20
    webhook_response_bytes: int = 1 << 20
    webhook_addresses: tuple[str, ...] = ()


class LakeView(Protocol):
    """Operations on a repository for scripts; every answer is an HTTP status and lakeFS's body for it.

    All calls for one `HookEngine.run` come from the thread that called it.
    """

    def get_object(self, repository: str, ref: str, path: str) -> tuple[int, bytes]:
        """Return the object's bytes, or with a status other than 200 the JSON text of the error."""
        ...

    def stat_object(self, repository: str, ref: str, path: str) -> tuple[int, dict[str, Any]]:
        """LakeFS's ObjectStats, user metadata included, or the error."""
        ...

    def list_objects(
        self, repository: str, ref: str, after: str, prefix: str, delimiter: str, amount: int
    ) -> tuple[int, dict[str, Any]]:
        """Return one page: `pagination` and `results`."""
        ...

    def diff_refs(
        self, repository: str, left: str, right: str, after: str, prefix: str, delimiter: str, amount: int
    ) -> tuple[int, dict[str, Any]]:
        """Return one page of the three-dot difference."""
        ...

    def diff_branch(
        self, repository: str, branch: str, after: str, amount: int, prefix: str, delimiter: str
    ) -> tuple[int, dict[str, Any]]:
        """Return one page of what is not committed."""
        ...

    def create_tag(self, repository: str, ref: str, tag: str) -> tuple[int, dict[str, Any]]:
        """201 and the Ref, or the error."""
        ...

    def update_object_user_metadata(
        self, repository: str, branch: str, path: str, metadata: dict[str, str]
    ) -> tuple[int, dict[str, Any]]:
        """204 and an empty dict, or the error."""
        ...


class RunSink(Protocol):
    """The store of finished runs."""

    def record(self, run: ActionRun) -> None:
        """Keep `run`; called once for a run, before its failure is raised."""
        ...

"""Events of a repository, passed to its hooks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mlops.lakeserver.errors import HookRefused
from mlops.lakeserver.operations.lake import Lake
from mlops.lakeserver.store.records import Commit, Repository

if TYPE_CHECKING:
    from mlops.lakeserver.hooks.interface import Event


def event_of(
    event_type: str,
    repo: Repository,
    user: str,
    *,
    branch: str = "",
    source_ref: str = "",
    merge_source: str = "",
    tag: str = "",
    commit_id: bytes = b"",
    commit: Commit | None = None,
) -> Event:
    """Return the event, as hooks see it."""
    from mlops.lakeserver.hooks.interface import Event

    return Event(
        event_type=event_type,
        repository_id=repo.id,
        branch_id=branch,
        source_ref=source_ref,
        merge_source=merge_source,
        tag_id=tag,
        commit_id=commit_id.hex(),
        commit=_commit(commit) if commit else None,
        committer=commit.committer if commit else "",
        storage_namespace=repo.namespace,
        username=user,
    )


def commit_event(event_type: str, repo: Repository, branch: str, commit: Commit) -> Event:
    """Return the event of a commit; hooks read the branch before it and the commit after it."""
    done = event_type.startswith("post-")
    return event_of(
        event_type,
        repo,
        commit.committer,
        branch=branch,
        source_ref=commit.id.hex() if done else branch,
        commit_id=commit.id if done else b"",
        commit=commit,
    )


def _commit(commit: Commit) -> dict[str, object]:
    return {
        "message": commit.message,
        "meta_range_id": commit.tree.hex(),
        "creation_date": commit.created,
        "version": 1,
        "metadata": commit.metadata,
        "parents": [parent.hex() for parent in commit.parents],
    }


def concern(lake: Lake, repo: Repository, event: Event) -> bool:
    """Return whether hooks would see the event."""
    return lake.hooks is not None and not repo.read_only and lake.hooks.concerns(event, event.source_ref)


def before(lake: Lake, repo: Repository, event: Event) -> str:
    """Run the hooks of a `pre-` or `prepare-` event; return the id of their run, or raise.

    Raises:
        HookRefused: one did not.
    """
    if lake.hooks is None or repo.read_only:
        return ""
    from mlops.lakeserver.hooks.interface import ActionFileInvalid, HookFailed

    try:
        return lake.hooks.run(event, event.source_ref)
    except HookFailed as error:
        raise HookRefused(error.message, error.status) from error
    except ActionFileInvalid as error:
        raise HookRefused(error.message, error.status) from error


def after(lake: Lake, repo: Repository, event: Event, pre_run_id: str = "") -> None:
    """Schedule the hooks of a `post-` event, which change nothing for the client."""
    if lake.hooks is not None and not repo.read_only:
        event = replace(event, pre_run_id=pre_run_id)
        lake.hooks.submit(event, event.source_ref)

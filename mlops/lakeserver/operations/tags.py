"""Tags: names for commits that never move."""

from __future__ import annotations

from mlops.lakeserver.errors import BadRequest, Conflict, NotFound
from mlops.lakeserver.grammar.names import check_tag
from mlops.lakeserver.operations import events
from mlops.lakeserver.operations.branches import check_name_free
from mlops.lakeserver.operations.lake import Lake, commit, repository, resolve, writable
from mlops.lakeserver.operations.paging import Page, page_of, text_bounds
from mlops.lakeserver.store import Transaction, records
from mlops.lakeserver.store.records import Tag

_EXISTS = "tag already exists: not unique"


def list_page(lake: Lake, name: str, prefix: str, after: str, amount: int) -> Page[Tag]:
    """Return a page of the tags, by name."""
    execute = lake.store.database.reader.execute
    repo = repository(execute, name)
    lower, upper = text_bounds(prefix)
    return page_of(
        records.tags(execute, repo.rid, lower, upper, after, amount + 1), amount, lambda tag: tag.id
    )


def get(lake: Lake, name: str, tag: str) -> Tag:
    """Return the tag of that name.

    Raises:
        NotFound: there is none.
    """
    execute = lake.store.database.reader.execute
    repo = repository(execute, name)
    found = records.tag(execute, repo.rid, check_tag(tag))
    if found is None:
        raise NotFound("tag not found")
    return found


def create(lake: Lake, name: str, tag: str, ref: str, *, user: str, force: bool = False) -> Tag:
    """Create a tag at the commit that `ref` names.

    Raises:
        Conflict: there is such a tag (`force` does not move it), or a branch or commit of that name.
        HookRefused: a hook did not pass.
    """
    check_tag(tag)
    execute = lake.store.database.reader.execute
    repo = writable(execute, name, force)
    check_name_free(execute, repo, tag, as_branch=False)
    resolved = resolve(execute, repo, ref)
    if resolved.staging_only:
        raise BadRequest("ref: invalid value: validation error: should point to a commit")
    if records.tag(execute, repo.rid, tag):
        raise Conflict(_EXISTS)
    commit_id = resolved.commit_id
    event = events.event_of(
        "pre-create-tag", repo, user, tag=tag, source_ref=commit_id.hex(), commit_id=commit_id
    )
    pre_run_id = events.before(lake, repo, event)

    def work(tx: Transaction) -> None:
        check_name_free(tx.execute, repo, tag, as_branch=False)
        if records.tag(tx.execute, repo.rid, tag):
            raise Conflict(_EXISTS)
        commit(tx.execute, repo, commit_id)
        tx.execute("INSERT INTO tags (rid, id, commit_id) VALUES (?, ?, ?)", (repo.rid, tag, commit_id))

    lake.store.write(work)
    done = events.event_of(
        "post-create-tag", repo, user, tag=tag, source_ref=commit_id.hex(), commit_id=commit_id
    )
    events.after(lake, repo, done, pre_run_id)
    return Tag(tag, commit_id)


def delete(lake: Lake, name: str, tag: str, *, user: str, force: bool = False) -> None:
    """Delete the tag.

    Raises:
        NotFound: there was none.
        HookRefused: a hook did not pass.
    """
    check_tag(tag)
    execute = lake.store.database.reader.execute
    repo = writable(execute, name, force)
    found = records.tag(execute, repo.rid, tag)
    if found is None:
        raise NotFound("tag not found")
    source = found.commit_id.hex()
    pre_run_id = events.before(
        lake,
        repo,
        events.event_of("pre-delete-tag", repo, user, tag=tag, source_ref=source, commit_id=found.commit_id),
    )

    def work(tx: Transaction) -> None:
        if tx.execute("DELETE FROM tags WHERE rid = ? AND id = ?", (repo.rid, tag)).rowcount == 0:
            raise NotFound("tag not found")

    lake.store.write(work)
    done = events.event_of(
        "post-delete-tag", repo, user, tag=tag, source_ref=source, commit_id=found.commit_id
    )
    events.after(lake, repo, done, pre_run_id)

"""Forward rollback: the old content is merged as one new commit, and no commit is removed from `main`.

The commit is made on a branch from the old tree and merged with ``expected_head`` like every change, so
that `main` is never unprotected. The gate configuration stays as it is at the head. Dropped commits stay
among the ancestors of `main`; the new commit's metadata excludes them from the lineage
(`mlops.runs.main.state.lineage`).

The dropped runs are revoked and promotions are held before `main` moves. If the process dies in between,
its branch remains, and the next command finishes the rollback from it.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from mlops.runs import names
from mlops.runs.digest import document, sha256
from mlops.runs.errors import NotFound
from mlops.runs.main.merge import Proposal, merge_into_main
from mlops.runs.main.record_tags import ensure_tag, tag_dropped, tag_events
from mlops.runs.main.state import MainState, champion_of, read_json, since
from mlops.runs.ports import Lake, Ports
from mlops.runs.record.notes import note_metadata
from mlops.runs.records import Kind, RollbackRecord
from mlops.runs.rollback.plan import RollbackPlan

#: Kind of the commits on the branch: what is recorded, then the old content.
RECORD_KIND = "rollback-record"
CONTENT_KIND = "rollback-content"


def go_forward(ports: Ports, plan: RollbackPlan) -> str:
    """Carry out a planned rollback as a new commit of `main`, and return it.

    Raises:
        MainMoved: `main` has moved since the plan was made.
    """
    lake, record = ports.lake, plan.record
    branch = names.rollback_branch(record.number, ports.nonce())
    lake.create_branch(branch, record.from_commit)
    recorded, content = _prepare(ports, plan, branch)
    tag_events(lake, record.from_commit, plan.state.tags)
    tag_dropped(lake, recorded, record)
    metadata = {
        "forward": "true",
        "number": str(record.number),
        "to_commit": record.to_commit,
        "to_number": str(record.to_number),
        "record_commit": recorded,
        "reason": record.reason,
    }
    message = f"Roll back to promotion {record.to_number} by a new commit: {record.reason}"
    digests, removed = _brought(plan, lake)
    merged = merge_into_main(
        ports, plan.state, Proposal(Kind.ROLLBACK, content, message, digests, metadata, removed)
    )
    ensure_tag(lake, names.rollback_tag(record.number), recorded)
    drop(lake, branch)
    ports.tell(f"main: promotion {record.to_number} again, by the new commit {merged[:12]}")
    return merged


def _brought(plan: RollbackPlan, lake: Lake) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return path to SHA-256 of objects that the old content adds, and the paths that it removes."""
    target = plan.record.to_commit
    known = {r.path: r.sha256 for r in champion_of(lake.read(target, names.CHAMPION), target).objects}
    brought = [change.path for change in plan.changes if change.type != "removed"]
    digests = {path: known.get(path) or lake.sha256(target, path) for path in brought}
    return digests, tuple(change.path for change in plan.changes if change.type == "removed")


def _prepare(ports: Ports, plan: RollbackPlan, branch: str) -> tuple[str, str]:
    """Return two commits of a branch: the record of the rollback, and the content for `main`."""
    lake, record = ports.lake, plan.record
    data, message = document(record.to_json()), f"Record rollback {record.number}"
    said = {"kind": RECORD_KIND, "reason": record.reason[:1000]}
    tag, digests = names.rollback_tag(record.number), {names.ROLLBACK: sha256(data)}
    lake.write(branch, names.ROLLBACK, data)
    signed = note_metadata(ports, plan.state, tag, record.from_commit, message, said, digests)
    recorded = lake.commit(branch, message, signed)
    metadata = {"kind": CONTENT_KIND, "record_commit": recorded}
    content = lake.commit_tree(branch, record.to_commit, f"Content of {record.to_commit}", metadata)
    judges = [
        change
        for prefix in (names.GATE, names.ACTIONS)
        for change in lake.diff(record.to_commit, record.from_commit, prefix)
    ]
    for change in judges:
        if change.type == "removed":
            lake.remove(branch, [change.path])
        else:
            lake.copy(branch, change.path, record.from_commit, change.path)
    if judges:
        content = lake.commit(branch, "Keep the gate configuration", metadata)
    return recorded, content


def drop(lake: Lake, branch: str) -> None:
    """Remove a branch; it is not an error if it is already gone."""
    with suppress(NotFound):
        lake.delete_branch(branch)


@dataclass(frozen=True)
class Announced:
    """A rollback that has created its tags and whose branch still exists.

    Attributes:
        branch: The branch.
        record: Its record.
        owed: Whether `main` still holds the commits to drop.
    """

    branch: str
    record: RollbackRecord
    owed: bool


def announced(lake: Lake, state: MainState) -> list[Announced]:
    """Return the rollbacks that created their tags and may not have been carried out, by branch."""
    tagged = {c for t, c in state.tags.items() if t == names.HOLD_TAG or names.parse_revoked_tag(t)}
    found: list[Announced] = []
    for branch, commit in lake.branches(names.ROLLBACK_BRANCHES).items():
        if names.rollback_number(branch) is None:
            continue
        recorded = lake.commit_of(commit).metadata.get("record_commit", "")
        if recorded in tagged:
            record = RollbackRecord.from_json(read_json(lake, recorded, names.ROLLBACK))
            owed = since(lake, state.head, record.from_commit).reached
            found.append(Announced(branch, record, owed))
    return found

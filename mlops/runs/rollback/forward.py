"""Rolling back forward: the old content comes as one new commit, and nothing is taken off `main`.

The commit is made on a branch, by its tree, and merged with ``expected_head`` like everything else, so that
`main` is never unprotected. What judges stays as it is at the head. What is dropped stays among the ancestors
of `main`; that it counts no more is told by the commit's metadata (`mlops.runs.main.state.lineage`).

The dropped runs are revoked and promotions are held before `main` moves. A process that dies in between
leaves the branch behind, by which whoever comes next finishes.
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
    """Carry a planned rollback out as a new commit of `main`, and return it.

    Raises:
        MainMoved: `main` is not where the plan found it any more.
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
    """Return path to SHA-256 of what the old content brings to `main`, and the paths that go."""
    target = plan.record.to_commit
    known = {r.path: r.sha256 for r in champion_of(lake.read(target, names.CHAMPION), target).objects}
    brought = [change.path for change in plan.changes if change.type != "removed"]
    digests = {path: known.get(path) or lake.sha256(target, path) for path in brought}
    return digests, tuple(change.path for change in plan.changes if change.type == "removed")


def _prepare(ports: Ports, plan: RollbackPlan, branch: str) -> tuple[str, str]:
    """Return the commit of a branch that records the rollback, and the one with the content for `main`."""
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
        content = lake.commit(branch, "Keep what judges as it is", metadata)
    return recorded, content


def drop(lake: Lake, branch: str) -> None:
    """Remove a branch; somebody else may have been first."""
    with suppress(NotFound):
        lake.delete_branch(branch)


@dataclass(frozen=True)
class Announced:
    """A rollback that has barred runs or promotions, and whose branch is still there.

    Attributes:
        branch: The branch.
        record: What it was to do.
        owed: Whether `main` still holds what it was to drop.
    """

    branch: str
    record: RollbackRecord
    owed: bool


def announced(lake: Lake, state: MainState) -> list[Announced]:
    """Return the rollbacks that were announced by tags and may not have been carried out, by branch."""
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

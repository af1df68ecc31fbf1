"""Sweep: remove a branch when its run has ended and a tag keeps its evidence; never by age alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mlops.runs import names
from mlops.runs.approval import requires_review
from mlops.runs.arrivals.dropped import dropped_arrivals
from mlops.runs.errors import NotFound
from mlops.runs.main.record_tags import untagged
from mlops.runs.main.state import MainState, read_main, read_optional
from mlops.runs.ports import Commit, Lake, Ports
from mlops.runs.promotion.attempts import attempts_of, is_alive, is_over, load_run
from mlops.runs.records import Run, Step
from mlops.runs.rollback import forward


@dataclass(frozen=True)
class Sweepable:
    """A branch, and whether it may be removed.

    Attributes:
        branch: Its name.
        commit: The commit it is at.
        over: Whether it may be removed.
        why: The reason, one sentence.
    """

    branch: str
    commit: str
    over: bool
    why: str


@dataclass(frozen=True)
class _Known:
    """Facts about branches from `main` and its tags.

    Attributes:
        under_way: Branches of rollbacks under way.
        dropped: Path and checksum of deliveries that rollbacks dropped, to the number.
        untagged: Commits that a record tag should keep and does not yet.
    """

    under_way: set[str]
    dropped: Mapping[tuple[str, str], int]
    untagged: set[str]


def survey(ports: Ports) -> list[Sweepable]:
    """Return every branch but `main`, with whether it may be removed, ascending by name."""
    state = read_main(ports.lake)
    known = _Known(
        {entry.branch for entry in forward.announced(ports.lake, state) if entry.owed},
        {(entry.path, entry.checksum): entry.number for entry in dropped_arrivals(ports.lake, state)},
        {commit for _, commit in untagged(ports.lake, state.head, state.tags)},
    )
    return [
        _judge(ports, state, branch, commit, known)
        for branch, commit in ports.lake.branches().items()
        if branch != names.MAIN
    ]


def sweep(ports: Ports, *, dry_run: bool) -> list[Sweepable]:
    """Remove the branches of finished runs unless ``dry_run``; return the survey."""
    found = survey(ports)
    for entry in found:
        if entry.over and not dry_run and ports.lake.branches(entry.branch).get(entry.branch) == entry.commit:
            try:
                ports.lake.delete_branch(entry.branch)
            except NotFound:
                continue  # another sweep was first
    return found


def _judge(ports: Ports, state: MainState, branch: str, commit: str, known: _Known) -> Sweepable:
    if names.parse_run_branch(branch):
        over, why = _run(ports, state, branch)
    elif branch.startswith("ingest-"):
        over, why = _ingest(ports.lake, state, ports.lake.commit_of(commit), branch, known)
    elif branch.startswith("promote-"):
        over, why = _promote(ports, state, branch)
    elif branch.startswith(names.ROLLBACK_BRANCHES):
        over = state.rollback is None and branch not in known.under_way
        why = "its rollback is over" if over else "its rollback is under way"
    elif branch.startswith(("policy-", "setup-")):
        over, why = True, "it is merged at once or not at all"
    elif branch.startswith(("note-", "rehearsal-")):
        over, why = True, "it is used at once or not at all"
    else:
        over, why = False, "not a branch of this protocol"
    return Sweepable(branch, commit, over, why)


def _run(ports: Ports, state: MainState, branch: str) -> tuple[bool, str]:
    run = load_run(ports.lake, branch)
    parsed = names.parse_run_branch(branch)
    attempts = attempts_of(ports.lake, parsed.run_id) if parsed else [branch]
    later = attempts[-1] != branch
    if run is None:
        return later, "a later attempt has taken over" if later else "it is being opened"
    over, why = _of_run(ports, state, run, later=later)
    earlier = (_at_work(ports, state, b) for b in attempts[: attempts.index(branch)] if over)
    fenced = next(filter(None, earlier), "")
    return (False, f"it fences {fenced}, which works on an earlier attempt") if fenced else (over, why)


def _at_work(ports: Ports, state: MainState, branch: str) -> str:
    """Return the owner of an active attempt; empty where there is none."""
    run = load_run(ports.lake, branch)
    ended = run is None or run.step is Step.FAILED or is_over(ports.lake, state, run)
    return run.lease.owner if run is not None and not ended and is_alive(ports, run.lease) else ""


def _of_run(ports: Ports, state: MainState, run: Run, *, later: bool) -> tuple[bool, str]:
    if run.reached(Step.DECIDED) and not _kept(ports.lake, state, run):
        return False, "its evidence is not tagged yet"
    if is_over(ports.lake, state, run):
        return True, "its run is finished, its evidence tagged"
    if is_alive(ports, run.lease):
        return False, f"{run.lease.owner} is working on it"
    if later:
        return True, "a later attempt has taken over"
    if run.step is Step.FAILED:
        return True, "its run stopped before a decision"
    return False, _unfinished(ports, state, run)


def _unfinished(ports: Ports, state: MainState, run: Run) -> str:
    if run.reached(Step.DECIDED) and requires_review(read_optional(ports.lake, state.head, names.POLICY)):
        return "it waits for review: `mlops approve` or `mlops reject` ends it"
    return f"unfinished at step {run.step}: the same command continues it"


def _kept(lake: Lake, state: MainState, run: Run) -> bool:
    metadata = lake.commit_of(run.head).metadata
    evidence = metadata.get("evidence_commit") or run.head
    return state.tags.get(metadata.get("decision_tag", "")) == evidence


def _ingest(lake: Lake, state: MainState, head: Commit, branch: str, known: _Known) -> tuple[bool, str]:
    if head.metadata.get("kind") != "ingest-validation":
        return False, "its arrival has not been validated"
    if head.metadata.get("outcome") != "passed":
        return False, "its arrival failed validation: the results are kept here"
    if head.id in known.untagged:
        return False, "its evidence is not tagged yet"
    if state.tags.get(names.validated_tag(head.id)) == head.id:
        return True, "its arrival is on main, its evidence is tagged"
    data = lake.commit_of(head.parents[0])
    waiting = [
        change.path
        for change in lake.diff(state.head, data.id, names.RAW)
        if change.path.endswith(f"/{head.metadata.get('arrival')}.parquet")
    ]
    numbers = {known.dropped.get((path, lake.stat(data.id, path).checksum), 0) for path in waiting}
    if numbers and 0 not in numbers:
        return True, f"its arrival was dropped by rollback {max(numbers)}, whose record keeps it"
    return not waiting, f"{branch} differs from main" if waiting else "its arrival is on main"


def _promote(ports: Ports, state: MainState, branch: str) -> tuple[bool, str]:
    run_id = branch.split("-")[1]
    attempts = attempts_of(ports.lake, run_id)
    run = load_run(ports.lake, attempts[-1]) if attempts else None
    if run is None or is_over(ports.lake, state, run):
        return True, "its run is over"
    alive = is_alive(ports, run.lease)
    return not alive, "its run is at work" if alive else "nobody is working on it; it would be created again"

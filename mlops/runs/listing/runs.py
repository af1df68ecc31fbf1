"""Every run of a repository with its state: promoted, rolled back, refused, waiting, failed, open, and so on.

A run that was decided stays on record by the tag of its decision, also after its branch was swept. One that
stopped before a decision is known by its branch alone, and is listed as long as that exists.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from mlops.runs import names
from mlops.runs.approval import requires_review
from mlops.runs.decisions import Outcome
from mlops.runs.listing.facts import Facts, facts_of, read_facts
from mlops.runs.main.state import MainState, kind_of, lineage, read_optional
from mlops.runs.ports import Lake
from mlops.runs.records import Kind, Step


class RunState(StrEnum):
    """States of a run."""

    CHAMPION = "champion"
    PROMOTED = "promoted"
    ROLLED_BACK = "rolled back"
    REFUSED = "refused"
    WAITING = "waiting for review"
    REJECTED = "rejected"
    FAILED = "failed"
    OPEN = "open"
    FORGOTTEN = "forgotten"


@dataclass(frozen=True)
class Listed:
    """One run.

    Attributes:
        run_id: The run.
        state: Its state.
        commit: The commit that tells of it: its evidence, or the head of its branch.
        decided: Whether that commit holds a decision that counts.
        facts: What the metadata of the commit tells; see `mlops.runs.listing.facts`.
        branch: The branch of its newest attempt; empty where none is left.
        number: Number of its promotion; 0 without one.
        merge_commit: The promotion's commit; empty without one.
    """

    run_id: str
    state: RunState
    commit: str
    decided: bool
    facts: Facts
    branch: str = ""
    number: int = 0
    merge_commit: str = ""

    @property
    def at_s(self) -> int:
        """Time of the commit that tells of it, Unix seconds."""
        return int(self.facts.get("at_s", 0))

    @property
    def params(self) -> Mapping[str, Any]:
        """Its parameters."""
        return self.facts.get("params", {})


@dataclass
class _Gathered:
    """The commits that tell of one run, as they are found."""

    decisions: list[str] = field(default_factory=list[str])
    branch: str = ""
    head: str = ""
    number: int = 0
    merge: str = ""
    evidence: str = ""
    merged_at_s: int = 0
    on_main: bool = False
    forgotten: str = ""


def list_runs(lake: Lake, state: MainState, known: MutableMapping[str, Facts]) -> list[Listed]:
    """Return every run of a repository, the newest first.

    Args:
        lake: The repository.
        state: `main` and its tags.
        known: Facts of commits that were read before; what is read now is added.
    """
    gathered: dict[str, _Gathered] = {}
    _add_promotions(lake, state, known, gathered)
    looks = {commit: tag for tag, commit in state.tags.items() if names.parse_decision_tag(tag)}
    branches = _newest_attempts(lake)
    facts = read_facts(lake, [*looks, *(head for _, head in branches.values())], known)
    for commit in looks:
        run_id = facts.get(commit, {}).get("run_id", "")
        if run_id:
            gathered.setdefault(run_id, _Gathered()).decisions.append(commit)
    for run_id, (branch, head) in branches.items():
        if facts.get(head, {}).get("run_branch") == branch:
            found = gathered.setdefault(run_id, _Gathered())
            found.branch, found.head = branch, head
    for tag, commit in state.tags.items():
        if tag.startswith(names.forgotten_tag("")):
            gathered.setdefault(tag.removeprefix(names.forgotten_tag("")), _Gathered()).forgotten = commit
    facts |= read_facts(lake, _further(gathered), known)
    review = requires_review(read_optional(lake, state.head, names.POLICY))
    listed = [_listed(run_id, found, facts, state, review=review) for run_id, found in gathered.items()]
    return sorted((run for run in listed if run), key=lambda run: (run.at_s, run.run_id), reverse=True)


def _further(gathered: Mapping[str, _Gathered]) -> Iterator[str]:
    for found in gathered.values():
        yield from (commit for commit in (found.evidence, found.forgotten) if commit)


def _add_promotions(
    lake: Lake, state: MainState, known: MutableMapping[str, Facts], gathered: dict[str, _Gathered]
) -> None:
    """Add the promotions in the lineage of `main`, and those that only their tags still name."""
    on_main = {c.id: facts_of(c) for c in lineage(lake, state.head) if kind_of(c) is Kind.PROMOTION}
    tagged = [commit for tag, commit in state.tags.items() if names.is_promotion_tag(tag)]
    dropped = read_facts(lake, [commit for commit in tagged if commit not in on_main], known)
    for commit, facts in {**dropped, **on_main}.items():
        run_id, number = str(facts.get("run_id", "")), str(facts.get("number", ""))
        if facts.get("kind") == Kind.PROMOTION and run_id and number.isdecimal():
            found = gathered.setdefault(run_id, _Gathered())
            found.number, found.merge, found.merged_at_s = int(number), commit, int(facts["at_s"])
            found.evidence, found.on_main = str(facts.get("evidence_commit", "")), commit in on_main


def _newest_attempts(lake: Lake) -> dict[str, tuple[str, str]]:
    """Return run id to branch and commit of its newest attempt."""
    newest: dict[str, tuple[int, str, str]] = {}
    for branch, head in lake.branches("run-").items():
        parsed = names.parse_run_branch(branch)
        if parsed and parsed.attempt > newest.get(parsed.run_id, (0, "", ""))[0]:
            newest[parsed.run_id] = (parsed.attempt, branch, head)
    return {run_id: (branch, head) for run_id, (_, branch, head) in newest.items()}


def _listed(
    run_id: str, found: _Gathered, facts: Mapping[str, Facts], state: MainState, *, review: bool
) -> Listed | None:
    """Return a run in its state; None where nothing that tells of it is left."""
    if found.forgotten and not found.on_main:
        return Listed(run_id, RunState.FORGOTTEN, found.forgotten, False, facts.get(found.forgotten, {}))
    commit = found.evidence or max(
        found.decisions, key=lambda c: (facts[c]["at_s"], facts[c].get("attempt", 0)), default=""
    )
    decided = bool(commit)
    commit = commit or found.head
    if not commit:
        return None
    told = facts.get(commit, {"run_id": run_id, "at_s": found.merged_at_s, "params": {}})
    return Listed(
        run_id, _state(run_id, found, told, state, decided, review), commit, decided, told,
        found.branch, found.number, found.merge,
    )  # fmt: skip


def _state(
    run_id: str, found: _Gathered, told: Facts, state: MainState, decided: bool, review: bool
) -> RunState:
    if found.on_main:
        served = state.champion is not None and state.champion.run_id == run_id
        return RunState.CHAMPION if served else RunState.PROMOTED
    if found.merge or state.is_revoked(run_id):
        return RunState.ROLLED_BACK
    if names.rejected_tag(run_id) in state.tags:
        return RunState.REJECTED
    if decided:
        return _decided_state(told, review)
    return RunState.FAILED if told.get("step") == Step.FAILED else RunState.OPEN


def _decided_state(told: Facts, review: bool) -> RunState:
    if told.get("outcome") == Outcome.REFUSE:
        return RunState.REFUSED
    return RunState.WAITING if review else RunState.OPEN

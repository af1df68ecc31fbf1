"""Facts about a run in the metadata of one of its commits, and in the decision that the commit may hold.

Commits never change, so whoever lists runs again can hand in what was read before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from mlops.runs import json_values, names
from mlops.runs.decisions import Decision
from mlops.runs.errors import Corrupt, NotFound
from mlops.runs.main.state import read_json
from mlops.runs.ports import Commit, Lake

Read = TypeVar("Read")

#: Plain values about a commit: they are kept in a file between two listings.
Facts = Mapping[str, Any]

#: How many commits are read at the same time.
READERS = 8

_WHOLE = ("attempt", "opened_at_s", "restores")
_TEXT = (
    *("kind", "run_id", "step", "fork", "outcome", "reason", "sentence", "decision_tag", "compared_to"),
    *("run_branch", "evidence_commit", "number", "forgotten_run"),
)


def facts_of(commit: Commit) -> dict[str, Any]:
    """Return what the metadata of a commit tells about a run; a commit of no run tells its time alone."""
    meta = commit.metadata
    facts: dict[str, Any] = {key: meta[key] for key in _TEXT if key in meta}
    facts |= {key: int(meta[key]) for key in _WHOLE if meta.get(key, "").isdecimal()}
    facts["at_s"] = commit.created_at_s
    try:
        inputs = json_values.parse(meta["inputs"])
        facts["params"], facts["seed"] = dict(inputs["params"]), inputs["seed"]
    except (KeyError, TypeError, ValueError):
        facts["params"] = {}
    return facts


def read_facts(lake: Lake, commits: Iterable[str], known: MutableMapping[str, Facts]) -> dict[str, Facts]:
    """Return commit id to facts; what is not known yet is read and added, and lost commits are left out.

    Args:
        lake: The repository.
        commits: Commit ids.
        known: Facts that were read before.
    """
    wanted = list(dict.fromkeys(commits))
    missing = [commit for commit in wanted if commit not in known]
    for commit, found in zip(missing, _all(lambda c: _commit(lake, c), missing), strict=True):
        if found is not None:
            known[commit] = facts_of(found)
    return {commit: known[commit] for commit in wanted if commit in known}


def read_results(lake: Lake, commits: Iterable[str], known: MutableMapping[str, Facts]) -> dict[str, Facts]:
    """Return commit id to what its decision found: the deciding interval and the metrics.

    Commits without a readable decision are left out.
    """
    wanted = list(dict.fromkeys(commits))
    missing = [commit for commit in wanted if commit not in known]
    for commit, found in zip(missing, _all(lambda c: _result(lake, c), missing), strict=True):
        if found is not None:
            known[commit] = found
    return {commit: known[commit] for commit in wanted if commit in known}


def result_of(decision: Decision) -> dict[str, Any]:
    """Return the deciding interval and the metrics of a decision as plain values."""
    first = next(iter(decision.verdict.intervals), None)
    gain = None
    if first is not None:
        gain = {
            "metric": first.name,
            "against": first.against,
            "value": first.candidate,
            "difference": first.difference,
            "lower": first.lower,
            "upper": first.upper,
            "bound": first.bound,
        }
    reasons = [str(finding.reason) for finding in decision.verdict.findings]
    return json_values.nulled({"gain": gain, "reasons": reasons, "metrics": dict(decision.metrics)})


def _all(read: Callable[[str], Read], commits: list[str]) -> list[Read]:
    if len(commits) < READERS:
        return [read(commit) for commit in commits]
    with ThreadPoolExecutor(READERS) as readers:
        return list(readers.map(read, commits))


def _commit(lake: Lake, commit: str) -> Commit | None:
    try:
        return lake.commit_of(commit)
    except NotFound:
        return None


def _result(lake: Lake, commit: str) -> dict[str, Any] | None:
    try:
        return result_of(Decision.from_json(read_json(lake, commit, names.DECISION)))
    except (Corrupt, NotFound):
        return None

"""Runs on record: read from `main` and the record tags alone.

The branch of a finished run may be removed, so branches cannot show if there was such a run. The promotion
on `main` and the tag of every decision stay; the tag keeps the commit with the evidence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from mlops.runs import names
from mlops.runs.main.state import MainState, promotions
from mlops.runs.ports import Commit, Lake


@dataclass(frozen=True)
class Recorded:
    """The runs on record, read on first access.

    Attributes:
        lake: The repository.
        state: `main` and its tags.
    """

    lake: Lake
    state: MainState

    def evidence(self, run_id: str) -> Commit | None:
        """Return the commit of the decision in force for a run, or None where none is on record.

        For a promoted run it is the decision of the promotion, else the newest one.
        """
        evidence = self._promoted.get(run_id)
        return self.lake.commit_of(evidence) if evidence is not None else self._decided.get(run_id)

    @cached_property
    def _promoted(self) -> Mapping[str, str]:
        """Return run to evidence commit, for the promotions that `main` is based on."""
        return {
            commit.metadata["run_id"]: commit.metadata["evidence_commit"]
            for commit in promotions(self.lake, self.state.head)
        }

    @cached_property
    def _decided(self) -> Mapping[str, Commit]:
        """Return run to its newest decision, for runs without a promotion on `main`."""
        tags = {commit: look for tag, commit in self.state.tags.items() if (look := _look(tag))}
        known = set(self._promoted.values())
        newest: dict[str, Commit] = {}
        order: dict[str, tuple[int, int, int]] = {}
        for commit_id in sorted(tags.keys() - known):
            commit = self.lake.commit_of(commit_id)
            run_id, attempt = commit.metadata.get("run_id", ""), commit.metadata.get("attempt", "")
            if not run_id or not attempt.isdecimal():
                continue  # a decision that was forgotten leads to the request alone
            place = (commit.created_at_s, int(attempt), tags[commit_id])
            if place >= order.get(run_id, place):
                newest[run_id], order[run_id] = commit, place
        return newest


def _look(tag: str) -> int:
    parsed = names.parse_decision_tag(tag)
    return parsed.look if parsed else 0

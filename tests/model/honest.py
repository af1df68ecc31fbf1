"""Branches of runs that only the runs themselves write to: in the model nobody puts anything else there.

What a run's signed statements prove is tested elsewhere. Here it would tell equal states apart by how they
came about, as every statement names the commit before it.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from mlops.runs import names
from mlops.runs.digest import sha256
from mlops.runs.promotion.step_commits import run_of
from mlops.runs.records import Run

if TYPE_CHECKING:
    from tests.model.lake import ModelLake


class Honest(dict[str, Run]):
    """The attempt at every commit of a run, with what the commit holds as what its steps wrote."""

    def __init__(self, lake: ModelLake) -> None:
        super().__init__()
        self._lake = lake

    def get(self, commit: str, default: Any = None) -> Any:
        """Return the attempt at a commit, or ``default`` where the commit is not a run's."""
        if self._lake.commit_of(commit).metadata.get("kind") != "run":
            return default
        # Decisions that differ in which commit they read the champion of have one commit id in the model: the
        # evidence commit's own content counts, not what a later commit of the branch repeats of it.
        evidence = self._lake.commit_of(commit).metadata.get("evidence_commit") or commit
        tree = self._lake.contents(evidence)
        own = (*names.OUTPUTS, names.CHAMPION)
        outputs = {path: sha256(entry.data) for path, entry in tree.items() if path.startswith(own)}
        return dataclasses.replace(run_of(self._lake.commit_of(commit)), outputs=outputs)

    def __getitem__(self, commit: str) -> Run:
        return self.get(commit)

"""The judge: scores models on committed rows, and returns the evidence."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from mlops.runs.decisions import Decision, Policy
from mlops.runs.evidence import Paired
from mlops.runs.records import Champion, Run


class Judge(Protocol):
    """Scores committed models on committed rows, and reads the policy that judges them."""

    def evaluate(self, run: Run, candidate: str, champion: tuple[str, Champion] | None) -> Evaluation:
        """Score a candidate and the champion on the same committed holdout rows.

        Args:
            run: The candidate's run.
            candidate: Commit with the candidate's model and training rows.
            champion: Commit of `main` and the champion there, or None for the first model.
        """
        ...

    def policy(self, data: bytes) -> Policy:
        """Return the policy that the content of ``gate/policy.yaml`` describes, or raise `ConfigError`."""
        ...

    def holdout_id(self, commit: str, paired: Paired) -> str:
        """Return the identity of the holdout of the evidence in a commit, by the rule there."""
        ...

    def page(self, run: Run, decision: Decision, beside: Collection[str]) -> bytes:
        """Return ``reports/run.md`` for a decision.

        Args:
            run: The run.
            decision: The decision.
            beside: Paths of the pages that lie beside it, to be linked.
        """
        ...


@dataclass(frozen=True)
class Evaluation:
    """Evidence, and the bytes it is stored as.

    Attributes:
        paired: Losses per cluster and slice.
        predictions: Content of ``reports/predictions.parquet``; empty where there is no model.
        metrics: Content of ``reports/metrics.json``.
        holdout_source: Commit whose holdout was used, if not the candidate's own; empty otherwise.
        unscorable: Why the champion could not be scored; then the evidence is without one. Empty otherwise.
        details: Path to content of what the task tells beyond the losses; nobody decides by it.
        read: Name to digest of what was scored: the candidate's objects by path, the holdout's rows.
    """

    paired: Paired
    predictions: bytes
    metrics: Mapping[str, float]
    holdout_source: str = ""
    unscorable: str = ""
    details: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    read: Mapping[str, str] = field(default_factory=dict[str, str])

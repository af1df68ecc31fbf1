"""The rule of mode dev: everything may be tried, and nothing is promoted, now or later.

The mode is among the inputs of a run, so a run of mode dev has another id than the same run elsewhere, and
neither continues the other. Its verdict is a refusal on record, which says what the gate found.
"""

from __future__ import annotations

import dataclasses

from mlops.runs.decisions import Finding, Outcome, Reason, Verdict
from mlops.runs.errors import PromotionOff
from mlops.runs.inputs import Mode
from mlops.runs.ports import Ports
from mlops.runs.records import Run

_ELSEWHERE = "choose an environment in another mode"


def check_promotes(ports: Ports) -> None:
    """Check that this environment promotes at all, else raise `PromotionOff`."""
    if ports.mode is Mode.DEV:
        raise PromotionOff(
            "nothing is promoted from an environment in mode dev",
            where=ports.lake.repository,
            todo=_ELSEWHERE,
        )


def check_promotable(run: Run) -> None:
    """Check that a run was not made in mode dev, else raise `PromotionOff`."""
    if run.inputs.is_dev:
        raise PromotionOff(
            f"run {run.run_id} was made in mode dev and is never promoted",
            where=run.branch,
            todo="make a new run in another environment",
        )


def check_same_mode(ports: Ports, run: Run) -> None:
    """Check that a run belongs to this environment's mode, else raise `PromotionOff`.

    A process in mode dev records no decision of another run, and no other process one of a run of mode dev.
    """
    if not run.inputs.is_dev:
        check_promotes(ports)
    elif ports.mode is not Mode.DEV:
        check_promotable(run)


def judged_in_mode(run: Run, verdict: Verdict) -> Verdict:
    """Return the verdict as it stands for the run's mode: in mode dev a refusal with what was found."""
    if not run.inputs.is_dev:
        return verdict
    sentence = (
        "The run was made in mode dev and is never promoted; elsewhere it would be "
        f"{'promoted' if verdict.promotes else 'refused'}. "
        f"Its evaluation is number {verdict.look} on this holdout and counts like any other."
    )
    findings = (Finding(Reason.DEV_RUN, sentence), *verdict.findings)
    return dataclasses.replace(verdict, outcome=Outcome.REFUSE, findings=findings)

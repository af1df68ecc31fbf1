# pandas ships no precise types: what an expression gives is guessed, often wrongly.
# pyright: reportArgumentType=false, reportCallIssue=false, reportGeneralTypeIssues=false

"""Differences between an evaluation that an audit repeated and the one on record."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mlops.adapters import tables
from mlops.runs import names
from mlops.runs.audit.subject import PromotionSubject
from mlops.runs.audit.verdicts import TOLERANCE
from mlops.runs.evidence import Contender
from mlops.steps.audit.loss_sums import differences
from mlops.steps.evaluation.paired_losses import predicted_by

if TYPE_CHECKING:
    import pandas as pd

    from mlops.pipelines.tasks import Task
    from mlops.runs.ports import Evaluation


def scored_otherwise(task: Task, subject: PromotionSubject, again: Evaluation) -> Iterator[str]:
    """Yield differences between a repeated evaluation and the recorded one.

    Args:
        task: What the pipeline predicts.
        subject: The promotion that was evaluated again.
        again: The repeated evaluation.
    """
    recorded, replaced = subject.paired, subject.replaced
    if replaced and not recorded.has_champion and not again.unscorable:
        yield f"the champion, promotion {replaced.number}, can be scored, but the evidence says otherwise"
        return
    if replaced and recorded.has_champion and again.unscorable:
        yield f"the champion, promotion {replaced.number}, cannot be scored: {again.unscorable}"
        return
    yield from differences(again.paired.series, recorded)
    for name in ("holdout_digest", "train_overlap", "candidate_trained_until", "holdout_from", "folds"):
        if getattr(again.paired, name) != getattr(recorded, name):
            yield f"{name} is {getattr(again.paired, name)!r} by scoring again"
    yield from _predicted_otherwise(task, subject.predictions_data, again.predictions)


def _predicted_otherwise(task: Task, recorded: bytes, again: bytes) -> Iterator[str]:
    one, other = (tables.read_parquet(data, where=names.PREDICTIONS) for data in (recorded, again))
    for contender in Contender:
        mine, theirs = (predicted_by(task, frame, contender) for frame in (one, other))
        off = len(theirs)
        if len(mine) == len(theirs):
            off = int((~(_near(mine, theirs) | (mine.isna() & theirs.isna()).all(axis=1))).sum())
        if off:
            yield f"{off} of {len(theirs)} predictions of the {contender} are not what its model predicts"


def _near(one: pd.DataFrame, other: pd.DataFrame) -> pd.Series:
    """Return which rows hold the same texts, or numbers that differ by no more than rounding."""
    import numpy as np
    import pandas as pd

    near = pd.Series(data=True, index=one.index)
    for column in one.columns:
        mine, theirs = one[column], other[column]
        if pd.api.types.is_numeric_dtype(mine) and pd.api.types.is_numeric_dtype(theirs):
            near &= np.isclose(mine, theirs, rtol=TOLERANCE, atol=0.0)
        else:
            near &= mine == theirs
    return near

# pandas ships no precise types: what an expression gives is guessed, often wrongly.
# pyright: reportArgumentType=false

"""Proofs of promotions of data without a model: evidence and numbers follow from the rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mlops.adapters import tables
from mlops.runs import names
from mlops.runs.audit.subject import PromotionSubject
from mlops.steps.evaluation.data_alone import data_evidence, data_metrics

if TYPE_CHECKING:
    from mlops.pipelines.spec import PipelineSpec


def other_kind(spec: PipelineSpec, subject: PromotionSubject) -> str:
    """Return how promotion and pipeline differ in whether there is a model; empty where they agree."""
    if spec.has_model == subject.champion.has_model:
        return ""
    has, brought = ("has a model", "none") if spec.has_model else ("has no model", "one")
    return f"the pipeline {spec.name} {has}, and the promotion brought {brought}"


def unproved_evidence(spec: PipelineSpec, subject: PromotionSubject) -> Iterator[str]:
    """Yield how the evidence and the metrics of a promotion do not follow from its rows."""
    rows = tables.read_parquet(subject.read(names.ROWS), where=names.ROWS)
    again, recorded = data_evidence(spec, rows), subject.paired
    if again.rows != recorded.rows:
        yield f"the evidence is of {recorded.rows} rows, {names.ROWS} has {again.rows}"
    if again.holdout_digest != recorded.holdout_digest:
        yield f"{names.ROWS} holds other rows than the evidence names"
    if again.identity != recorded.identity:
        yield "its decision was counted for another holdout than that of data without a model"
    if data_metrics(rows) != dict(subject.decision.metrics):
        yield "the metrics do not follow from the rows"

"""Check that the details of a decision follow from its predictions."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mlops.runs import json_values, names
from mlops.runs.errors import NotFound
from mlops.steps.evaluation.details import details_of

if TYPE_CHECKING:
    import pandas as pd

    from mlops.pipelines.tasks import Task
    from mlops.runs.audit.subject import PromotionSubject

#: Sums of floating-point numbers may differ in the last digits between machines.
_TOLERANCE = 1e-9


def unproved_details(task: Task, subject: PromotionSubject, predictions: pd.DataFrame) -> Iterator[str]:
    """Yield whether ``reports/details.json`` says something else than the predictions do.

    Evidence of a time before there were details has none.
    """
    try:
        stated = json_values.parse(subject.read(names.DETAILS))
    except NotFound:
        return
    if not _same(stated, details_of(task, predictions)):
        yield f"{names.DETAILS} does not follow from the predictions"


def _same(one: Any, other: Any) -> bool:
    """Return whether two values of JSON are the same, numbers within the tolerance."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, int | float) and isinstance(other, int | float):
        return math.isclose(one, other, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE)
    return one == other

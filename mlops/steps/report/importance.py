# pandas ships no precise types: what an expression gives is guessed, often wrongly.
# pyright: reportArgumentType=false, reportCallIssue=false, reportGeneralTypeIssues=false

"""Permutation importance: how much worse the candidate predicts when one column's values are exchanged.

Breiman, "Random Forests", *Machine Learning* 45, 2001, section 10; on rows that the model was not fitted on.
A column whose exchange changes nothing is not used, or others say the same.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops.adapters.policy import files
from mlops.runs import names
from mlops.runs.errors import Corrupt, InputError, NotFound
from mlops.runs.evidence import Contender, loss_of
from mlops.runs.gate.intervals import contrast
from mlops.runs.promotion.promote import records
from mlops.steps.champion import model_at
from mlops.steps.evaluation.score import predict, texts
from mlops.steps.rolling.periods import periods_of

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from mlops.pipelines.spec import PipelineSpec
    from mlops.steps.report.evidence import Evidence
    from mlops.steps.workspace import Workspace

#: How often each column is exchanged.
REPETITIONS = 3
#: Units that are predicted with exchanged values, at most, and the least that say anything.
MOST_UNITS, LEAST_UNITS = 1_000, 50
#: How long all predictions may take, by the prediction time on record.
BUDGET_MS = 500
LEVEL = 0.05
_SEED = 20130101


@dataclass(frozen=True)
class Importance:
    """The importance of one column: growth of the deciding metric, with its interval.

    Attributes:
        column: The column.
        value: By how much the metric grows when its values are exchanged.
        lower: Lower end of the interval.
        upper: Upper end.
    """

    column: str
    value: float
    lower: float
    upper: float


def importances(workspace: Workspace, evidence: Evidence) -> tuple[Importance, ...]:
    """Return the importance of each column for the candidate, the largest first.

    Returns:
        Nothing where there is no model, it cannot be loaded, or it predicts too slowly for a report. Equal
        evidence gives equal numbers.
    """
    spec = evidence.spec
    if not spec.has_model or evidence.predictions is None:
        return ()
    try:
        units = _units(workspace, evidence)
        columns = list(spec.task.unit_input(spec))
        chosen = _evenly(len(units), _affordable(evidence, len(columns)))
        if len(chosen) < LEAST_UNITS:
            return ()
        objects = records(workspace.lake, evidence.commit, (names.MODEL,))
        model = model_at(workspace.lake, evidence.commit, objects, spec.trusted_types)
        found = _measured(
            spec, model, units.iloc[chosen].reset_index(drop=True), columns, evidence.policy.metric
        )
    except (Corrupt, InputError, NotFound):
        return ()  # the record of the run was erased in part, or its model is not loadable here
    return tuple(sorted(found, key=lambda each: -each.value))


def _units(workspace: Workspace, evidence: Evidence) -> pd.DataFrame:
    """Return the units that the promoted model has not seen: of several periods the newest."""
    spec, frames = evidence.spec, workspace.frames
    holdout = frames.read(evidence.commit, names.HOLDOUT)
    units = spec.task.units(spec, holdout, frames.read(evidence.commit, names.TRAIN))
    rule = files.parse_holdout_rule(workspace.lake.read(evidence.run.fork, names.HOLDOUT_RULE))
    return units.iloc[periods_of(spec, rule, units)[-1].rows] if rule.is_rolling else units


def _affordable(evidence: Evidence, columns: int) -> int:
    """Return how many units can be predicted again and again within the budget."""
    footprint = evidence.paired.footprint
    if footprint is None or not columns:
        return 0
    in_time = 1_000 * BUDGET_MS / max(footprint.prediction_ms_per_1000_rows, 1e-6)
    return min(MOST_UNITS, int(in_time / (columns * REPETITIONS)))


def _evenly(count: int, most: int) -> list[int]:
    """Return at most ``most`` positions, evenly spaced."""
    step = max(1.0, count / most) if most else math.inf
    return [int(place * step) for place in range(min(count, most))]


def _measured(
    spec: PipelineSpec, model: Any, units: pd.DataFrame, columns: list[str], metric: str
) -> list[Importance]:
    import numpy as np
    import pandas as pd

    random = np.random.default_rng(_SEED)
    orders = [random.permutation(len(units)) for _ in range(REPETITIONS)]
    exchanged = [
        units.assign(**{column: units[column].take(order).array}) for column in columns for order in orders
    ]
    # One prediction of everything: most of the time of a small one is spent on its beginning.
    together = pd.concat([units, *exchanged], ignore_index=True)
    losses = _losses(spec, model, together, metric).reshape(-1, len(units))
    clusters, codes = np.unique(np.asarray(texts(units[spec.cluster])), return_inverse=True)
    if len(clusters) < 2:
        return []
    counts = np.bincount(codes).tolist()

    def summed(each: np.ndarray) -> list[float]:
        return np.bincount(codes, weights=each, minlength=len(clusters)).tolist()

    plain, found = summed(losses[0]), list[Importance]()
    for place, column in enumerate(columns):
        begin = 1 + place * REPETITIONS
        worse = contrast(
            [summed(losses[begin : begin + REPETITIONS].mean(axis=0)), plain], [1, -1], counts, metric, LEVEL
        )
        found.append(Importance(column, worse.value, worse.lower, worse.upper))
    return found


def _losses(spec: PipelineSpec, model: Any, units: pd.DataFrame, metric: str) -> np.ndarray:
    predicted = predict(spec, model, units, Contender.CANDIDATE)
    return spec.task.costs(spec.task.targets(units[spec.target]), predicted)[loss_of(metric)]

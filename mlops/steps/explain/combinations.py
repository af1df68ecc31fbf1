# pandas ships no precise types: what an expression gives is guessed, often wrongly.
# pyright: reportArgumentType=false, reportCallIssue=false, reportGeneralTypeIssues=false

"""Old and new data with old and new model: predictions from the record where there are any, else fitted."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops.adapters.policy import files
from mlops.runs import names
from mlops.runs.errors import Corrupt, InputError, bounded
from mlops.runs.evidence import Contender, loss_of
from mlops.steps.evaluation.paired_losses import CLUSTER, TARGET, predicted_by
from mlops.steps.evaluation.score import predict
from mlops.steps.explain.effects import (
    CANDIDATE,
    CHAMPION,
    NEW_DATA,
    NEW_MODEL,
    ClusterLosses,
    Combination,
    named,
)
from mlops.steps.rolling.fold_models import fitted, index_of, latest, together

if TYPE_CHECKING:
    import pandas as pd

    from mlops.runs.records import HoldoutRule, RunInputs
    from mlops.steps.report.evidence import Evidence
    from mlops.steps.workspace import Workspace


@dataclass(frozen=True)
class Sides:
    """A run and the champion that it was compared with: what each was fitted on, and what is equal.

    Attributes:
        rows: Training rows, old and new; the same object where they are equal.
        inputs: Inputs of the runs, old and new.
        same_data: Whether the training rows are equal.
        same_model: Whether code, parameters and seed are.
        same_code: Whether the code is.
    """

    rows: tuple[pd.DataFrame, pd.DataFrame]
    inputs: tuple[RunInputs, RunInputs]
    same_data: bool
    same_model: bool
    same_code: bool

    def recorded(self, combination: Combination) -> Contender | None:
        """Return whose recorded predictions are those of a combination; None where it was never fitted."""
        data = combination[0] if not self.same_data else None
        model = combination[1] if not self.same_model else None
        wanted = {place for place in (data, model) if place is not None}
        if len(wanted) > 1:
            return None
        return Contender.CHAMPION if wanted == {0} else Contender.CANDIDATE


def losses_of(workspace: Workspace, evidence: Evidence, sides: Sides) -> ClusterLosses:
    """Return the losses of every combination that can be had, on the rows that judged the run.

    A model of the champion's code cannot be fitted where that is not the code of the run: then `NEW_DATA` is
    left out.

    Raises:
        Corrupt: The recorded predictions are not of the recorded holdout.
        InputError: A combination cannot be fitted or does not predict these rows.
    """
    spec, predictions = evidence.spec, evidence.predictions
    assert predictions is not None  # noqa: S101 - whoever calls has found a model
    holdout = workspace.frames.read(evidence.commit, names.HOLDOUT)
    rule = files.parse_holdout_rule(workspace.lake.read(evidence.run.fork, names.HOLDOUT_RULE))
    units = spec.task.units(spec, holdout, sides.rows[1])
    if len(units) != len(predictions):
        raise Corrupt("the predictions are of other rows than the holdout", where=evidence.commit)
    wanted = [CHAMPION, CANDIDATE, NEW_MODEL]
    if sides.same_code or sides.same_data:
        wanted.append(NEW_DATA)
    missing = [combination for combination in wanted if sides.recorded(combination) is None]
    predicted: dict[Combination, pd.DataFrame] = {}
    for combination in wanted:
        who = sides.recorded(combination)
        if who is None:
            place = missing.index(combination) + 1
            workspace.ports.tell(f"fitting {named(combination)} ({place} of {len(missing)})")
            predicted[combination] = _fit(workspace, sides, combination, holdout, units, rule)
        else:
            predicted[combination] = predicted_by(spec.task, predictions, who)
    return _summed(evidence, predictions, predicted)


def _fit(
    workspace: Workspace,
    sides: Sides,
    combination: Combination,
    holdout: pd.DataFrame,
    units: pd.DataFrame,
    rule: HoldoutRule,
) -> pd.DataFrame:
    """Return what one combination predicts for the units of the holdout."""
    spec, rows = workspace.spec, sides.rows[combination[0]]
    inputs = sides.inputs[combination[1]]
    params = spec.parameters(inputs.params)
    try:
        if not rule.is_rolling:
            [model] = fitted(spec, params, inputs.seed, [rows])
            return predict(spec, model, units, Contender.CANDIDATE)
        index, earlier = index_of(spec, rule, rows, holdout)
        models: list[Any] = list(fitted(spec, params, inputs.seed, [*earlier, rows]))
        rolled = together(index, latest(spec, rows), models)
        return predict(spec, rolled, units, Contender.CANDIDATE, rule)
    # A model is whatever a pipeline says it is, and may fail in any way on rows that were not made for it.
    except Exception as error:
        raise InputError(
            f"{named(combination)}: cannot be fitted: {bounded(f'{type(error).__name__}: {error}', 200)}",
            where=spec.name,
        ) from error


def _summed(
    evidence: Evidence, predictions: pd.DataFrame, predicted: Mapping[Combination, pd.DataFrame]
) -> ClusterLosses:
    """Return the deciding loss summed per cluster, ascending by name."""
    import numpy as np

    task, loss = evidence.spec.task, loss_of(evidence.policy.metric)
    clusters, codes = np.unique(predictions[CLUSTER].to_numpy(dtype=str), return_inverse=True)
    places = [np.flatnonzero(codes == code) for code in range(len(clusters))]
    sums: dict[Combination, tuple[float, ...]] = {}
    for combination, frame in predicted.items():
        costs = task.costs(predictions[TARGET], frame)[loss]
        sums[combination] = tuple(math.fsum(costs[some].tolist()) for some in places)
    return ClusterLosses(tuple(len(some) for some in places), sums)

# pandas ships no precise types: what an expression gives is guessed, often wrongly.
# pyright: reportArgumentType=false, reportCallIssue=false, reportReturnType=false, reportGeneralTypeIssues=false

"""Scoring: two models on the same rows, as predictions, as sums of losses per cluster, and as metrics.

How a model predicts and what a prediction costs is said by the pipeline's task.

The same models and rows give the same numbers, in whatever order the rows come.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops.pipelines.holdout import row_digest
from mlops.runs.errors import InputError, NotPromoted
from mlops.runs.evidence import Contender, Fold, Footprint, Paired
from mlops.steps.evaluation.overlap import overlap_of_models
from mlops.steps.evaluation.paired_losses import CLUSTER, TARGET, metrics, prediction_column, series
from mlops.steps.rolling.periods import (
    baseline_of_periods,
    folds_of,
    periods_of,
    predict_periods,
)

if TYPE_CHECKING:
    import pandas as pd

    from mlops.pipelines.spec import PipelineSpec
    from mlops.runs.records import HoldoutRule

MISSING = "(missing)"


class ChampionUnscorable(NotPromoted):
    """The champion cannot be scored on the holdout, so it cannot be compared with a candidate."""


@dataclass(frozen=True)
class RecordedPredictions:
    """Predictions of a model that was scored on these very units before; they stand for the model.

    Attributes:
        predictions: One row per unit, in order, with the columns of the task.
        footprint: Size and prediction time of the model, as measured then.
    """

    predictions: pd.DataFrame
    footprint: Footprint

    def of(self, units: pd.DataFrame) -> pd.DataFrame:
        """Return the recorded predictions of all units.

        Raises:
            InputError: They are of another number of units.
        """
        if len(units) != len(self.predictions):
            raise InputError(f"{len(self.predictions)} predictions are on record for {len(units)} rows")
        return self.predictions


@dataclass(frozen=True)
class Scored:
    """The result of scoring.

    Attributes:
        predictions: One row per unit, in order: the columns of its key, ``cluster`` (text), ``target``
            and the predictions of ``candidate``, ``champion`` (missing where there is none) and
            ``baseline``; with several predicted columns ``candidate:<column>`` and so on.
        paired: Losses per cluster and slice.
        metrics: The task's metrics of the candidate, e.g. ``mae``, the same of the others as ``champion_mae``
            and so on, and ``holdout_rows``; only what is finite.
    """

    predictions: pd.DataFrame
    paired: Paired
    metrics: Mapping[str, float]


def score(
    spec: PipelineSpec,
    holdout: pd.DataFrame,
    *,
    candidate: Any,
    candidate_train: pd.DataFrame,
    champion: Any = None,
    champion_train: pd.DataFrame | None = None,
    timed: bool = True,
    overlap_key: Sequence[str] = (),
    rolling: HoldoutRule | None = None,
) -> Scored:
    """Return predictions, paired losses and metrics of a candidate, the champion and the baseline.

    Args:
        spec: The pipeline.
        holdout: The rows that judge, as committed.
        candidate: The fitted candidate.
        candidate_train: Its training rows; key, time and what the baseline reads are read.
        champion: The fitted champion, or None for the first model.
        champion_train: The champion's training rows.
        timed: Whether the holdout is a period of time; then training must end before it begins.
        overlap_key: Columns by which rows of training and holdout must differ; the row key by default.
        rolling: The rule of a holdout of several periods; then candidate and champion are `RollingModels`.

    Raises:
        ChampionUnscorable: The champion takes a column that the holdout lacks, or fails on it.
        InputError: The candidate does, or the holdout is empty or lacks a key, target, cluster or time.
    """
    _check(spec, holdout)
    units = spec.task.units(spec, holdout, candidate_train)
    predicted = {Contender.CANDIDATE: predict(spec, candidate, units, Contender.CANDIDATE, rolling)}
    if champion is not None:
        predicted[Contender.CHAMPION] = predict(spec, champion, units, Contender.CHAMPION, rolling)
    predicted[Contender.BASELINE] = baseline(spec, candidate_train, units, rolling)
    trained = [(candidate, candidate_train)]
    trained += [] if champion_train is None else [(champion, champion_train)]
    table = _table(spec, units, predicted)
    folds = _folds(spec, rolling, holdout, candidate, champion)
    begins = folds[-1].begins if folds else holdout[spec.time].min().isoformat() if timed else ""
    paired = Paired(
        holdout_digest=row_digest(holdout, spec.key, [spec.target, *spec.model_input]),
        rows=len(units),
        has_champion=champion is not None,
        train_overlap=overlap_of_models(spec, holdout, trained, list(overlap_key or spec.key), rolling),
        candidate_trained_until=_latest(candidate_train, spec.time),
        champion_trained_until="" if champion_train is None else _latest(champion_train, spec.time),
        holdout_from=begins,
        series=series(
            spec.task, table, {column: texts(units[column]) for column in spec.slices}, list(predicted)
        ),
        folds=folds,
    )
    return Scored(table, paired, metrics(paired))


def _folds(
    spec: PipelineSpec, rolling: HoldoutRule | None, holdout: pd.DataFrame, candidate: Any, champion: Any
) -> tuple[Fold, ...]:
    if rolling is None:
        return ()
    ends = () if champion is None else champion.trained_until
    return folds_of(periods_of(spec, rolling, holdout), candidate.trained_until, ends)


def baseline(
    spec: PipelineSpec, train: pd.DataFrame, rows: pd.DataFrame, rolling: HoldoutRule | None = None
) -> pd.DataFrame:
    """Return what a pipeline's baseline predicts for rows, with the columns of its task.

    Args:
        spec: The pipeline.
        train: Training rows; the baseline is given the columns that it reads, and no others.
        rows: The rows to predict.
        rolling: The rule of a holdout of several periods; each is given the training rows from before it.

    Raises:
        InputError: The baseline's answer does not have the form that the task asks for.
    """
    if rolling is not None:
        return baseline_of_periods(
            spec,
            train,
            periods_of(spec, rolling, rows),
            lambda earlier, places: baseline(spec, earlier, rows.iloc[places]),
        )
    read = train[list(spec.baseline_reads)]
    return spec.task.baseline(spec.baseline(read, rows), len(rows))


def measures(spec: PipelineSpec, train: pd.DataFrame, params: Mapping[str, Any]) -> dict[str, float]:
    """Return the further metrics that a pipeline declares, ascending by name; what is not finite is left out.

    Args:
        spec: The pipeline.
        train: Training rows.
        params: Parameters of the model.
    """
    if spec.measures is None:
        return {}
    found = spec.measures(train, spec.parameters(params))
    return {name: float(value) for name, value in sorted(found.items()) if math.isfinite(value)}


def unit_digest(spec: PipelineSpec, units: pd.DataFrame) -> str:
    """Return the SHA-256 of units: key, target and what models predict from."""
    key = spec.task.unit_key(spec)
    return row_digest(units, key, [spec.target, *spec.task.unit_input(spec)])


def _check(spec: PipelineSpec, holdout: pd.DataFrame) -> None:
    needed = [*spec.key, spec.target, spec.cluster, *([spec.time] if spec.time else [])]
    lacking = [name for name in needed if name not in holdout.columns]
    if lacking:
        raise InputError(f"the holdout has no column {', '.join(lacking)}", where=spec.name)
    if holdout.empty:
        raise InputError("the holdout has no rows", where=spec.name)
    empty = [name for name in needed if holdout[name].isna().any()]
    if empty:
        raise InputError(f"the holdout has rows without {', '.join(empty)}", where=spec.name)


def predict(
    spec: PipelineSpec, model: Any, units: pd.DataFrame, who: Contender, rolling: HoldoutRule | None = None
) -> pd.DataFrame:
    """Return a model's predictions on the columns that this very model was fitted on.

    Args:
        spec: The pipeline.
        model: The fitted model, or what it predicted for these units before.
        units: The units of a holdout, as the pipeline's task makes them.
        who: Whose model it is, for errors.
        rolling: The rule of a holdout of several periods; then the model is `RollingModels`.

    Returns:
        One row per unit, with the columns of the pipeline's task.

    Raises:
        ChampionUnscorable: The champion fails on these rows.
        InputError: Anybody else does.
    """
    if isinstance(model, RecordedPredictions):
        return model.of(units)
    if rolling is not None:
        periods = periods_of(spec, rolling, units)
        return predict_periods(
            model, periods, lambda one, places: predict(spec, one, units.iloc[places], who)
        )
    failure = ChampionUnscorable if who is Contender.CHAMPION else InputError
    taken = [str(name) for name in getattr(model, "feature_names_in_", spec.task.unit_input(spec))]
    lacking = [name for name in taken if name not in units.columns]
    if lacking:
        raise failure(f"the {who} takes {', '.join(lacking)}, which the holdout lacks", where=spec.name)
    try:
        return spec.task.predict(model, units[taken])
    except InputError as error:
        raise failure(f"the {who} {error.what}", where=spec.name) from error
    # A model is whatever a pipeline says it is, and may fail in any way.
    except Exception as error:
        raise failure(
            f"the {who} fails on the holdout: {type(error).__name__}: {error}", where=spec.name
        ) from error


def _table(
    spec: PipelineSpec, units: pd.DataFrame, predicted: Mapping[Contender, pd.DataFrame]
) -> pd.DataFrame:
    import numpy as np

    nobody = np.full(len(units), np.nan)
    columns = {CLUSTER: texts(units[spec.cluster]), TARGET: spec.task.targets(units[spec.target])}
    contenders = {
        prediction_column(who, column): predicted[who][column].to_numpy() if who in predicted else nobody
        for who in Contender
        for column in spec.task.columns
    }
    return units[list(spec.task.unit_key(spec))].assign(**columns, **contenders).reset_index(drop=True)


def texts(values: pd.Series) -> list[str]:
    """Return what clusters and slices are called: days as dates, everything else as it prints."""
    import pandas as pd
    from pandas.api import types

    if types.is_datetime64_any_dtype(values):
        days = bool((values == values.dt.normalize()).all())
        return _each(values, lambda value: value.date().isoformat() if days else value.isoformat())
    if isinstance(values.dtype, pd.StringDtype):
        return _each(values, lambda value: MISSING if pd.isna(value) else str(value))
    return [MISSING if missing else str(value) for value, missing in zip(values, values.isna(), strict=True)]


def _each(values: pd.Series, name: Callable[[Any], str]) -> list[str]:
    """Return the name of each value; each different one is named once, as there are few."""
    import numpy as np
    import pandas as pd

    codes, different = pd.factorize(values, use_na_sentinel=False)
    return np.asarray([name(value) for value in different], dtype=object)[codes].tolist()


def _latest(rows: pd.DataFrame, time: str) -> str:
    return rows[time].max().isoformat() if time else ""

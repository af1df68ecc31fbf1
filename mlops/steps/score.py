# pandas ships no precise types: what an expression gives is guessed, often wrongly.
# pyright: reportArgumentType=false, reportCallIssue=false, reportReturnType=false, reportGeneralTypeIssues=false

"""Scoring: two models on the same rows, as predictions, as sums of losses per cluster, and as metrics.

The same models and rows give the same numbers, in whatever order the rows come: sums are exactly rounded.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops.pipelines.holdout import row_digest
from mlops.runs.errors import InputError, NotPromoted
from mlops.runs.evidence import ALL_ROWS, Contender, Loss, Metric, Paired, Series

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from mlops.pipelines.spec import PipelineSpec

CLUSTER = "cluster"
TARGET = "target"
MISSING = "(missing)"


class ChampionUnscorable(NotPromoted):
    """The champion cannot be scored on the holdout, so it cannot be compared with a candidate."""


@dataclass(frozen=True)
class Scored:
    """The result of scoring.

    Attributes:
        predictions: One row per holdout row, in its order: the key columns, ``cluster`` (text), ``target``
            and the predictions of ``candidate``, ``champion`` (missing where there is none) and
            ``baseline``, in units of the target.
        paired: Losses per cluster and slice.
        metrics: ``mae``, ``rmse`` and ``bias`` of the candidate, the same of the others as ``champion_mae``
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
) -> Scored:
    """Return predictions, paired losses and metrics of a candidate, the champion and the baseline.

    Args:
        spec: The pipeline.
        holdout: The rows that judge, as committed.
        candidate: The fitted candidate.
        candidate_train: Its training rows; key and time are read.
        champion: The fitted champion, or None for the first model.
        champion_train: The champion's training rows.
        timed: Whether the holdout is a period of time; then training must end before it begins.

    Raises:
        ChampionUnscorable: The champion takes a column that the holdout lacks, or fails on it.
        InputError: The candidate does, or the holdout is empty or lacks a key, target, cluster or time.
    """
    _check(spec, holdout)
    predicted = {Contender.CANDIDATE: predict(spec, candidate, holdout, Contender.CANDIDATE)}
    if champion is not None:
        predicted[Contender.CHAMPION] = predict(spec, champion, holdout, Contender.CHAMPION)
    predicted[Contender.BASELINE] = spec.baseline(holdout).astype("float64")
    trained = [candidate_train, *([champion_train] if champion_train is not None else [])]
    table = _table(spec, holdout, predicted)
    paired = Paired(
        holdout_digest=row_digest(holdout, spec.key, [spec.target, *spec.model_input]),
        rows=len(holdout),
        has_champion=champion is not None,
        train_overlap=overlap(holdout, trained, list(spec.key)),
        candidate_trained_until=_latest(candidate_train, spec.time),
        champion_trained_until="" if champion_train is None else _latest(champion_train, spec.time),
        holdout_from=holdout[spec.time].min().isoformat() if timed else "",
        series=series(table, {column: texts(holdout[column]) for column in spec.slices}, list(predicted)),
    )
    return Scored(table, paired, metrics(paired))


def series(
    predictions: pd.DataFrame, slices: Mapping[str, Sequence[str]], contenders: Sequence[Contender]
) -> tuple[Series, ...]:
    """Return the sums of every loss per cluster: on all rows, then on every value of every slice column.

    Args:
        predictions: As in `Scored`.
        slices: Slice column to its value in each row of ``predictions``.
        contenders: Who took part: candidate and baseline, and the champion if there is one.
    """
    import numpy as np

    target = predictions[TARGET].to_numpy(dtype="float64")
    errors = {c: predictions[c].to_numpy(dtype="float64") - target for c in contenders}
    clusters, codes = np.unique(predictions[CLUSTER].to_numpy(dtype=str), return_inverse=True)
    groups = {ALL_ROWS: np.arange(len(predictions))}
    for column, values in slices.items():
        labels = np.asarray(values, dtype=object)
        for value in sorted(set(values)):
            groups[f"{column}={value}"] = np.flatnonzero(labels == value)
    return tuple(
        _series(loss, name, places, errors)
        for name, rows in groups.items()
        for places in [list(_grouped(clusters, codes, rows))]
        for loss in Loss
    )


def metrics(paired: Paired) -> dict[str, float]:
    """Return the metrics of all rows, ascending by name; what is not finite is left out."""
    found = {"holdout_rows": float(paired.rows)}
    for metric in Metric:
        sums = paired.get(metric.loss)
        for contender in Contender if sums else ():
            values = sums.of(contender) if sums else ()
            if values:
                mean = _sum(values) / paired.rows
                name = str(metric) if contender is Contender.CANDIDATE else f"{contender}_{metric}"
                found[name] = math.sqrt(mean) if metric is Metric.RMSE else mean
    return {name: value for name, value in sorted(found.items()) if math.isfinite(value)}


def _check(spec: PipelineSpec, holdout: pd.DataFrame) -> None:
    needed = [*spec.key, spec.target, spec.cluster, spec.time]
    lacking = [name for name in needed if name not in holdout.columns]
    if lacking:
        raise InputError(f"the holdout has no column {', '.join(lacking)}", where=spec.name)
    if holdout.empty:
        raise InputError("the holdout has no rows", where=spec.name)
    empty = [name for name in needed if holdout[name].isna().any()]
    if empty:
        raise InputError(f"the holdout has rows without {', '.join(empty)}", where=spec.name)


def predict(spec: PipelineSpec, model: Any, holdout: pd.DataFrame, who: Contender) -> np.ndarray:
    """Return a model's predictions on the columns that this very model was fitted on.

    Raises:
        ChampionUnscorable: The champion fails on these rows.
        InputError: Anybody else does.
    """
    import numpy as np

    failure = ChampionUnscorable if who is Contender.CHAMPION else InputError
    taken = [str(name) for name in getattr(model, "feature_names_in_", spec.model_input)]
    lacking = [name for name in taken if name not in holdout.columns]
    if lacking:
        raise failure(f"the {who} takes {', '.join(lacking)}, which the holdout lacks", where=spec.name)
    try:
        found = np.asarray(model.predict(holdout[taken]), dtype="float64")
    # A model is whatever a pipeline says it is, and may fail in any way.
    except Exception as error:
        raise failure(
            f"the {who} fails on the holdout: {type(error).__name__}: {error}", where=spec.name
        ) from error
    if found.shape != (len(holdout),):
        raise failure(f"the {who} gave {found.shape} predictions for {len(holdout)} rows", where=spec.name)
    return found


def _table(
    spec: PipelineSpec, holdout: pd.DataFrame, predicted: Mapping[Contender, np.ndarray]
) -> pd.DataFrame:
    import numpy as np

    nobody = np.full(len(holdout), np.nan)
    columns = {CLUSTER: texts(holdout[spec.cluster]), TARGET: holdout[spec.target].astype("float64")}
    contenders = {str(contender): predicted.get(contender, nobody) for contender in Contender}
    return holdout[list(spec.key)].assign(**columns, **contenders).reset_index(drop=True)


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


def overlap(holdout: pd.DataFrame, trained: Sequence[pd.DataFrame], key: list[str]) -> int:
    """Return how many rows of the holdout have their key in a training set.

    Raises:
        InputError: The keys cannot be compared.
    """
    import numpy as np

    numbered = holdout[key].assign(**{"holdout row": np.arange(len(holdout))})
    seen: set[int] = set()
    for rows in trained:
        try:
            seen.update(numbered.merge(rows[key], on=key, how="inner")["holdout row"].tolist())
        except (KeyError, ValueError) as error:
            raise InputError(
                f"row keys of training and holdout cannot be compared: {error}", where=", ".join(key)
            ) from error
    return len(seen)


def _latest(rows: pd.DataFrame, time: str) -> str:
    return rows[time].max().isoformat()


def _series(
    loss: Loss,
    name: str,
    groups: Sequence[tuple[str, np.ndarray]],
    errors: Mapping[Contender, np.ndarray],
) -> Series:
    sums = {
        contender: tuple(_sum(losses[places].tolist()) for _, places in groups)
        for contender, losses in ((c, _losses(loss, e)) for c, e in errors.items())
    }
    return Series(
        loss=loss,
        slice=name,
        clusters=tuple(cluster for cluster, _ in groups),
        n=tuple(len(places) for _, places in groups),
        candidate=sums[Contender.CANDIDATE],
        champion=sums.get(Contender.CHAMPION, ()),
        baseline=sums[Contender.BASELINE],
    )


def _grouped(clusters: np.ndarray, codes: np.ndarray, rows: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Yield every cluster that has some of these rows, ascending, with them in their order."""
    import numpy as np

    order = rows[np.argsort(codes[rows], kind="stable")]
    present, counts = np.unique(codes[rows], return_counts=True)
    for code, places in zip(present, np.split(order, np.cumsum(counts)[:-1]), strict=True):
        yield str(clusters[code]), places


def _losses(loss: Loss, errors: np.ndarray) -> np.ndarray:
    import numpy as np

    with np.errstate(over="ignore", invalid="ignore"):
        return {Loss.ABSOLUTE: np.abs(errors), Loss.SQUARED: errors * errors, Loss.SIGNED: errors}[loss]


def _sum(values: Sequence[float]) -> float:
    """Return the sum, rounded once; what is not finite stays so."""
    try:
        return math.fsum(values)
    except (OverflowError, ValueError):
        return math.nan

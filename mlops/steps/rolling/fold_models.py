# pandas ships no precise types: what an expression gives is guessed, often wrongly.
# pyright: reportArgumentType=false, reportCallIssue=false, reportGeneralTypeIssues=false, reportReturnType=false

"""The models of earlier periods: fitted, described beside the promoted model, and proved from training rows.

``model/folds/<n>/`` holds the model of the n-th earlier period, in the layout of ``model/`` itself.
``model/folds/index.json`` says for each which rows it was trained on; that is derived again from the training
rows of the same commit wherever it is read.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops.pipelines.holdout import origin_of, origins
from mlops.runs import names
from mlops.runs.errors import Corrupt, NotFound
from mlops.runs.json_values import items, text, whole
from mlops.runs.main.state import parse_json
from mlops.runs.records import HoldoutRule
from mlops.steps.rolling.periods import RollingModels

if TYPE_CHECKING:
    import pandas as pd

    from mlops.pipelines.spec import PipelineSpec
    from mlops.runs.ports import Lake


@dataclass(frozen=True)
class FoldModel:
    """The description of a model of an earlier period.

    Attributes:
        before: First day of its period; it was trained on everything before.
        trained_until: Largest time in its training rows, ISO 8601.
        rows: Number of its training rows.
    """

    before: str
    trained_until: str
    rows: int


@dataclass(frozen=True)
class FoldIndex:
    """``model/folds/index.json``.

    Attributes:
        column: Column of the rule, whose periods they are.
        period: Length of a period.
        folds: The models of all periods but the newest, ascending.
    """

    column: str
    period: str
    folds: tuple[FoldModel, ...]

    @property
    def rule(self) -> HoldoutRule:
        """Return a rule with the same periods."""
        return HoldoutRule("rolling_origin", self.column, self.period, periods=len(self.folds) + 1)

    def to_json(self) -> dict[str, Any]:
        """Return the value as JSON types."""
        return dataclasses.asdict(self)


def folder(number: int) -> str:
    """Return the prefix of the model of the ``number``-th earlier period, counted from 1."""
    return f"{names.FOLDS}{number}/"


def earlier_rows(train: pd.DataFrame, rule: HoldoutRule, before: str) -> pd.DataFrame:
    """Return the training rows of the model that is judged by the period from a day on."""
    return train[origin_of(train, rule) < before].reset_index(drop=True)


def index_of(
    spec: PipelineSpec, rule: HoldoutRule, train: pd.DataFrame, holdout: pd.DataFrame
) -> tuple[FoldIndex, list[pd.DataFrame]]:
    """Return the description of the models of all periods but the newest, and their training rows."""
    befores = origins(holdout, rule)[:-1]
    rows = [earlier_rows(train, rule, before) for before in befores]
    folds = tuple(
        FoldModel(before, latest(spec, some), len(some)) for before, some in zip(befores, rows, strict=True)
    )
    return FoldIndex(rule.column, rule.period, folds), rows


def latest(spec: PipelineSpec, rows: pd.DataFrame) -> str:
    """Return the largest time of rows, ISO 8601."""
    return rows[spec.time].max().isoformat()


def fitted(spec: PipelineSpec, params: Any, seed: int, rows: Sequence[pd.DataFrame]) -> Iterator[Any]:
    """Yield a model for each of several sets of training rows."""
    for some in rows:
        model = spec.model(params, seed)
        spec.task.fit(spec, model, some)
        yield model


def together(index: FoldIndex | None, trained_until: str, models: Sequence[Any]) -> RollingModels:
    """Return models with the ends of their training; without an index there is one model."""
    return RollingModels(ends_of(index, trained_until), tuple(models))


def ends_of(index: FoldIndex | None, trained_until: str) -> tuple[str, ...]:
    """Return the ends of training of all models of a commit; ``trained_until`` is the promoted one's."""
    return (*(fold.trained_until for fold in index.folds), trained_until) if index else (trained_until,)


def read_index(lake: Lake, ref: str) -> FoldIndex | None:
    """Return the index of the models of earlier periods at a ref; None where there are none.

    Raises:
        Corrupt: It is of another form.
    """
    try:
        value = parse_json(lake.read(ref, names.FOLD_INDEX), names.FOLD_INDEX)
    except NotFound:
        return None
    try:
        folds = tuple(
            FoldModel(text(row["before"]), text(row["trained_until"]), whole(row["rows"]))
            for row in items(value["folds"])
        )
        return FoldIndex(text(value["column"]), text(value["period"]), folds)
    except (KeyError, TypeError, ValueError) as error:
        raise Corrupt(f"no index of models: {error}", where=names.FOLD_INDEX) from error


def check_index(spec: PipelineSpec, index: FoldIndex, train: pd.DataFrame) -> None:
    """Return if an index says of every model what follows from the training rows of the same commit.

    Raises:
        Corrupt: It does not.
    """
    if [fold.before for fold in index.folds] != sorted({fold.before for fold in index.folds}):
        raise Corrupt("the periods are not in order", where=names.FOLD_INDEX)
    for fold in index.folds:
        rows = earlier_rows(train, index.rule, fold.before)
        found = (latest(spec, rows), len(rows)) if len(rows) else ("", 0)
        if found != (fold.trained_until, fold.rows):
            raise Corrupt(
                f"the model of the period from {fold.before} has {found[1]} training rows until "
                f"{found[0] or 'nowhere'}, not {fold.rows} until {fold.trained_until}",
                where=names.FOLD_INDEX,
            )

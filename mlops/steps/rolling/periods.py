# pandas ships no precise types: what an expression gives is guessed, often wrongly.
# pyright: reportArgumentType=false, reportCallIssue=false, reportGeneralTypeIssues=false, reportReturnType=false

"""A holdout of several periods: each is predicted by the newest model that was trained before it.

A promotion brings one model for each period that judged it: the promoted one, trained on everything before
the newest period, and earlier ones, each trained on everything before an earlier period. On any holdout, each
period is predicted by the newest of them whose training had ended when the period began. Where there is none,
the oldest one predicts, the evidence says until when it was trained, and the gate refuses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops.pipelines.holdout import origin_of
from mlops.runs.errors import InputError
from mlops.runs.evidence import Fold

if TYPE_CHECKING:
    import pandas as pd

    from mlops.pipelines.spec import PipelineSpec
    from mlops.runs.records import HoldoutRule


@dataclass(frozen=True)
class RollingModels:
    """The models of one promotion or candidate.

    Attributes:
        trained_until: Largest time in the training rows of each, ISO 8601, ascending.
        models: The models, in that order; the last is the promoted one.
    """

    trained_until: tuple[str, ...]
    models: tuple[Any, ...]

    @property
    def newest(self) -> Any:
        """The promoted model."""
        return self.models[-1]


@dataclass(frozen=True)
class Period:
    """One period of a holdout.

    Attributes:
        begins: Its smallest time.
        rows: Positions of its rows.
    """

    begins: pd.Timestamp
    rows: Any


def periods_of(spec: PipelineSpec, rule: HoldoutRule, holdout: pd.DataFrame) -> list[Period]:
    """Return the periods of a holdout, ascending by time."""
    import numpy as np

    origins = origin_of(holdout, rule).to_numpy()
    times = holdout[spec.time]
    return [
        Period(times.iloc[rows].min(), rows)
        for rows in (np.flatnonzero(origins == origin) for origin in sorted(set(origins)))
    ]


def chosen(trained_until: Sequence[str], begins: pd.Timestamp) -> int:
    """Return the position of the newest model that was trained before a time; the oldest where none was."""
    import pandas as pd

    eligible = [place for place, until in enumerate(trained_until) if pd.Timestamp(until) < begins]
    return eligible[-1] if eligible else 0


def is_seen(trained_until: Sequence[str], begins: pd.Timestamp) -> bool:
    """Return whether no model was trained before a time."""
    import pandas as pd

    return bool(pd.Timestamp(trained_until[0]) >= begins)


def predict_periods(
    models: RollingModels, periods: Sequence[Period], predict: Callable[[Any, Any], pd.DataFrame]
) -> pd.DataFrame:
    """Return the predictions of all periods, in the order of the rows.

    Args:
        models: The models.
        periods: The periods of the rows.
        predict: Returns the predictions of one model for the rows at some positions.
    """
    return _in_order(
        periods,
        [predict(models.models[chosen(models.trained_until, p.begins)], p.rows) for p in periods],
    )


def baseline_of_periods(
    spec: PipelineSpec,
    train: pd.DataFrame,
    periods: Sequence[Period],
    baseline: Callable[[pd.DataFrame, Any], pd.DataFrame],
) -> pd.DataFrame:
    """Return the baseline's predictions: for each period it is given the training rows from before it.

    Raises:
        InputError: There are none from before a period.
    """
    found: list[pd.DataFrame] = []
    for period in periods:
        earlier = train[train[spec.time] < period.begins]
        if earlier.empty:
            raise InputError(
                f"no training row is from before {period.begins.isoformat()}, where a period of the holdout "
                "begins",
                where=spec.name,
            )
        found.append(baseline(earlier, period.rows))
    return _in_order(periods, found)


def _in_order(periods: Sequence[Period], predicted: Sequence[pd.DataFrame]) -> pd.DataFrame:
    import numpy as np
    import pandas as pd

    places = np.concatenate([period.rows for period in periods])
    together = pd.concat(predicted, ignore_index=True)
    return together.iloc[np.argsort(places, kind="stable")].reset_index(drop=True)


def trained_rows(
    spec: PipelineSpec, train: pd.DataFrame, trained_until: Sequence[str], period: Period
) -> pd.DataFrame:
    """Return the training rows of the model that predicts a period."""
    import pandas as pd

    return train[train[spec.time] <= pd.Timestamp(trained_until[chosen(trained_until, period.begins)])]


def folds_of(
    periods: Sequence[Period], candidate: Sequence[str], champion: Sequence[str]
) -> tuple[Fold, ...]:
    """Return the evidence of the periods.

    Args:
        periods: The periods.
        candidate: Ends of training of the candidate's models.
        champion: Those of the champion's; empty without one.
    """
    return tuple(
        Fold(
            begins=period.begins.isoformat(),
            rows=len(period.rows),
            candidate_trained_until=candidate[chosen(candidate, period.begins)],
            champion_trained_until=champion[chosen(champion, period.begins)] if champion else "",
        )
        for period in periods
    )

# pandas ships no precise types: what an expression gives is guessed, often wrongly.
# pyright: reportArgumentType=false, reportCallIssue=false, reportReturnType=false

"""Invented customers: drawn from the segments on `main` by the parameters of a run, always the same rows.

Nobody is described here: every number is drawn at random. The order of the draws is fixed, so that a
parameter changes what it is about and nothing else: with another drift, a customer keeps segment and age.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mlops.pipelines.spec import Deliveries, Joined
from mlops.pipelines.tabular_lab.designs import TABLE
from mlops.pipelines.tabular_lab.params import Params
from mlops.runs.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

KEY = ("customer",)
TIME = "signed_up"
#: Spread of a number in the design, as a share of its mean.
SPREAD = 0.25
_FIRST_DAY, _DAYS = "2024-01-01", 366


def customers(deliveries: Mapping[str, Deliveries], params: Params) -> Joined:
    """Return one row per customer, ascending by number.

    Of a segment that several arrivals describe, the newest counts. Shares are scaled to add to 1.

    Raises:
        InputError: There are no segments, or their shares cannot be used.
    """
    read = [frame for frame in (deliveries.get(TABLE) or {}).values() if len(frame)]
    if not read:
        raise InputError("no arrival has delivered this table yet", where=f"table {TABLE}")
    import pandas as pd

    listed = pd.concat(read, ignore_index=True)
    segments = listed.drop_duplicates("segment", keep="last").sort_values("segment", ignore_index=True)
    shares = segments["share"].to_numpy("float64")
    if not (shares >= 0).all() or not 0 < shares.sum() < float("inf"):
        raise InputError(
            "shares must be numbers of at least 0, and not all of them 0", where=f"table {TABLE}"
        )
    rows = _drawn(segments, shares / shares.sum(), params)
    return Joined(
        rows,
        {"described again": len(listed) - len(segments)},
        {"segments read": len(listed), "incomes not known": int(rows["income"].isna().sum())},
    )


def _drawn(segments: pd.DataFrame, shares: object, params: Params) -> pd.DataFrame:
    import numpy as np
    import pandas as pd

    rng, count = np.random.default_rng(params.seed), params.rows
    chosen = rng.choice(len(segments), size=count, p=shares)
    own = segments.iloc[chosen].reset_index(drop=True)
    ages, incomes, visits = rng.standard_normal((3, count))
    leaves, known, days = rng.random(count), rng.random(count), rng.integers(0, _DAYS, count)

    def spread(column: str, draws: np.ndarray, drift: float) -> np.ndarray:
        means = own[column].to_numpy("float64")
        return means + np.abs(means) * SPREAD * (params.noise * draws + drift)

    income = np.clip(spread("income", incomes, params.drift), 0, None).round(2)
    return pd.DataFrame(
        {
            "customer": np.arange(1, count + 1, dtype="int64"),
            "segment": own["segment"].astype("str"),
            "age": np.clip(spread("age", ages, 0.0), 18, 100).round().astype("int64"),
            "income": np.where(known < params.missing, np.nan, income),
            "visits": np.clip(spread("visits", visits, -params.drift), 0, None).round(1),
            TIME: (pd.Timestamp(_FIRST_DAY, tz="UTC") + pd.to_timedelta(days, unit="D")).as_unit("us"),
            "churned": leaves < own["churn"].to_numpy("float64"),
        }
    )

# pandas ships no precise types: what an expression gives is guessed, often wrongly.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportReturnType=false

"""Films with a rating, and what was known of their directors and studios before their release."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mlops.pipelines.spec import Deliveries, Joined
from mlops.runs.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

KEY = ("film_id",)
TARGET = "rating"
TIME = "release_date"
CLUSTER = "director"
HISTORY = ("director_films_before", "director_rating_before", "studio_rating_before")
FILM_COLUMNS = ("length", "budget", "mpaa", "main_genre", "month")
NO_TARGET = "no rating"


def join(tables: Mapping[str, Deliveries]) -> Joined:
    """Return one row per film that has a rating, sorted by release date and id.

    The history of a film counts films released on earlier days alone. A film that a later arrival delivers
    again replaces the earlier one.

    Raises:
        InputError: There are no films.
    """
    import pandas as pd

    deliveries = tables.get("films") or {}
    if not deliveries:
        raise InputError("no arrival has delivered this table yet", where="table films")
    films = pd.concat(deliveries.values(), ignore_index=True).drop_duplicates(list(KEY), keep="last")
    rated = films[films[TARGET].notna()].sort_values([TIME, *KEY], kind="stable", ignore_index=True)
    rated["month"] = rated[TIME].dt.month.astype("int64")
    count, mean = _before(rated, "director")
    rated["director_films_before"], rated["director_rating_before"] = count, mean
    rated["studio_rating_before"] = _before(rated, "studio")[1]
    columns = list(dict.fromkeys([*KEY, TIME, CLUSTER, *FILM_COLUMNS, *HISTORY, TARGET]))
    return Joined(
        rated[columns],
        dropped={NO_TARGET: len(films) - len(rated)},
        counts={"films read": len(films), "films without a budget": int(rated["budget"].isna().sum())},
    )


def _before(rated: pd.DataFrame, by: str) -> tuple[pd.Series, pd.Series]:
    """Return number and mean rating of the films of the same director or studio from earlier days."""
    days = rated.groupby([by, TIME], sort=True)[TARGET].agg(["sum", "count"])
    summed = days.groupby(level=0).cumsum() - days
    mean = (summed["sum"] / summed["count"]).where(summed["count"] > 0)
    at = rated.set_index([by, TIME]).index
    count = summed["count"].reindex(at).reset_index(drop=True).astype("int64")
    return count, mean.reindex(at).reset_index(drop=True)

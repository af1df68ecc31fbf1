"""The raw table of films: its schema, and the query that reads a year of it from a warehouse."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from pathlib import Path
from typing import TYPE_CHECKING

from mlops.pipelines.movie_ratings import warehouse
from mlops.pipelines.movie_ratings.warehouse import FIRST_YEAR, GENRES, LAST_YEAR
from mlops.pipelines.schema import Kind, Schema, conform
from mlops.pipelines.sources import FunctionSource, Options, Source
from mlops.runs.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

TABLE = "films"
SCHEMA: Schema = {
    "film_id": Kind.INTEGER,
    "title": Kind.TEXT,
    "release_date": Kind.DATE,
    "year": Kind.INTEGER,
    "length": Kind.INTEGER,
    "budget": Kind.NUMBER,
    "rating": Kind.NUMBER,
    "votes": Kind.INTEGER,
    "mpaa": Kind.TEXT,
    "director": Kind.TEXT,
    "studio": Kind.TEXT,
    "main_genre": Kind.TEXT,
    **dict.fromkeys(GENRES, Kind.INTEGER),
}
QUERY = f"""SELECT {", ".join(SCHEMA)}
FROM films
WHERE release_date >= :begin AND release_date < :end
ORDER BY film_id"""  # noqa: S608  (names of columns, fixed above)


def parse(table: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Return rows of the table with the columns and dtypes of `SCHEMA`.

    Raises:
        InputError: The pipeline has no such table, or the frame does not have its schema.
    """
    if table != TABLE:
        raise InputError(f"no such table; there is {TABLE}", where=table)
    return conform(table, frame, SCHEMA)


def source(options: Options) -> Source:
    """Return the source: the database that the settings name, else a file with synthetic films.

    Args:
        options: ``url`` (and user, password) of a database with the table; ``cache``, a folder that keeps the
            file with synthetic films, else a temporary one is used. ``queries`` and ``arrivals`` may replace
            the built-in ones.
    """
    from mlops.pipelines.sources.configured import sql_source

    own = {"queries": {TABLE: QUERY}, "arrivals": f"{FIRST_YEAR}..{LAST_YEAR}"}
    given = {name: value for name, value in options.items() if value}
    if "url" in given:
        return sql_source({**own, **given}, (TABLE,), parse)
    if "cache" in given:
        return _synthetic(Path(str(given["cache"])), own)
    return _Temporary(own).source()


def _synthetic(folder: Path, own: Options) -> Source:
    from mlops.pipelines.sources.configured import sql_source

    path = warehouse.ensure_file(folder).absolute()
    return sql_source({**own, "url": f"sqlite:///{path}"}, (TABLE,), parse)


class _Temporary:
    """Synthetic films in a folder that goes with the source."""

    def __init__(self, own: Options) -> None:
        folder = tempfile.mkdtemp(prefix="films-")
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self._source = _synthetic(Path(folder), own)

    def source(self) -> Source:
        # The bound methods keep the folder for as long as the source lives.
        return FunctionSource(self.arrivals, self.extract)

    def arrivals(self) -> tuple[str, ...]:
        return tuple(self._source.arrivals())

    def extract(self, arrival: str):
        return self._source.extract(arrival)

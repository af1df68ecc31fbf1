# numpy ships no precise types: what an expression gives is guessed, often wrongly.
# pyright: reportArgumentType=false, reportCallIssue=false

"""A synthetic warehouse: one table of films, made from a seed, in the shape of R's ``ggplot2movies``.

No film in it exists. It stands for a warehouse of one's own, so that the pipeline runs without a download.
``python -m mlops.pipelines.movie_ratings.warehouse URL`` writes the same table into another empty database.
"""

from __future__ import annotations

import datetime as dt
import os
import sqlite3
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    from sqlalchemy import Engine

FIRST_YEAR, LAST_YEAR = 2005, 2014
FILMS_PER_YEAR = 1200
SEED = 19150208
GENRES = ("action", "animation", "comedy", "drama", "documentary", "romance", "short")
MPAA = ("", "G", "PG", "PG-13", "R")
_DIRECTORS, _STUDIOS = 500, 60
#: How far a genre's films lie from the mean of all, in points.
_GENRE_EFFECT = (-0.5, 0.3, -0.2, 0.25, 0.7, 0.0, 0.4)
_GENRE_SHARE = (0.14, 0.05, 0.27, 0.28, 0.08, 0.12, 0.06)
_MEDIAN_LENGTH_MIN = (105, 84, 96, 108, 80, 101, 16)
_MEDIAN_BUDGET_USD = (2e7, 3e7, 8e6, 6e6, 4e5, 7e6, 5e4)

CREATE = """CREATE TABLE films (
  film_id INTEGER PRIMARY KEY, title TEXT NOT NULL, release_date DATE NOT NULL, year INTEGER NOT NULL,
  length INTEGER NOT NULL, budget NUMERIC, rating NUMERIC, votes INTEGER NOT NULL, mpaa TEXT NOT NULL,
  director TEXT NOT NULL, studio TEXT NOT NULL, main_genre TEXT NOT NULL, action INTEGER NOT NULL,
  animation INTEGER NOT NULL, comedy INTEGER NOT NULL, drama INTEGER NOT NULL,
  documentary INTEGER NOT NULL, romance INTEGER NOT NULL, short INTEGER NOT NULL)"""


def films(seed: int = SEED, per_year: int = FILMS_PER_YEAR) -> pd.DataFrame:
    """Return the table of films; the same seed gives the same films."""
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(seed)
    count = (LAST_YEAR - FIRST_YEAR + 1) * per_year
    director = rng.integers(0, _DIRECTORS, count)
    studio = rng.integers(0, _STUDIOS, count)
    genre = rng.choice(len(GENRES), count, p=_GENRE_SHARE)
    year = np.repeat(np.arange(FIRST_YEAR, LAST_YEAR + 1), per_year)
    day = rng.integers(0, 365, count)
    length = np.maximum(3, np.asarray(_MEDIAN_LENGTH_MIN)[genre] * rng.lognormal(0, 0.17, count)).round()
    budget = np.minimum(4e8, np.asarray(_MEDIAN_BUDGET_USD)[genre] * rng.lognormal(0, 1.1, count))
    skill = rng.normal(0, 0.55, _DIRECTORS)[director] + rng.normal(0, 0.25, _STUDIOS)[studio]
    shape = 0.9 * np.tanh((length - np.asarray(_MEDIAN_LENGTH_MIN)[genre]) / 25.0)
    money = 0.28 * np.tanh((np.log(budget) - 15.0) / 1.5)
    awards = np.where(day >= 300, 0.35, 0.0)
    rating = 6.0 + np.asarray(_GENRE_EFFECT)[genre] + skill + shape + money + awards
    rating = np.clip(rating + rng.normal(0, 0.65, count), 1.0, 10.0).round(1)
    votes = rng.lognormal(6, 1.6, count).astype(int) + 5
    release = [
        (dt.date(int(y), 1, 1) + dt.timedelta(days=int(d))).isoformat()
        for y, d in zip(year, day, strict=True)
    ]
    mpaa = rng.choice(len(MPAA), count, p=(0.35, 0.05, 0.15, 0.22, 0.23))
    second = rng.choice(len(GENRES), count)
    flags = {
        name: ((genre == n) | ((second == n) & (rng.random(count) < 0.4))).astype(int)
        for n, name in enumerate(GENRES)
    }
    table = {
        "film_id": np.arange(1, count + 1),
        "title": [f"Untitled No. {n}" for n in range(1, count + 1)],
        "release_date": release,
        "year": year,
        "length": length.astype(int),
        "budget": np.where(rng.random(count) < 0.25, np.nan, budget.round(-3)),
        "rating": np.where(rng.random(count) < 0.01, np.nan, rating),
        "votes": votes,
        "mpaa": [MPAA[n] for n in mpaa],
        "director": [f"Director {n:03d}" for n in director],
        "studio": [f"Studio {n:02d}" for n in studio],
        "main_genre": [GENRES[n] for n in genre],
        **flags,
    }
    return pd.DataFrame(table)


def ensure_file(folder: Path) -> Path:
    """Return the SQLite file with the films in a folder; it is made whole or not at all."""
    path = folder / f"films-{SEED}.db"
    if path.is_file():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=folder, suffix=".part")
    os.close(handle)
    connection = sqlite3.connect(name)
    try:
        with connection:
            connection.execute(CREATE)
            frame = films()
            rows = frame.astype(object).where(frame.notna(), None).to_numpy().tolist()
            marks = ", ".join("?" * frame.shape[1])
            connection.executemany(f"INSERT INTO films VALUES ({marks})", rows)  # noqa: S608  (question marks)
    finally:
        connection.close()
    Path(name).replace(path)
    return path


def write(engine: Engine) -> int:
    """Write the table of films into an empty database; return the number of rows."""
    from sqlalchemy import text

    frame = films()
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    names = ", ".join(f":{name}" for name in frame.columns)
    with engine.begin() as connection:
        connection.exec_driver_sql(CREATE)
        connection.execute(text(f"INSERT INTO films VALUES ({names})"), rows)  # noqa: S608  (names of columns)
    return len(frame)


if __name__ == "__main__":
    import sys

    from sqlalchemy import create_engine

    print(f"{write(create_engine(sys.argv[1]))} synthetic films written")  # noqa: T201

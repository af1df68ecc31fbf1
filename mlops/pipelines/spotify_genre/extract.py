# pandas ships no precise types: what an expression gives is guessed, often wrongly.
# pyright: reportArgumentType=false, reportReturnType=false

"""The raw table of tracks: its columns, its parts, and files of the published form."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from mlops.pipelines import track_files
from mlops.pipelines.schema import Kind, Schema, conform
from mlops.pipelines.track_files import AUDIO, GENRES
from mlops.runs.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["AUDIO", "GENRES", "SCHEMA", "TABLE", "arrivals", "extract", "parse", "select"]

TABLE = "tracks"
PARTS = 4
#: One row per track and playlist; genre and subgenre are those of the playlist.
SCHEMA: Schema = {
    "track_id": Kind.TEXT,
    "track_name": Kind.TEXT,
    "artist": Kind.TEXT,
    "popularity": Kind.INTEGER,
    "album": Kind.TEXT,
    "release_date": Kind.TEXT,
    "playlist": Kind.TEXT,
    "genre": Kind.TEXT,
    "subgenre": Kind.TEXT,
    **{name: Kind.INTEGER if name in ("key", "mode") else Kind.NUMBER for name in AUDIO},
}

#: Published column that names what another one names.
PUBLISHED_TWICE = "playlist_id"

_PART = re.compile(r"part-(?P<number>\d+)")


def arrivals() -> tuple[str, ...]:
    """Return the arrivals of the source: ``part-1`` to ``part-4``."""
    return tuple(f"part-{number}" for number in range(1, PARTS + 1))


def extract(arrival: str) -> dict[str, pd.DataFrame]:
    """Return the synthetic tracks of a part.

    Raises:
        InputError: There is no such part.
    """
    from mlops.pipelines.spotify_genre import synthetic

    if arrival not in arrivals():
        raise InputError(f"no such part; there are part-1 to part-{PARTS}", where=arrival)
    return {TABLE: select(arrival, TABLE, parse(TABLE, synthetic.tracks()))}


def parse(table: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Return a user's rows with the columns and dtypes of `SCHEMA`.

    A frame with a column ``track_artist`` is taken for one of the published form. Where it has no
    ``track_id``, one is made of name and artist.

    Raises:
        InputError: The pipeline has no such table, or a column is missing or unexpected or holds something
            else.
    """
    if table != TABLE:
        raise InputError(f"no such table; there is {TABLE}", where=table)
    return conform(table, _from_published(frame) if track_files.is_published(frame) else frame, SCHEMA)


def select(arrival: str, table: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a part; an arrival of any other name is the whole frame.

    A track's part follows from its id alone, so all its rows are in one part, whatever else a file holds.

    Args:
        arrival: Such as ``part-2``.
        table: Name of the table, for the error.
        frame: Rows with canonical dtypes.

    Raises:
        InputError: There is no such part, or no row belongs to it.
    """
    named = _PART.fullmatch(arrival)
    if named is None:
        return frame
    number = int(named["number"])
    if not 1 <= number <= PARTS:
        raise InputError(f"no such part; there are part-1 to part-{PARTS}", where=arrival)
    found = frame[[part_of(track) == number for track in frame["track_id"]]]
    if found.empty:
        raise InputError(
            f"there are no rows of {arrival} among {len(frame)}",
            where=f"table {table}",
            todo="ingest a small file whole, under a name of its own",
        )
    return found.reset_index(drop=True)


def part_of(track_id: object) -> int:
    """Return the part that a track belongs to, 1 to `PARTS`."""
    return hashlib.sha256(f"part of {track_id}".encode()).digest()[0] % PARTS + 1


def _from_published(frame: pd.DataFrame) -> pd.DataFrame:
    return track_files.from_published(TABLE, frame).drop(columns=PUBLISHED_TWICE, errors="ignore")

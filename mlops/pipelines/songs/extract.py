# pandas ships no precise types: what an expression gives is guessed, often wrongly.
# pyright: reportArgumentType=false, reportReturnType=false

"""The raw table of tracks in playlists: its columns, its parts, and files of the published form."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from mlops.pipelines import track_files
from mlops.pipelines.schema import Kind, Schema, conform
from mlops.pipelines.track_files import AUDIO
from mlops.runs.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

TABLE = "tracks"
PARTS = 4

#: One row per playlist and track; genre and subgenre are those of the playlist.
SCHEMA: Schema = {
    "playlist_id": Kind.TEXT,
    "playlist": Kind.TEXT,
    "track_id": Kind.TEXT,
    "track_name": Kind.TEXT,
    "artist": Kind.TEXT,
    "popularity": Kind.INTEGER,
    "album": Kind.TEXT,
    "release_date": Kind.TEXT,
    "genre": Kind.TEXT,
    "subgenre": Kind.TEXT,
    **{name: Kind.INTEGER if name in ("key", "mode") else Kind.NUMBER for name in AUDIO},
}

_PART = re.compile(r"part-(?P<number>\d+)")


def arrivals() -> tuple[str, ...]:
    """Return the arrivals of the source: ``part-1`` to ``part-4``."""
    return tuple(f"part-{number}" for number in range(1, PARTS + 1))


def extract(arrival: str) -> dict[str, pd.DataFrame]:
    """Return the synthetic playlists of a part.

    Raises:
        InputError: There is no such part.
    """
    from mlops.pipelines.songs import synthetic

    if arrival not in arrivals():
        raise _no_such_part(arrival)
    return {TABLE: select(arrival, TABLE, parse(TABLE, synthetic.tracks()))}


def parse(table: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Return a user's rows with the columns and dtypes of `SCHEMA`.

    A frame with a column ``track_artist`` is taken for one of the published form. Where it has no
    ``track_id``, one is made of name and artist; where it has no ``playlist_id``, one of the playlist's name.

    Raises:
        InputError: The pipeline has no such table, or a column is missing or unexpected or holds something
            else.
    """
    if table != TABLE:
        raise InputError(f"no such table; there is {TABLE}", where=table)
    return conform(table, _from_published(frame) if track_files.is_published(frame) else frame, SCHEMA)


def select(arrival: str, table: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a part; an arrival of any other name is the whole frame.

    A playlist's part follows from its id alone, so a playlist arrives as a whole.

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
        raise _no_such_part(arrival)
    found = frame[[part_of(playlist) == number for playlist in frame["playlist_id"]]]
    if found.empty:
        raise InputError(
            f"there are no rows of {arrival} among {len(frame)}",
            where=f"table {table}",
            todo="ingest a small file whole, under a name of its own",
        )
    return found.reset_index(drop=True)


def part_of(playlist_id: object) -> int:
    """Return the part that a playlist belongs to, 1 to `PARTS`."""
    return hashlib.sha256(f"part of playlist {playlist_id}".encode()).digest()[0] % PARTS + 1


def _from_published(frame: pd.DataFrame) -> pd.DataFrame:
    found = track_files.from_published(TABLE, frame)
    if "playlist_id" in found.columns:
        return found
    return found.assign(playlist_id=[track_files.made_id(name) for name in found["playlist"]])


def _no_such_part(arrival: str) -> InputError:
    return InputError(f"no such part; there are part-1 to part-{PARTS}", where=arrival)

# pandas ships no precise types: what an expression gives is guessed, often wrongly.
# pyright: reportArgumentType=false, reportReturnType=false

"""The raw table of tracks: its columns, its parts, and files of the published form."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from mlops.pipelines.schema import Kind, Schema, conform
from mlops.runs.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

TABLE = "tracks"
PARTS = 4
GENRES = ("edm", "latin", "pop", "r&b", "rap", "rock")

#: Numbers that describe how a track sounds, in the order of the columns.
AUDIO = (
    "danceability",
    "energy",
    "key",
    "loudness",
    "mode",
    "speechiness",
    "acousticness",
    "instrumentalness",
    "liveness",
    "valence",
    "tempo",
    "duration_ms",
)

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

#: Columns of the published ``spotify_songs.csv`` to those of the table; audio features keep their names.
PUBLISHED: Mapping[str, str] = {
    "track_name": "track_name",
    "track_artist": "artist",
    "track_popularity": "popularity",
    "track_album_name": "album",
    "track_album_release_date": "release_date",
    "playlist_name": "playlist",
    "playlist_genre": "genre",
    "playlist_subgenre": "subgenre",
}
#: Published columns that name what another one names.
PUBLISHED_TWICE = ("track_album_id", "playlist_id")

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
    return conform(table, _from_published(frame) if "track_artist" in frame.columns else frame, SCHEMA)


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
    lacking = [name for name in (*PUBLISHED, *AUDIO) if name not in frame.columns]
    if lacking:
        raise InputError(
            f"columns missing: {', '.join(lacking)}",
            where=f"table {TABLE}",
            todo="take the file as published",
        )
    found = frame.drop(columns=[*PUBLISHED_TWICE], errors="ignore").rename(columns=dict(PUBLISHED))
    if "track_id" in found.columns:
        return found
    titles = zip(found["track_name"], found["artist"], strict=True)
    return found.assign(track_id=[_made_id(name, artist) for name, artist in titles])


def _made_id(name: object, artist: object) -> str:
    return hashlib.sha256(f"{name}\0{artist}".encode()).hexdigest()[:22]

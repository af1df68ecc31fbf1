# pandas ships no precise types: what an expression gives is guessed, often wrongly.
# pyright: reportArgumentType=false, reportReturnType=false

"""Published files of tracks in playlists: names of their columns, and ids where a file has none.

The form is that of ``spotify_songs.csv`` (TidyTuesday, 2020-01-21), which several pipelines read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

from mlops.runs.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

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

#: Columns of a published file to those of a table; audio features and ids keep their names.
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

_ID_DIGITS = 22


def is_published(frame: pd.DataFrame) -> bool:
    """Return whether a frame has the form of a published file."""
    return "track_artist" in frame.columns


def from_published(table: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Return a published file's rows with the names of columns that tables have.

    The id of the album is left out, as the album's name says the same. Where there is no ``track_id``, one is
    made of name and artist.

    Raises:
        InputError: A column is missing.
    """
    lacking = [name for name in (*PUBLISHED, *AUDIO) if name not in frame.columns]
    if lacking:
        raise InputError(
            f"columns missing: {', '.join(lacking)}",
            where=f"table {table}",
            todo="take the file as published",
        )
    found = frame.drop(columns="track_album_id", errors="ignore").rename(columns=dict(PUBLISHED))
    if "track_id" in found.columns:
        return found
    titles = zip(found["track_name"], found["artist"], strict=True)
    return found.assign(track_id=[made_id(name, artist) for name, artist in titles])


def made_id(*parts: object) -> str:
    """Return an id that follows from the parts alone, of the length that published ids have."""
    return hashlib.sha256("\0".join(str(part) for part in parts).encode()).hexdigest()[:_ID_DIGITS]

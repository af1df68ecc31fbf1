# pandas ships no precise types: what an expression gives is guessed, often wrongly.
# pyright: reportArgumentType=false, reportReturnType=false

"""The raw table of tracks: its columns, its parts, and files of the published form."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops.pipelines import track_files
from mlops.pipelines.parts import Parts
from mlops.pipelines.schema import Kind, Schema, conform
from mlops.pipelines.track_files import AUDIO, GENRES
from mlops.runs.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["AUDIO", "GENRES", "PARTS", "SCHEMA", "TABLE", "extract", "parse"]

TABLE = "tracks"
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

#: A track's rows are all in one part.
PARTS = Parts("track_id", "part of", 4)


def extract(arrival: str) -> dict[str, pd.DataFrame]:
    """Return the synthetic tracks of a part.

    Raises:
        InputError: There is no such part.
    """
    from mlops.pipelines.spotify_genre import synthetic

    PARTS.check(arrival)
    return {TABLE: PARTS.select(arrival, TABLE, parse(TABLE, synthetic.tracks()))}


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


def _from_published(frame: pd.DataFrame) -> pd.DataFrame:
    return track_files.from_published(TABLE, frame).drop(columns=PUBLISHED_TWICE, errors="ignore")

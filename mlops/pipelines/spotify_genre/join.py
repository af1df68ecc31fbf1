# pandas ships no precise types: what an expression gives is guessed, often wrongly.
# pyright: reportArgumentType=false, reportReturnType=false, reportCallIssue=false
# pyright: reportAttributeAccessIssue=false

"""Tracks, once for each genre in whose playlists they are."""

from __future__ import annotations

from collections.abc import Mapping

from mlops.pipelines.spec import Deliveries, Joined
from mlops.pipelines.spotify_genre.extract import AUDIO, TABLE
from mlops.runs.errors import InputError

TRACK = "track_id"
TARGET = "genre"
KEY = (TRACK, TARGET)
CLUSTER = "artist"

LISTED_AGAIN = "listed again in a playlist of the same genre"
NO_ARTIST = "no artist"


def join(tables: Mapping[str, Deliveries]) -> Joined:
    """Return one row per track and genre.

    A track that is in several playlists of a genre is one row, as its newest delivery has it; within a
    delivery the last row counts. A track that is in playlists of two genres is two rows: nobody can say
    which genre is right, so both count, and the holdout rule keeps both on one side.

    Args:
        tables: ``tracks`` to its deliveries, with canonical dtypes.

    Returns:
        Rows sorted by ``track_id`` and ``genre``.

    Raises:
        InputError: There are no tracks.
    """
    import pandas as pd

    deliveries = tables.get(TABLE) or {}
    if not deliveries:
        raise InputError("no arrival has delivered this table yet", where=f"table {TABLE}")
    read = pd.concat(deliveries.values(), ignore_index=True)
    known = read[read[CLUSTER].notna()]
    once = known.drop_duplicates(list(KEY), keep="last")
    rows = once[[*KEY, CLUSTER, *AUDIO]].sort_values(list(KEY), kind="stable", ignore_index=True)
    return Joined(
        rows=rows,
        dropped={NO_ARTIST: len(read) - len(known), LISTED_AGAIN: len(known) - len(once)},
        counts={
            "listed tracks read": len(read),
            "tracks of several genres": int((rows[TRACK].value_counts() > 1).sum()),
        },
    )

# pandas ships no precise types: what an expression gives is guessed, often wrongly.
# pyright: reportArgumentType=false, reportReturnType=false, reportCallIssue=false
# pyright: reportAttributeAccessIssue=false

"""Playlists and their tracks, each track once in a playlist and the same in all of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mlops.pipelines.songs.extract import TABLE
from mlops.pipelines.spec import Deliveries, Joined
from mlops.pipelines.track_files import AUDIO
from mlops.runs.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

PLAYLIST = "playlist_id"
TRACK = "track_id"
KEY = (PLAYLIST, TRACK)
#: Audio features in which two tracks can be near each other.
FEATURES = tuple(name for name in AUDIO if name not in ("key", "mode"))
#: Columns that name a track for people.
TITLE = ("track_name", "artist")
#: Fewer tracks leave nothing to know of a playlist once some are held out.
LEAST_TRACKS = 5

LISTED_AGAIN = "listed again in the same playlist"
NO_ARTIST = "no artist"
SHORT = f"in a playlist of fewer than {LEAST_TRACKS} tracks"


def join(tables: Mapping[str, Deliveries]) -> Joined:
    """Return one row per playlist and track.

    What is said of a track is what its newest row says; within a delivery the last row counts. A playlist
    whose rows name several genres has the most frequent one.

    Args:
        tables: ``tracks`` to its deliveries, with canonical dtypes.

    Returns:
        Rows sorted by ``playlist_id`` and ``track_id``.

    Raises:
        InputError: There are no tracks.
    """
    import pandas as pd

    deliveries = tables.get(TABLE) or {}
    if not deliveries:
        raise InputError("no arrival has delivered this table yet", where=f"table {TABLE}")
    read = pd.concat(deliveries.values(), ignore_index=True)
    known = read[read["artist"].notna()]
    once = known.drop_duplicates(list(KEY), keep="last")
    sizes = once.groupby(PLAYLIST)[TRACK].transform("size")
    kept = once[sizes.ge(LEAST_TRACKS)]
    tracks = known.drop_duplicates(TRACK, keep="last")[[TRACK, *TITLE, *FEATURES]]
    rows = kept[list(KEY)].merge(tracks, on=TRACK, validate="many_to_one")
    rows = rows.assign(genre=rows[PLAYLIST].map(most_frequent(kept, PLAYLIST, "genre")))
    return Joined(
        rows=rows.sort_values(list(KEY), kind="stable", ignore_index=True),
        dropped={
            NO_ARTIST: len(read) - len(known),
            LISTED_AGAIN: len(known) - len(once),
            SHORT: len(once) - len(kept),
        },
        counts={"listed tracks read": len(read), "playlists": int(rows[PLAYLIST].nunique())},
    )


def most_frequent(rows: pd.DataFrame, group: str, column: str) -> pd.Series:
    """Return the most frequent value of a column in each group; of equally frequent ones the first."""
    counts = rows.groupby([group, column]).size().reset_index(name="rows")
    ordered = counts.sort_values([group, "rows", column], ascending=[True, False, True], kind="stable")
    return ordered.drop_duplicates(group).set_index(group)[column]

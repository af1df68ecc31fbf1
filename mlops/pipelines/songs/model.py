# pandas ships no precise types: what an expression gives is guessed, often wrongly.
# pyright: reportArgumentType=false, reportCallIssue=false

"""The recommender: tracks of playlists that share tracks, and tracks that are like those of the playlist.

It is saved as plain arrays. A file may hold any numbers, so predictions check that each array points into the
one that it indexes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mlops.pipelines.songs.join import PLAYLIST, TRACK
from mlops.pipelines.songs.styles import one_per_track, styles
from mlops.pipelines.tasks.ranking import KNOWN

if TYPE_CHECKING:
    import pandas as pd

    from mlops.pipelines.songs.params import Params

#: Tracks in a list of recommendations.
LONGEST = 200
#: How much a track that nobody lists counts beside the most popular one of the same genre or style.
_LEAST_POPULAR = 0.2
#: Decides between tracks with no other reason.
_POPULARITY = 1e-3


class Recommender:
    """Recommends tracks to playlists.

    Attributes:
        artist: See `Params`, as for the next four.
        genre: Weight of the genre.
        style: Weight of the style.
        shrinkage: Playlists added to the number of each track's playlists.
        styles: Styles of each genre.
        tracks: Ids of all tracks, ascending; this and the following are fitted.
        playlist_of: Number of the playlist in each training row.
        track_of: Position in ``tracks`` of the track in each training row.
        artist_of: Number of each track's artist.
        genre_of: Number of each track's genre.
        style_of: Number of each track's style.
    """

    tracks: np.ndarray
    playlist_of: np.ndarray
    track_of: np.ndarray
    artist_of: np.ndarray
    genre_of: np.ndarray
    style_of: np.ndarray

    def __init__(self, params: Params) -> None:
        """Make an unfitted recommender."""
        self.artist = float(params.artist)
        self.genre = float(params.genre)
        self.style = float(params.style)
        self.shrinkage = float(params.shrinkage)
        self.styles = int(params.styles)

    def fit(self, rows: pd.DataFrame) -> Recommender:
        """Learn from one row per playlist and track; return this recommender."""
        tracks = one_per_track(rows)
        self.tracks = tracks[TRACK].to_numpy(dtype=str)
        self.playlist_of = _numbered(rows[PLAYLIST].to_numpy(dtype=str))
        self.track_of = np.searchsorted(self.tracks, rows[TRACK].to_numpy(dtype=str)).astype("int64")
        self.artist_of = _numbered(tracks["artist"].to_numpy(dtype=str))
        self.genre_of = _numbered(tracks["genre"].to_numpy(dtype=str))
        self.style_of = styles(tracks, self.styles)
        return self

    def predict(self, units: pd.DataFrame) -> list[list[str]]:
        """Return up to `LONGEST` recommended tracks for each playlist, the best first.

        Args:
            units: One row per playlist, with a JSON list of its tracks; those that the recommender does not
                know are passed over.
        """
        self._check()
        plays = np.bincount(self.track_of, minlength=len(self.tracks)).astype("float64")
        return [self._list(json.loads(known), plays) for known in units[KNOWN]]

    def _list(self, known: Sequence[str], plays: np.ndarray) -> list[str]:
        found = np.intersect1d(self.tracks, np.asarray(known, dtype=str), return_indices=True)[1]
        scores = self._scores(found, plays)
        scores[found] = -np.inf
        # Equal ones in the order of their ids.
        order = np.lexsort((np.arange(len(scores)), -scores))[: min(LONGEST, len(scores) - len(found))]
        return self.tracks[order].tolist()

    def _scores(self, known: np.ndarray, plays: np.ndarray) -> np.ndarray:
        popular = plays / plays.max(initial=1.0)
        if not len(known):
            return popular
        like = self.genre * _share(self.genre_of, known) + self.style * _share(self.style_of, known)
        return (
            self._together(known, plays)
            + self.artist * _share(self.artist_of, known)
            + like * (_LEAST_POPULAR + popular)
            + _POPULARITY * popular
        )

    def _together(self, known: np.ndarray, plays: np.ndarray) -> np.ndarray:
        """Return the mean cosine of each track with the known ones, as vectors of their playlists.

        Cosines are shrunk, and summed by playlist first: no matrix of tracks by tracks is needed.
        """
        weights = 1 / np.sqrt(plays + self.shrinkage)
        is_known = np.zeros(len(plays))
        is_known[known] = weights[known]
        shared = np.bincount(self.playlist_of, weights=is_known[self.track_of])
        sums = np.bincount(self.track_of, weights=shared[self.playlist_of], minlength=len(plays))
        return sums * weights / len(known)

    def _check(self) -> None:
        """Raise `ValueError` unless arrays have the form that fitting gives them."""
        rows, tracks = len(self.track_of), len(self.tracks)
        for values, length, limit in (
            (self.track_of, rows, tracks),
            (self.playlist_of, rows, rows),
            (self.artist_of, tracks, tracks),
            (self.genre_of, tracks, tracks),
            (self.style_of, tracks, tracks * max(self.styles, 1)),
        ):
            whole = values.dtype.kind == "i" and values.shape == (length,)
            if not whole or (length and not 0 <= values.min() <= values.max() < limit):
                raise ValueError("an array of the recommender has another form than fitting gives it")


def _numbered(values: np.ndarray) -> np.ndarray:
    return np.unique(values, return_inverse=True)[1].astype("int64")


def _share(groups: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return for each track the share of the known ones that are in its group."""
    return (np.bincount(groups[known], minlength=int(groups.max()) + 1) / len(known))[groups]


def most_popular(train: pd.DataFrame, units: pd.DataFrame) -> list[list[str]]:
    """Return for each playlist the tracks of most playlists that it does not hold, the baseline.

    Args:
        train: Training rows.
        units: One row per playlist, as for `Recommender.predict`.
    """
    counts = train[TRACK].value_counts().reset_index()
    order = counts.sort_values(["count", TRACK], ascending=[False, True], kind="stable")[TRACK].tolist()
    known = [set(json.loads(text)) for text in units[KNOWN]]
    return [[track for track in order if track not in held][:LONGEST] for held in known]

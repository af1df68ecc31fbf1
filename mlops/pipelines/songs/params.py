"""Parameters of the recommender and the types that a saved one may contain; imports no library."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mlops.runs.errors import ConfigError
from mlops.runs.saved_types import objects

#: All that a saved model may hold beside plain numbers, texts and arrays of them.
TRUSTED_TYPES = objects("mlops.pipelines.songs.model.Recommender")

_MOST_STYLES = 50


@dataclass(frozen=True)
class Params:
    """Parameters of the recommender: how much each reason for a recommendation counts.

    The reason with weight 1 is that a track is in playlists with the same tracks.

    Attributes:
        artist: Weight of a track's artist being in the playlist, at least 0.
        genre: Weight of a popular track's genre being in the playlist, at least 0.
        style: Weight of a popular track's style being in the playlist, at least 0.
        shrinkage: Playlists that are added to each track's number of playlists, so that few shared ones say
            little; above 0.
        styles: Styles of each genre, 1 to 50.
    """

    artist: float = 0.2
    genre: float = 0.02
    style: float = 0.02
    shrinkage: float = 2.0
    styles: int = 4

    def __post_init__(self) -> None:
        """Raise `ConfigError` where a parameter is out of range."""
        for name in ("artist", "genre", "style"):
            _check(0 <= getattr(self, name) < math.inf, name, "finite and at least 0")
        _check(0 < self.shrinkage < math.inf, "shrinkage", "finite and above 0")
        _check(1 <= self.styles <= _MOST_STYLES, "styles", f"1 to {_MOST_STYLES}")


def _check(holds: bool, name: str, words: str) -> None:
    if not holds:
        raise ConfigError(f"must be {words}", where=name)

# pandas ships no precise types: what an expression gives is guessed, often wrongly.
# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false

"""Synthetic tracks: invented artists, titles and audio features, the same from every call.

Nobody recorded this music. Features differ by genre and overlap, so that about half of all tracks can be told
apart; every artist has a sound of its own, so that tracks of one artist are not independent; some tracks are
in several playlists, now and then in one of another genre.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

SEED = 20_200_121
TRACKS, ARTISTS, PLAYLISTS_PER_STYLE = 4_500, 240, 6
#: Shares of the tracks that are listed again, and of the tracks whose other list is of another genre.
AGAIN, ELSEWHERE = 0.12, 0.06
#: How much of a feature's spread belongs to the artist.
_OF_ARTIST = 0.4


@dataclass(frozen=True)
class _Sound:
    """The means of a genre's features, some of them on the scale on which they are drawn."""

    styles: tuple[str, ...]
    danceability: float
    energy: float
    loudness: float
    speechiness: float
    acousticness: float
    instrumentalness: float
    valence: float
    tempo: float
    minutes: float
    major: float


SOUNDS: Mapping[str, _Sound] = {
    "edm": _Sound(("big room", "electro house"), 0.61, 0.83, -4.6, -2.7, -3.9, -6.0, 0.36, 126.0, 3.5, 0.50),
    "latin": _Sound(("reggaeton", "tropical"), 0.72, 0.71, -5.9, -2.5, -2.3, -11.0, 0.63, 114.0, 3.6, 0.53),
    "pop": _Sound(("dance pop", "electropop"), 0.64, 0.70, -5.6, -2.8, -2.6, -11.5, 0.49, 119.0, 3.5, 0.55),
    "r&b": _Sound(("neo soul", "hip pop"), 0.67, 0.58, -7.5, -2.4, -1.8, -10.5, 0.49, 110.0, 4.0, 0.52),
    "rap": _Sound(("southern hip hop", "trap"), 0.72, 0.69, -6.0, -1.6, -2.7, -11.0, 0.48, 122.0, 4.1, 0.54),
    "rock": _Sound(("classic rock", "hard rock"), 0.50, 0.74, -8.0, -3.1, -2.8, -8.0, 0.53, 123.0, 4.4, 0.74),
}
_SPREADS = {
    "danceability": 0.12,
    "energy": 0.15,
    "loudness": 2.3,
    "speechiness": 0.55,
    "acousticness": 1.5,
    "instrumentalness": 3.2,
    "valence": 0.21,
    "tempo": 24.0,
    "minutes": 0.8,
}
_WORDS = (
    "Amber",
    "Avenue",
    "Blue",
    "Cinder",
    "Echo",
    "Ember",
    "Glass",
    "Harbour",
    "Ivory",
    "Juniper",
    "Lantern",
)
_MORE = (
    "Atlas",
    "Cartel",
    "Choir",
    "Days",
    "Engine",
    "Lights",
    "Motel",
    "Orchard",
    "Rivers",
    "Saints",
    "Theory",
)


@functools.cache
def tracks() -> pd.DataFrame:
    """Return one row per track and playlist, with the columns of the table ``tracks``."""
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(SEED)
    made = _made(rng)
    again = made[rng.random(len(made)) < AGAIN]
    style = again["style"].to_numpy(copy=True)
    # A list of the same genre; now and then one of any genre.
    style = style // 2 * 2 + rng.integers(0, 2, len(again))
    other = rng.random(len(again)) < ELSEWHERE / AGAIN
    style[other] = rng.integers(0, 2 * len(SOUNDS), int(other.sum()))
    listed = _with_playlists(rng, pd.concat([made, again.assign(style=style)], ignore_index=True))
    return listed.drop_duplicates(["track_id", "playlist"], ignore_index=True)


def _made(rng: np.random.Generator) -> pd.DataFrame:
    """Return one row per track: its artist, its style and its features."""
    import numpy as np
    import pandas as pd

    genres = list(SOUNDS)
    home = rng.integers(0, len(genres), ARTISTS)
    # Few artists have many tracks: shares fall with the rank.
    shares = 1 / np.arange(4, ARTISTS + 4) ** 0.8
    artist = rng.choice(ARTISTS, TRACKS, p=shares / shares.sum())
    strays = rng.random(TRACKS) < 0.1
    genre = np.where(strays, rng.integers(0, len(genres), TRACKS), home[artist])
    columns: dict[str, object] = {
        "track_id": [f"synthetic-{number:05d}" for number in range(TRACKS)],
        "track_name": [f"Track {number}" for number in range(TRACKS)],
        "artist": [f"{_WORDS[a % 11]} {_MORE[a // 11 % 11]} {a}" for a in artist.tolist()],
        "popularity": np.clip(rng.normal(45, 25, TRACKS), 0, 100).astype("int64"),
        "album": [f"Album {number // 9}" for number in range(TRACKS)],
        "release_date": [f"{year}" for year in rng.integers(1970, 2020, TRACKS).tolist()],
        "style": 2 * genre + rng.integers(0, 2, TRACKS),
        **_features(rng, genre, artist),
    }
    return pd.DataFrame(columns)


def _features(rng: np.random.Generator, genre: np.ndarray, artist: np.ndarray) -> dict[str, np.ndarray]:
    import numpy as np

    drawn: dict[str, np.ndarray] = {}
    for name, spread in _SPREADS.items():
        means = np.asarray([getattr(sound, name) for sound in SOUNDS.values()])
        own = rng.normal(0, spread * _OF_ARTIST, ARTISTS)
        rest = rng.normal(0, spread * (1 - _OF_ARTIST**2) ** 0.5, len(genre))
        drawn[name] = means[genre] + own[artist] + rest
    major = np.asarray([sound.major for sound in SOUNDS.values()])
    shares = {name: np.clip(drawn[name], 0.03, 0.99) for name in ("danceability", "energy", "valence")}
    powers = {
        name: np.clip(np.exp(drawn[name]), 0, 0.99)
        for name in ("speechiness", "acousticness", "instrumentalness")
    }
    found = {
        **shares,
        **powers,
        "loudness": np.clip(drawn["loudness"], -40, 0),
        "liveness": np.clip(np.exp(rng.normal(-1.9, 0.65, len(genre))), 0.01, 0.99),
        "tempo": np.clip(drawn["tempo"], 50, 220),
    }
    rounded = {name: np.round(values, 4) for name, values in found.items()}
    return {
        **rounded,
        "key": rng.integers(0, 12, len(genre)),
        "mode": (rng.random(len(genre)) < major[genre]).astype("int64"),
        "duration_ms": np.round(np.clip(drawn["minutes"], 0.7, 9) * 60_000),
    }


def _with_playlists(rng: np.random.Generator, listed: pd.DataFrame) -> pd.DataFrame:
    styles = [(genre, style) for genre, sound in SOUNDS.items() for style in sound.styles]
    number = rng.integers(1, PLAYLISTS_PER_STYLE + 1, len(listed)).tolist()
    found = [styles[style] for style in listed["style"].tolist()]
    return listed.drop(columns="style").assign(
        genre=[genre for genre, _ in found],
        subgenre=[style for _, style in found],
        playlist=[f"{style} {n}" for (_, style), n in zip(found, number, strict=True)],
    )

# pandas ships no precise types: what an expression gives is guessed, often wrongly.
# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false

"""Synthetic playlists: invented songs, artists and tastes, the same from every call.

Nobody recorded this music or listened to it. Every playlist is made by one taste: a genre, a few artists of
it and a way to sound. It takes songs that fit, popular ones more often, and now and then any song. Audio
features differ by genre and, within a genre, by style, and overlap.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from mlops.pipelines.track_files import GENRES

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

SEED = 20_200_121
SONGS, ARTISTS, PLAYLISTS, TASTES = 2_400, 240, 320, 48
STYLES = 3
#: Share of the tracks of a playlist that are any song.
STRAY = 0.1
#: How much more often a song by one of a taste's artists is taken.
_FAVOURITE = 12.0

#: Name to mean and standard deviation over all songs, the spread of genres' means, and least and most.
_SOUND = {
    "danceability": (0.65, 0.08, 0.08, 0.05, 0.99),
    "energy": (0.70, 0.10, 0.08, 0.02, 1.0),
    "loudness": (-6.5, 1.6, 1.4, -40.0, 0.0),
    "speechiness": (0.11, 0.05, 0.05, 0.02, 0.96),
    "acousticness": (0.18, 0.12, 0.08, 0.0, 0.99),
    "instrumentalness": (0.08, 0.08, 0.06, 0.0, 0.99),
    "liveness": (0.19, 0.12, 0.01, 0.01, 0.99),
    "valence": (0.51, 0.15, 0.08, 0.02, 0.98),
    "tempo": (120.0, 18.0, 6.0, 50.0, 220.0),
    "duration_ms": (222_000.0, 36_000.0, 15_000.0, 45_000.0, 540_000.0),
}
_SUBGENRES = ("one", "two", "three")
_WORDS = ("Amber", "Avenue", "Blue", "Cinder", "Echo", "Glass", "Harbour", "Ivory", "Juniper", "Lantern")
_MORE = ("Atlas", "Choir", "Days", "Engine", "Lights", "Motel", "Orchard", "Rivers", "Saints", "Theory")


@functools.cache
def tracks() -> pd.DataFrame:
    """Return one row per playlist and track, with the columns of the table ``tracks``."""
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(SEED)
    songs = _songs(rng)
    genre, style = songs["genre"].to_numpy(), songs["style"].to_numpy()
    artist, fame = songs["artist number"].to_numpy(), songs["fame"].to_numpy()
    tastes = [_taste(rng, genre, artist) for _ in range(TASTES)]
    rows: list[pd.DataFrame] = []
    for number in range(PLAYLISTS):
        home, favourites, liked = tastes[number % TASTES]
        weights = fame * (genre == home) * np.where(np.isin(artist, favourites), _FAVOURITE, 1.0)
        weights *= np.where(style == liked, 2.0, 1.0)
        chosen = _drawn(rng, weights, fame, int(rng.integers(10, 36)))
        rows.append(
            songs.iloc[chosen].assign(
                playlist_id=f"synthetic-playlist-{number:04d}",
                playlist=f"{_WORDS[number % 10]} {GENRES[home]} {number}",
                genre=GENRES[home],
                subgenre=f"{GENRES[home]} {_SUBGENRES[liked]}",
            )
        )
    listed = pd.concat(rows, ignore_index=True)
    return listed.drop(columns=["style", "artist number", "fame"])


def _drawn(rng: np.random.Generator, weights: np.ndarray, fame: np.ndarray, size: int) -> np.ndarray:
    """Return the positions of the songs of a playlist, in the order of their ids, each once."""
    import numpy as np

    strays = rng.random(size) < STRAY
    fitting = rng.choice(len(weights), int((~strays).sum()), replace=False, p=weights / weights.sum())
    others = rng.choice(len(fame), int(strays.sum()), replace=False, p=fame / fame.sum())
    return np.union1d(fitting, others)


def _taste(rng: np.random.Generator, genre: np.ndarray, artist: np.ndarray) -> tuple[int, np.ndarray, int]:
    """Return a genre, some of its artists, and one of its styles."""
    import numpy as np

    home = int(rng.integers(0, len(GENRES)))
    favourites = rng.choice(np.unique(artist[genre == home]), 8, replace=False)
    return home, favourites, int(rng.integers(0, STYLES))


def _songs(rng: np.random.Generator) -> pd.DataFrame:
    """Return one row per song: what a playlist takes it by, and what the table says of it."""
    import numpy as np
    import pandas as pd

    home = rng.integers(0, len(GENRES), ARTISTS)
    artist = rng.integers(0, ARTISTS, SONGS)
    genre, style = home[artist], rng.integers(0, STYLES, SONGS)
    # Few songs are in many playlists.
    fame = 1 / (1 + rng.permutation(SONGS)) ** 0.5
    columns: dict[str, object] = {
        "track_id": [f"synthetic-song-{number:05d}" for number in range(SONGS)],
        "track_name": [f"Song {number}" for number in range(SONGS)],
        "artist": [f"{_WORDS[a % 10]} {_MORE[a // 10 % 10]} {a}" for a in artist.tolist()],
        "popularity": np.clip(rng.normal(100 * fame**0.3, 8), 0, 100).astype("int64"),
        "album": [f"Album {number // 9}" for number in range(SONGS)],
        "release_date": [f"{year}" for year in rng.integers(1970, 2020, SONGS).tolist()],
        "genre": genre,
        "style": style,
        "artist number": artist,
        "fame": fame,
        "key": rng.integers(0, 12, SONGS),
        "mode": rng.integers(0, 2, SONGS),
        **_features(rng, genre, style),
    }
    return pd.DataFrame(columns)


def _features(rng: np.random.Generator, genre: np.ndarray, style: np.ndarray) -> dict[str, np.ndarray]:
    import numpy as np

    drawn: dict[str, np.ndarray] = {}
    for name, (mean, spread, apart, least, most) in _SOUND.items():
        of_genre = rng.normal(0, apart, len(GENRES))
        of_style = rng.normal(0, spread, (len(GENRES), STYLES))
        values = mean + of_genre[genre] + of_style[genre, style] + rng.normal(0, spread, len(genre))
        drawn[name] = np.round(np.clip(values, least, most), 0 if name == "duration_ms" else 4)
    return drawn

# pandas and scikit-learn ship no precise types: what an expression gives is guessed, often wrongly.
# pyright: reportArgumentType=false, reportReturnType=false, reportCallIssue=false
# pyright: reportAttributeAccessIssue=false

"""Styles: clusters of the tracks of a genre by how they sound, and measures of how far apart they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from mlops.pipelines.songs.join import FEATURES, TRACK, most_frequent

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from mlops.pipelines.songs.params import Params

_SEED = 0
#: Tracks of a genre by which the silhouette is estimated: all distances between them are computed.
_SAMPLE = 2_000
#: Standard deviations beyond which a feature counts as no further away.
_FARTHEST = 3.0


def one_per_track(rows: pd.DataFrame) -> pd.DataFrame:
    """Return one row per track, ascending by id, whose genre is that of most of its playlists."""
    genre = most_frequent(rows, TRACK, "genre")
    tracks = rows.drop_duplicates(TRACK).sort_values(TRACK, ignore_index=True)
    return tracks.assign(genre=tracks[TRACK].map(genre))


def styles(tracks: pd.DataFrame, number: int) -> np.ndarray:
    """Return the style of each track, numbered through all genres.

    Args:
        tracks: Rows of `one_per_track`.
        number: Styles of each genre; a genre with too few tracks for them is one style.
    """
    import numpy as np

    found = np.zeros(len(tracks), dtype="int64")
    for position, (_genre, places, _sound, labels) in enumerate(_clustered(tracks, number)):
        found[places] = position * number + labels
    return found


def measures(train: pd.DataFrame, params: Params) -> Mapping[str, float]:
    """Return the silhouette and the Davies-Bouldin index of the styles of each genre.

    A silhouette is between -1 and 1, better above 0 (Rousseeuw 1987); a Davies-Bouldin index is positive, the
    lower the better (Davies & Bouldin 1979). A genre whose tracks make only one style has neither.

    Args:
        train: Training rows.
        params: Parameters of the model, for the number of styles.
    """
    import numpy as np
    from sklearn.metrics import davies_bouldin_score, silhouette_score

    found: dict[str, float] = {}
    for genre, places, sound, labels in _clustered(one_per_track(train), params.styles):
        if len(np.unique(labels)) < 2:
            continue
        # Names of metrics may not hold an ampersand in MLflow.
        name = genre.replace("&", "n")
        sample = min(_SAMPLE, len(places))
        found[f"silhouette/{name}"] = float(
            silhouette_score(sound, labels, sample_size=sample, random_state=_SEED)
        )
        found[f"davies_bouldin/{name}"] = float(davies_bouldin_score(sound, labels))
    return found


def _clustered(tracks: pd.DataFrame, number: int) -> Iterator[tuple[str, np.ndarray, np.ndarray, np.ndarray]]:
    """Yield each genre, the places of its tracks, how they sound, and their styles from 0."""
    import numpy as np
    from threadpoolctl import threadpool_limits

    sound = _sound(tracks)
    genres = tracks["genre"].to_numpy(dtype=str)
    # The order in which threads add up would show in the last digits.
    with threadpool_limits(limits=1):
        for genre in np.unique(genres).tolist():
            places = np.flatnonzero(genres == genre)
            yield genre, places, sound[places], _labels(sound[places], number)


def _labels(sound: np.ndarray, number: int) -> np.ndarray:
    import numpy as np
    from sklearn.cluster import KMeans

    if number < 2 or len(np.unique(sound, axis=0)) <= number:
        return np.zeros(len(sound), dtype="int64")
    clusters: Any = KMeans(number, n_init=3, random_state=_SEED)
    return clusters.fit_predict(sound).astype("int64")


def _sound(tracks: pd.DataFrame) -> np.ndarray:
    """Return the audio features in standard deviations from their means."""
    import numpy as np

    values = tracks[list(FEATURES)].to_numpy("float64")
    spread = values.std(axis=0)
    scaled = (values - values.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    return np.clip(scaled, -_FARTHEST, _FARTHEST)

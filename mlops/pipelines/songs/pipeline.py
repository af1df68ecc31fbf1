"""The specification of the songs pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mlops.pipelines.songs.extract import PARTS, TABLE, extract, parse
from mlops.pipelines.songs.join import FEATURES, KEY, PLAYLIST, TITLE, TRACK, join
from mlops.pipelines.songs.params import TRUSTED_TYPES, Params
from mlops.pipelines.sources import FunctionSource
from mlops.pipelines.spec import PipelineSpec
from mlops.pipelines.tasks import Ranking

if TYPE_CHECKING:
    import pandas as pd

    from mlops.pipelines.songs.model import Recommender

EXCLUDED = {
    "track_id": "the target: of the tracks that are held out nothing is told",
    "playlist": "names the playlist; its id identifies it",
    "subgenre": "of the playlist; a name for what its tracks say",
    "track_name": "names the track; its id identifies it",
    "album": "mostly names the artist",
    "popularity": "changes every day and follows from the playlists that a track is in",
    "release_date": "often the date of a new edition",
    "key": "semitones are a circle: their difference is no distance",
    "mode": "two values: their difference is no distance",
}


def model(params: Params, _seed: int) -> Recommender:
    """Return the unfitted model, which uses no randomness; numpy is imported when one is asked for."""
    from mlops.pipelines.songs.model import Recommender

    return Recommender(params)


def baseline(train: pd.DataFrame, units: pd.DataFrame) -> Any:
    """Return the most popular tracks for each playlist."""
    from mlops.pipelines.songs.model import most_popular

    return most_popular(train, units)


def measures(train: pd.DataFrame, params: Params) -> Mapping[str, float]:
    """Return measures of the styles of each genre."""
    from mlops.pipelines.songs import styles

    return styles.measures(train, params)


SPEC = PipelineSpec(
    name="songs",
    title="Songs for playlists",
    tables=(TABLE,),
    key=KEY,
    table_keys={TABLE: KEY},
    time="",
    cluster=PLAYLIST,
    target=TRACK,
    unit="1 - NDCG",
    model_input=(PLAYLIST, TRACK, "artist", "genre", *FEATURES),
    excluded=EXCLUDED,
    slices=("genre",),
    params=Params,
    trusted_types=TRUSTED_TYPES,
    source=lambda _options: FunctionSource(PARTS.arrivals, extract),
    parse=parse,
    join=join,
    model=model,
    baseline=baseline,
    baseline_reads=(TRACK,),
    task=Ranking(PLAYLIST, TRACK, k=10, titles=TITLE),
    select=PARTS.select,
    measures=measures,
)

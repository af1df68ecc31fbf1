"""The specification of the spotify-genre pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops.pipelines.sources import FunctionSource
from mlops.pipelines.spec import PipelineSpec
from mlops.pipelines.spotify_genre.extract import AUDIO, GENRES, PARTS, TABLE, extract, parse
from mlops.pipelines.spotify_genre.features import baseline
from mlops.pipelines.spotify_genre.join import CLUSTER, KEY, TARGET, join
from mlops.pipelines.spotify_genre.params import TRUSTED_TYPES, Params
from mlops.pipelines.tasks import Classification

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

EXCLUDED = {
    "genre": "the target",
    "subgenre": "names the genre",
    "playlist": "often names the genre",
    "track_id": "identifies the track",
    "track_name": "not how it sounds; some titles name the genre",
    "artist": "most artists have one genre: a model would learn the artists and know no new one",
    "album": "identifies the artist",
    "popularity": "changes every day and follows from the playlists that a track is in",
    "release_date": "not how it sounds; often the date of a new edition",
}


def model(params: Params, seed: int) -> Pipeline:
    """Return the unfitted model; scikit-learn is imported when one is asked for."""
    from mlops.pipelines.spotify_genre import model as trees

    return trees.model(params, seed)


SPEC = PipelineSpec(
    name="spotify-genre",
    title="Genre of tracks, from their audio features",
    tables=(TABLE,),
    key=KEY,
    table_keys={TABLE: ("track_id", "playlist", "subgenre")},
    time="",
    cluster=CLUSTER,
    target=TARGET,
    unit="nats",
    model_input=AUDIO,
    excluded=EXCLUDED,
    slices=("genre",),
    params=Params,
    trusted_types=TRUSTED_TYPES,
    source=lambda _options: FunctionSource(PARTS.arrivals, extract),
    parse=parse,
    join=join,
    model=model,
    baseline=baseline,
    baseline_reads=(TARGET,),
    task=Classification(GENRES),
    select=PARTS.select,
)

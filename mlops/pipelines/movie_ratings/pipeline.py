"""The specification of the pipeline of film ratings."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from mlops.pipelines.movie_ratings.extract import TABLE, parse, source
from mlops.pipelines.movie_ratings.features import baseline
from mlops.pipelines.movie_ratings.join import CLUSTER, FILM_COLUMNS, HISTORY, KEY, TARGET, TIME, join
from mlops.pipelines.movie_ratings.params import TRUSTED_TYPES, Params
from mlops.pipelines.movie_ratings.warehouse import GENRES
from mlops.pipelines.spec import PipelineSpec

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

EXCLUDED = {
    "rating": "the target",
    "votes": "known only after the audience has seen the film",
    "film_id": "identifies the row",
    "title": "a free text that identifies the row",
    "release_date": "the month says the season; the year would be new in every holdout",
    "year": "new in every holdout",
    "director": "a name; what is known of earlier films stands in the history",
    "studio": "a name; what is known of earlier films stands in the history",
    **dict.fromkeys(GENRES, "the main genre says it nearly always"),
}


def model(params: Params, seed: int) -> Pipeline:
    """Return the unfitted model; scikit-learn is imported when one is asked for."""
    from mlops.pipelines.movie_ratings import model as trees

    return trees.model(params, seed)


SPEC = PipelineSpec(
    name="movie-ratings",
    title="Rating of films by their audience, known at release",
    tables=(TABLE,),
    key=KEY,
    table_keys={TABLE: KEY},
    time=TIME,
    cluster=CLUSTER,
    target=TARGET,
    unit="points",
    model_input=(*FILM_COLUMNS, *HISTORY),
    excluded=EXCLUDED,
    slices=("main_genre",),
    params=Params,
    trusted_types=TRUSTED_TYPES,
    source=source,
    parse=parse,
    join=join,
    model=model,
    baseline=baseline,
    baseline_reads=("main_genre", "rating"),
    arrival_interval=timedelta(days=366),
)

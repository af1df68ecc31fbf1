"""The specification of the bike-sharing pipeline."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from mlops.pipelines.bike_sharing.extract import TABLE, parse, select, source
from mlops.pipelines.bike_sharing.features import baseline
from mlops.pipelines.bike_sharing.join import (
    CALENDAR,
    CLUSTER,
    KEY,
    KNOWN_BEFORE,
    TARGET,
    TIME,
    WEATHER,
    join,
)
from mlops.pipelines.bike_sharing.params import TRUSTED_TYPES, Params
from mlops.pipelines.spec import PipelineSpec

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

EXCLUDED = {
    "rentals": "the target",
    "casual": "part of the target: casual and registered rentals add up to it",
    "registered": "part of the target: casual and registered rentals add up to it",
    "date": "identifies the row; season, weekday and holiday say what matters of it",
    "feels_like": "follows from temperature, humidity and wind",
}


def model(params: Params, seed: int) -> Pipeline:
    """Return the unfitted model; scikit-learn is imported when one is asked for."""
    from mlops.pipelines.bike_sharing import model as trees

    return trees.model(params, seed)


SPEC = PipelineSpec(
    name="bike-sharing",
    title="Bicycles rented per hour, with the weather of that hour",
    tables=(TABLE,),
    key=KEY,
    table_keys={TABLE: ("date", "hour")},
    time=TIME,
    cluster=CLUSTER,
    target=TARGET,
    unit="rentals/h",
    model_input=(*CALENDAR, *WEATHER, *KNOWN_BEFORE),
    excluded=EXCLUDED,
    slices=("working_day",),
    params=Params,
    trusted_types=TRUSTED_TYPES,
    source=source,
    parse=parse,
    join=join,
    model=model,
    baseline=baseline,
    baseline_reads=("hour", TARGET),
    select=select,
    arrival_interval=timedelta(days=31),
)

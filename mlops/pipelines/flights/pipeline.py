"""The specification of the flights pipeline."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from mlops.pipelines.flights.extract import arrivals, extract, parse
from mlops.pipelines.flights.features import baseline
from mlops.pipelines.flights.join import (
    CLUSTER,
    FLIGHT_COLUMNS,
    KEY,
    PLANE_COLUMNS,
    TARGET,
    TIME,
    WEATHER_COLUMNS,
    join,
)
from mlops.pipelines.flights.params import TRUSTED_TYPES, Params
from mlops.pipelines.sources import FunctionSource
from mlops.pipelines.spec import PipelineSpec

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

EXCLUDED = {
    "arr_time": "known only after arrival",
    "air_time": "known only after arrival",
    "arr_delay": "the target",
    "dep_time": "scheduled departure and departure delay already say it",
    "flight": "a number without order that is reassigned; it identifies the row",
    "tailnum": "identifies one plane; what matters of it comes from the registry",
    "time_hour": "identifies the row; the clock time is in the scheduled departure",
    "hour": "the scheduled departure already says it",
    "minute": "the scheduled departure already says it",
    "humid": "follows from temperature and dew point",
    "type": "the same for nearly every plane",
    "manufacturer": "no gain over seats and age",
    "model": "too many values with few flights; seats and age describe it",
    "engines": "two for nearly every plane",
    "engine": "no gain over seats and age",
    "speed": "missing for nearly every plane",
}


def model(params: Params, seed: int) -> Pipeline:
    """Return the unfitted model; scikit-learn is imported when one is asked for."""
    from mlops.pipelines.flights import model as trees

    return trees.model(params, seed)


SPEC = PipelineSpec(
    name="flights",
    title="Arrival delay of flights from New York, known at departure",
    tables=("flights", "weather", "planes"),
    key=KEY,
    table_keys={"flights": KEY, "weather": ("origin", "time_hour"), "planes": ("tailnum",)},
    time=TIME,
    cluster=CLUSTER,
    target=TARGET,
    unit="min",
    model_input=(*FLIGHT_COLUMNS, *PLANE_COLUMNS.values(), *WEATHER_COLUMNS),
    excluded=EXCLUDED,
    slices=("origin",),
    params=Params,
    trusted_types=TRUSTED_TYPES,
    source=lambda _options: FunctionSource(arrivals, extract),
    parse=parse,
    join=join,
    model=model,
    baseline=baseline,
    arrival_interval=timedelta(days=31),
)

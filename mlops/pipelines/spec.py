"""The declaration of a pipeline: everything that the shared run protocol needs to know about it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, get_type_hints

from mlops.pipelines.tasks import DataOnly, Regression, Task
from mlops.pipelines.tasks.data_only import no_model
from mlops.runs.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from mlops.pipelines.sources import Options, Source
    from mlops.runs.records import HoldoutRule
    from mlops.runs.saved_types import SavedType

#: The least `PipelineSpec.arrival_interval`.
SHORTEST_INTERVAL = timedelta(minutes=1)
#: Arrival name to frame, ascending by arrival: all deliveries of one table.
Deliveries = Mapping[str, "pd.DataFrame"]


@dataclass(frozen=True)
class Joined:
    """The joined rows of a pipeline, and counts of the rows that were left out.

    Attributes:
        rows: One row per row key, sorted by time column and row key; key, time, cluster, target, model input
            and slice columns. No missing targets.
        dropped: Reason to number of rows left out, e.g. ``{"no arrival delay": 9430}``.
        counts: Other numbers for the report, e.g. rows read per table.
    """

    rows: pd.DataFrame
    dropped: Mapping[str, int]
    counts: Mapping[str, int]


@dataclass(frozen=True)
class PipelineSpec:
    """One pipeline.

    Attributes:
        name: Its name, which is also its lakeFS repository and its registered model.
        title: What it predicts, for people.
        tables: Raw tables of one arrival; each has a suite of the same name.
        key: Columns that identify a joined row.
        table_keys: Table to the columns that identify its rows; for the row-wise diff of Parquet files.
        time: Column with the time a row is about: with a holdout that is a period, training ends before it
            begins. Empty where rows have none.
        cluster: Column whose values are the clusters; rows of one are not independent.
        target: Column that is predicted.
        unit: Unit of the metric that decides, e.g. ``min`` or ``nats``.
        model_input: Joined raw columns that a model takes, in order; derived features are inside the model.
        excluded: Raw column to the reason why no model may take it.
        slices: Columns whose every value is reported (and may be guarded) by itself.
        params: Frozen dataclass of model parameters, all with defaults; nothing else may be configured.
        trusted_types: Every type and function that a saved model may hold beside containers, plain values
            and arrays, each with the way it is restored; fixed here, never derived from a file.
        source: Opens the source of arrivals, from the settings that it has.
        parse: Returns a frame of a table read from a user's file (CSV or Parquet), with canonical dtypes;
            raises ``InputError`` on a wrong schema.
        join: Returns the joined rows from table to deliveries.
        model: Returns an unfitted scikit-learn Pipeline for parameters and a seed.
        baseline: Returns predictions of the declared baseline from training rows, of which it is given
            `baseline_reads`, and the rows to predict: an array in the form that the task asks for.
        baseline_reads: Columns of the training rows that the baseline reads; none where it needs none.
        task: What is predicted, and how a prediction is judged.
        select: Returns the rows of a parsed file that belong to an arrival, from arrival, table and frame;
            raises ``InputError`` where there are none. By default a file holds one arrival.
        optional_tables: Tables that an arrival may lack; an arrival without one of the others is refused.
        arrival_interval: How often an arrival is expected; None where nothing is. Dagster warns when the
            newest came longer ago than that, and shows the arrivals as overdue after twice the time.
        measures: Returns further metrics of the training rows, from them and the model's parameters. They
            are recorded with a decision, and no policy can name them.
    """

    name: str
    title: str
    tables: tuple[str, ...]
    key: tuple[str, ...]
    table_keys: Mapping[str, tuple[str, ...]]
    time: str
    cluster: str
    target: str
    unit: str
    model_input: tuple[str, ...]
    excluded: Mapping[str, str]
    slices: tuple[str, ...]
    params: type
    trusted_types: tuple[SavedType, ...]
    source: Callable[[Options], Source]
    parse: Callable[[str, pd.DataFrame], pd.DataFrame]
    join: Callable[[Mapping[str, Deliveries]], Joined]
    model: Callable[[Any, int], Any]
    baseline: Callable[[pd.DataFrame, pd.DataFrame], np.ndarray]
    baseline_reads: tuple[str, ...] = ()
    task: Task = field(default_factory=Regression)
    select: Callable[[str, str, pd.DataFrame], pd.DataFrame] = lambda _arrival, _table, frame: frame
    measures: Callable[[pd.DataFrame, Any], Mapping[str, float]] | None = None
    optional_tables: tuple[str, ...] = ()
    arrival_interval: timedelta | None = None

    @property
    def has_model(self) -> bool:
        """Return whether runs train a model; else a promotion is a version of the data."""
        return not isinstance(self.task, DataOnly)

    def rows(self, tables: Mapping[str, Deliveries], params: Any) -> Joined:
        """Return the rows of a run with these parameters; those of a model's training change no rows."""
        return self.task.rows(tables, params) if isinstance(self.task, DataOnly) else self.join(tables)

    @property
    def change_unit(self) -> str:
        """Unit of a change of a prediction: that of the target, where it has one."""
        return self.unit if self.task.changes_in_units_of_target else ""

    def parameters(self, values: Mapping[str, Any]) -> Any:
        """Return the model parameters: the defaults, with ``values`` in their place.

        Raises:
            ConfigError: A parameter is unknown, or a value is of the wrong type or out of range.
        """
        types = get_type_hints(self.params)
        known = [field.name for field in dataclasses.fields(self.params)]
        for name, value in values.items():
            if name not in known:
                raise ConfigError(f"no such parameter; there are {', '.join(known)}", where=name)
            accepted = (int, float) if types[name] is float else (types[name],)
            if isinstance(value, bool) != (types[name] is bool) or not isinstance(value, accepted):
                raise ConfigError(f"must be {types[name].__name__}, not {value!r}", where=name)
        typed = {name: types[name](value) for name, value in values.items()}
        return self.params(**typed)


def data_only(
    *,
    name: str,
    title: str,
    tables: tuple[str, ...],
    key: tuple[str, ...],
    table_keys: Mapping[str, tuple[str, ...]],
    params: type,
    source: Callable[[Options], Source],
    parse: Callable[[str, pd.DataFrame], pd.DataFrame],
    rows: Callable[[Mapping[str, Deliveries], Any], Joined],
    time: str = "",
    excluded: Mapping[str, str] | None = None,
    select: Callable[[str, str, pd.DataFrame], pd.DataFrame] = lambda _arrival, _table, frame: frame,
    arrival_interval: timedelta | None = None,
) -> PipelineSpec:
    """Return the specification of a pipeline that makes rows and no model.

    Args:
        name: As in `PipelineSpec`, like all arguments that are not described here.
        title: What the data is, for people.
        tables: Raw tables of one arrival.
        key: Columns that identify a row.
        table_keys: Table to the columns that identify its rows.
        params: Frozen dataclass of the parameters of the rows, all with defaults.
        source: Opens the source of arrivals.
        parse: Returns a frame of a table read from a user's file.
        rows: Returns the rows from table to deliveries and the run's parameters. The same deliveries and
            parameters must give the same rows.
        time: Column with the time a row is about; empty where rows have none.
        excluded: Raw column to the reason why it is in no row.
        select: Returns the rows of a parsed file that belong to an arrival.
        arrival_interval: How often an arrival is expected; None where nothing is.
    """
    return PipelineSpec(
        name=name,
        title=title,
        tables=tables,
        key=key,
        table_keys=table_keys,
        time=time,
        cluster="",
        target="",
        unit="",
        model_input=(),
        excluded=excluded or {},
        slices=(),
        params=params,
        trusted_types=(),
        source=source,
        parse=parse,
        join=lambda tables: rows(tables, params()),
        model=no_model,
        baseline=no_model,
        task=DataOnly(rows),
        select=select,
        arrival_interval=arrival_interval,
    )


@dataclass(frozen=True)
class Split:
    """Training and holdout rows, disjoint by key and, for a time rule, by time.

    With a rolling origin they share the rows of all periods but the newest: each period judges the models
    that were trained before it.

    Attributes:
        train: Rows before the holdout, sorted as the joined rows.
        holdout: Rows that judge, sorted as the joined rows.
        rule: The rule that selected them.
    """

    train: pd.DataFrame
    holdout: pd.DataFrame
    rule: HoldoutRule

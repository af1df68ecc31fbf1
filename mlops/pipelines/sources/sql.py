"""Arrivals from a database: one query per table, with the arrival as bound parameters."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops.pipelines.sources.cells import check_cells
from mlops.pipelines.sources.database import Bound, Database
from mlops.pipelines.sources.periods import bounds_of
from mlops.pipelines.sources.source import Extracted, Origin
from mlops.pipelines.sources.waiting import Watchdog, with_retries
from mlops.runs import names
from mlops.runs.errors import ConfigError, InputError

if TYPE_CHECKING:
    import pandas as pd

PARAMETERS = ("arrival", "begin", "end")


@dataclass(frozen=True)
class SqlSource:
    """A source of one query per table.

    Attributes:
        database: The database.
        queries: Table to its query. ``:begin`` and ``:end`` are the first day of the arrival and the first
            day after it, for arrivals that are years, quarters, months or days; ``:arrival`` is its name.
        parse: Returns a frame of a table with canonical dtypes; raises `InputError` on a wrong schema.
        declared: Arrivals that there are; empty where a query lists them.
        arrivals_query: Query whose first column lists the arrivals.
        timeout_s: Longest time for reading one arrival.
    """

    database: Database
    queries: Mapping[str, str]
    parse: Callable[[str, pd.DataFrame], pd.DataFrame]
    declared: tuple[str, ...] = ()
    arrivals_query: str = ""
    timeout_s: float = 300.0

    def __post_init__(self) -> None:
        """Raise `ConfigError` for an unknown parameter, or where nothing says which arrivals there are."""
        for table, query in self.queries.items():
            unknown = sorted(set(parameters_of(query)) - set(PARAMETERS))
            if unknown:
                raise ConfigError(
                    f"the query has the parameter :{unknown[0]}; there are :arrival, :begin and :end",
                    where=f"table {table}",
                )
        if not self.declared and not self.arrivals_query:
            raise ConfigError(
                "nothing says which arrivals there are",
                where="arrivals",
                todo="declare `arrivals`, e.g. 2005..2014, or an `arrivals_query`",
            )
        if parameters_of(self.arrivals_query):
            raise ConfigError("the query that lists arrivals has no parameters", where="arrivals_query")

    def arrivals(self) -> tuple[str, ...]:
        """Return the declared arrivals, or those that the database lists, ascending."""
        if self.declared:
            return self.declared
        deadline_s = time.monotonic() + self.timeout_s
        return with_retries(lambda: self._listed(deadline_s), deadline_s)

    def extract(self, arrival: str) -> Extracted:
        """Return the tables of an arrival, all read in one transaction.

        Raises:
            InputError: A query fails, returns no rows or another schema.
            SourceUnavailable: The database gives no answer, or the connection is lost.
            ConfigError: It refuses the connection.
        """
        names.check_arrival(arrival)
        bound = {table: bound_parameters(query, arrival) for table, query in self.queries.items()}
        deadline_s = time.monotonic() + self.timeout_s
        frames = with_retries(lambda: self._read(bound, deadline_s), deadline_s)
        tables = {
            table: self.parse(table, check_cells(frame, f"table {table} of {self.database.place}"))
            for table, frame in frames.items()
        }
        return Extracted(tables, {table: self._origin(table, bound[table]) for table in tables})

    def _read(self, bound: Mapping[str, Mapping[str, Bound]], deadline_s: float) -> dict[str, pd.DataFrame]:
        left_s = max(0.001, deadline_s - time.monotonic())
        with self.database.session(left_s, Watchdog(deadline_s)) as run:
            return {table: run(query, bound[table]) for table, query in self.queries.items()}

    def _listed(self, deadline_s: float) -> tuple[str, ...]:
        left_s = max(0.001, deadline_s - time.monotonic())
        with self.database.session(left_s, Watchdog(deadline_s)) as run:
            found = run(self.arrivals_query, {})
        texts = [_name(value) for value in found.iloc[:, 0].dropna()] if found.shape[1] else []
        return tuple(sorted({names.check_arrival(text) for text in texts}))

    def _origin(self, table: str, bound: Mapping[str, Bound]) -> Origin:
        given = {name: str(value) for name, value in bound.items()}
        return Origin("sql", self.database.place, query=self.queries[table], parameters=given)


def _name(value: object) -> str:
    """Return an arrival's name as text; a year of a column with numbers is 2005 and not 2005.0."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def parameters_of(query: str) -> tuple[str, ...]:
    """Return the names of the bound parameters of a query."""
    from sqlalchemy import text

    return tuple(text(query).compile().params)


def bound_parameters(query: str, arrival: str) -> dict[str, Bound]:
    """Return what a query's parameters are for an arrival.

    Raises:
        InputError: The query has bounds, and the arrival is no period.
    """
    wanted = parameters_of(query)
    period = bounds_of(arrival)
    if period is None and {"begin", "end"} & set(wanted):
        raise InputError(
            "is no year, quarter, month or day, so it has no :begin and :end",
            where=arrival,
            todo="name it e.g. 2014 or 2014-03, or use :arrival in the query",
        )
    values: dict[str, Bound] = {"arrival": arrival}
    if period is not None:
        values |= {"begin": period.begin, "end": period.end}
    return {name: values[name] for name in wanted}

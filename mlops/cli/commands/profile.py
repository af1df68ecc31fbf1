"""Declare and run ``mlops profile``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlops.cli.options import Json, Pipeline
from mlops.cli.output.results import Result, place_of
from mlops.cli.output.text import columns
from mlops.cli.session import Session
from mlops.runs.errors import InputError, system_reason

if TYPE_CHECKING:
    from mlops.steps.profiles.drift import Drift
    from mlops.steps.profiles.profile import ColumnProfile, Profile

Arrival = Annotated[str, typer.Argument(metavar="ARRIVAL", help="An arrival on main.")]
Other = Annotated[
    str | None,
    typer.Argument(metavar="[OTHER]", help="A later arrival to compare it with.", show_default=False),
]
Champion = Annotated[
    bool,
    typer.Option(
        "--champion", help="Compare it with all other arrivals that the champion on main was made of."
    ),
]
Page = Annotated[
    Path | None,
    typer.Option("--page", help="Write profiles and drift to this Markdown file as well."),
]


def profile(
    context: typer.Context,
    pipeline: Pipeline,
    arrival: Arrival,
    other: Other = None,
    champion: Champion = False,
    page: Page = None,
    json: Json = False,
) -> Result:
    """Profile an arrival, or compare it with earlier data.

    Earlier data is another arrival, or what the champion was made of. The profile lists columns, kinds,
    missing values and quantiles of each table. A comparison shows the population stability index of each
    column, and a Kolmogorov-Smirnov or chi-square test, with p-values corrected by Holm's method.
    """
    if champion and other:
        raise InputError("compares with the champion's arrivals, so no other one can be named", where=other)
    session: Session = context.obj
    workspace = session.workspace(pipeline)
    session.report("loading libraries")
    from mlops.steps.profiles.arrivals import arrival_drifts, arrival_profiles, champion_drifts, pages_of

    named = [arrival, *([other] if other else [])]
    profiles = {name: arrival_profiles(workspace, name) for name in named}
    if champion:
        drifts, compared = champion_drifts(workspace, arrival), f"the champion's arrivals to {arrival}"
    else:
        drifts = arrival_drifts(workspace, arrival, other) if other else {}
        compared = f"{arrival} to {other}"
    if page is not None:
        try:
            page.write_bytes(pages_of(profiles, drifts, f"Drift from {compared}"))
        except OSError as error:
            why = system_reason(error)
            raise InputError(f"cannot be written: {why}", where=str(page), todo="check --page") from error
    document = {
        **place_of(workspace),
        "arrivals": named,
        "profiles": {name: [table.to_json() for table in tables] for name, tables in profiles.items()},
        "drift": {table: found.to_json() for table, found in drifts.items()} or None,
    }
    lines = _drift_lines(drifts) if drifts else _profile_lines(profiles[arrival])
    return Result(document, lines)


def _profile_lines(tables: list[Profile]) -> list[str]:
    lines: list[str] = []
    for table in tables:
        heading = ("column", "kind", "missing", "distinct", "smallest", "median", "largest")
        rows = columns([heading, *map(_column, table.columns)], right=(2, 3, 4, 5, 6))
        lines += [f"{table.table}: {table.rows:,} rows, {table.duplicates:,} repeated", *rows]
    return lines


def _column(column: ColumnProfile) -> tuple[str, ...]:
    shown = (column.minimum, column.quantiles.get("0.5"), column.maximum)
    return (column.name, column.kind, f"{column.missing:,}", f"{column.distinct:,}", *map(_value, shown))


def _value(value: float | str | None) -> str:
    return "" if value is None else value if isinstance(value, str) else f"{value:,.6g}"


def _drift_lines(drifts: dict[str, Drift]) -> list[str]:
    lines: list[str] = []
    for table, found in drifts.items():
        heading = ("column", "kind", "missing", "psi", "test", "statistic", "p, corrected", "drifted")
        rows: list[tuple[str, ...]] = [
            (
                column.name,
                column.kind,
                " to ".join(f"{share:.1%}" for share in column.missing) if any(column.missing) else "",
                _value(column.psi and round(column.psi, 4)),
                column.test,
                _value(column.statistic),
                "" if column.corrected is None else f"{column.corrected:.3g}",
                "yes" if column.drifted else "no",
            )
            for column in found.columns
        ]
        lines += [f"{table}:", *columns([heading, *rows], right=(2, 3, 5, 6))]
        for what, names in (("added", found.added), ("removed", found.removed), ("retyped", found.retyped)):
            lines += [f"  {what}: {', '.join(names)}"] if names else []
    return lines

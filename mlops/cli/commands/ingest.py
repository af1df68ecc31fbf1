"""Declare and run ``mlops ingest``."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlops.cli.options import Env, Json, Pipeline
from mlops.cli.output.failures import interrupted
from mlops.cli.output.results import Result, StoppedHalfway
from mlops.cli.output.text import short
from mlops.cli.session import Session
from mlops.runs.errors import InputError, MlopsError, system_reason

if TYPE_CHECKING:
    from mlops.runs.arrivals.ingest import Ingested
    from mlops.steps.workspace import Workspace

_RANGE = ".."
#: Warnings printed of one arrival.
MOST_WARNINGS = 5

Arrivals = Annotated[
    list[str],
    typer.Argument(
        metavar="ARRIVAL...",
        help="Names of arrivals, or ranges such as 2013-01..2013-06.",
        show_default=False,
    ),
]
TableFile = Annotated[
    list[str] | None,
    typer.Option(
        "--file",
        metavar="TABLE=PATH",
        help="Read a table from this CSV or Parquet file instead of the source.",
    ),
]
Again = Annotated[bool, typer.Option("--again", help="Re-ingest arrivals that a rollback dropped.")]


def ingest(
    context: typer.Context,
    pipeline: Pipeline,
    arrivals: Arrivals,
    file: TableFile = None,
    again: Again = False,
    env: Env = None,
    json: Json = False,
) -> Result:
    """Validate arrivals and merge them into main."""
    session: Session = context.obj
    tables = _tables_of(file or [])
    _check_files(tables)
    if tables and (len(arrivals) != 1 or _RANGE in arrivals[0]):
        raise InputError(
            "the files hold the tables of one arrival",
            where=" ".join(arrivals),
            todo="name exactly one arrival",
        )
    workspace = session.workspace(pipeline)
    wanted = [name for text in arrivals for name in _expanded(text, workspace.source.arrivals)]
    return _ingest_each(session, workspace, wanted, tables, again=again)


def _ingest_each(
    session: Session, workspace: Workspace, arrivals: Sequence[str], files: dict[str, Path], *, again: bool
) -> Result:
    """Ingest one arrival after the other; the first that fails stops the rest, those before stay on main."""
    from mlops.steps.arrivals.ingest import ingest_arrival

    done: list[Ingested] = []
    for position, arrival in enumerate(arrivals, 1):
        session.report(f"{arrival}: reading, validating, publishing ({position} of {len(arrivals)})")
        try:
            done.append(ingest_arrival(workspace, arrival, files, again=again))
        except MlopsError as error:
            raise StoppedHalfway(error, _result(workspace, done)) from error
        except KeyboardInterrupt as stopped:
            raise StoppedHalfway(interrupted(), _result(workspace, done)) from stopped
    return _result(workspace, done)


def _result(workspace: Workspace, done: Sequence[Ingested]) -> Result:
    document: dict[str, Any] = {
        "pipeline": workspace.spec.name,
        "ingested": [
            {**dataclasses.asdict(one), "replaced": list(one.replaced), "warnings": list(one.warnings)}
            for one in done
        ],
    }
    return Result(document, [line for one in done for line in _lines(workspace, one)])


def _lines(workspace: Workspace, one: Ingested) -> list[str]:
    warnings = [f"  warning: {line}" for line in one.warnings]
    told = "1 warning" if len(warnings) == 1 else f"all {len(warnings)} warnings"
    seen = [f"  {told}: {workspace.links.validation(one.evidence)}"] if warnings else []
    return [_line(one), *warnings[:MOST_WARNINGS], *seen]


def _line(one: Ingested) -> str:
    if one.unchanged:
        return f"{one.arrival}: main already holds exactly this (main at {short(one.commit)})"
    replaced = f", replaces {', '.join(one.replaced)}" if one.replaced else ""
    return f"{one.arrival}: on main at {short(one.commit)} ({one.summary}){replaced}"


def _tables_of(files: Sequence[str]) -> dict[str, Path]:
    tables: dict[str, Path] = {}
    for text in files:
        table, separator, path = text.partition("=")
        if not separator or not table or not path:
            raise InputError(
                "not of the form TABLE=PATH", where=repr(text), todo="e.g. --file flights=new.csv"
            )
        if table in tables:
            raise InputError("the table is named twice", where=table, todo="name one file per table")
        tables[table] = Path(path)
    return tables


def _check_files(tables: dict[str, Path]) -> None:
    """Find what cannot be read before a server is started for it."""
    for table, path in tables.items():
        try:
            with path.open("rb"):
                pass
        except OSError as error:
            why = system_reason(error)
            raise InputError(
                f"cannot be read: {why}", where=str(path), todo=f"check --file {table}={path}"
            ) from error


def _expanded(text: str, known: Any) -> list[str]:
    """Return the arrivals that a name or a range stands for."""
    first, separator, last = text.partition(_RANGE)
    if not separator:
        return [text]
    arrivals = list(known())
    for end in (first, last):
        if end not in arrivals:
            raise InputError(
                "the source has no such arrival",
                where=end or text,
                todo=f"choose from {arrivals[0]} to {arrivals[-1]}",
            )
    found = arrivals[arrivals.index(first) : arrivals.index(last) + 1]
    if not found:
        raise InputError("the range ends before it begins", where=text, todo=f"write {last}{_RANGE}{first}")
    return found

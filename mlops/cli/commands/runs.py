"""Declare and run ``mlops runs``."""

from __future__ import annotations

import dataclasses
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlops.cli.commands.run import parameters
from mlops.cli.options import Json
from mlops.cli.output.listed_runs import entry_of, lines_of
from mlops.cli.output.results import Result, place_of
from mlops.cli.run_lookup import OptionalPipeline, workspaces
from mlops.cli.session import Session
from mlops.runs.errors import ConfigError

if TYPE_CHECKING:
    from mlops.steps.listing.book import Wanted
    from mlops.steps.workspace import Workspace

_UNITS = {"h": 3600, "d": 86400, "w": 7 * 86400}
_AGE = re.compile(r"(?P<count>[1-9][0-9]{0,4})(?P<unit>[hdw])")

Refused = Annotated[bool, typer.Option("--refused", help="Show refused runs only.")]
Branch = Annotated[
    str,
    typer.Option(
        "--branch", metavar="PATTERN", help="Show runs on these branches only, e.g. 'run-4f*'.",
        show_default=False,
    ),
]  # fmt: skip
Since = Annotated[
    str,
    typer.Option(
        "--since", metavar="TIME", help="Show runs since a date, or an age such as 12h, 7d or 2w.",
        show_default=False,
    ),
]  # fmt: skip
Param = Annotated[
    list[str] | None,
    typer.Option("--param", metavar="NAME=VALUE", help="Show runs with this parameter only."),
]
Sort = Annotated[
    str,
    typer.Option(
        "--sort", metavar="METRIC", help="Sort by a metric, the smallest value first, not by time.",
        show_default=False,
    ),
]  # fmt: skip
Limit = Annotated[int, typer.Option("--limit", min=1, help="Show at most this many of each pipeline.")]


def runs(
    context: typer.Context,
    pipeline: OptionalPipeline = None,
    refused: Refused = False,
    branch: Branch = "",
    since: Since = "",
    param: Param = None,
    sort: Sort = "",
    limit: Limit = 20,
    json: Json = False,
) -> Result:
    """List every run, also refused, failed and open ones.

    The newest comes first. Gains are of the metric that decides; above zero is better.
    `mlops show RUN` tells all about one.
    """
    from mlops.steps.listing.book import Wanted

    session: Session = context.obj
    now_s = _now_s()
    wanted = Wanted(refused, branch, _since_s(since, now_s), parameters(param or []), sort, limit)
    found: list[dict[str, Any]] = []
    lines: list[str] = []
    for workspace in workspaces(session, pipeline):
        found.append(_of(session, workspace, wanted))
        lines += lines_of(found[-1], dataclasses.asdict(workspace.spec.parameters({})), now_s, sort)
    return Result({"pipelines": found}, lines or ["no pipeline is set up here; next: mlops init PIPELINE"])


def _of(session: Session, workspace: Workspace, wanted: Wanted) -> dict[str, Any]:
    from mlops.steps.listing.book import RunBook, listing

    found = listing(RunBook(workspace.lake, session.settings.state_dir), wanted)
    return {
        **place_of(workspace),
        "unit": workspace.spec.unit,
        "runs": [entry_of(run, result) for run, result in found.rows],
        "more": found.more,
        "total": found.total,
    }


def _now_s() -> int:
    return int(datetime.now(UTC).timestamp())


def _since_s(text: str, now_s: int) -> int:
    """Return the time that was typed, Unix seconds; 0 where none was.

    Raises:
        ConfigError: It is neither a date nor an age.
    """
    if not text:
        return 0
    age = _AGE.fullmatch(text)
    if age is not None:
        return now_s - int(age["count"]) * _UNITS[age["unit"]]
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(
            "neither a date nor an age", where=repr(text), todo="e.g. --since 2026-03-01, or --since 7d"
        ) from error
    return int((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp())

"""Declare and run ``mlops versions``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from mlops.cli.options import Json, Pipeline
from mlops.cli.output.results import Result, place_of
from mlops.cli.output.text import at, columns, paragraph, short
from mlops.cli.session import Session

if TYPE_CHECKING:
    from mlops.runs.main.versions import Version
    from mlops.steps.workspace import Workspace

_HEADINGS = ("version", "no.", "when", "rows", "digest", "commit", "state")
_BELOW = "         "


def versions(context: typer.Context, pipeline: Pipeline, json: Json = False) -> Result:
    """List the versions of a pipeline's data.

    Every promotion is a version: v1, v2 and so on. `mlops rollback --to v2` goes back to one, and
    `mlops.load(NAME, "v2")` reads one in Python.
    """
    from mlops.runs.main.versions import versions as all_versions

    session: Session = context.obj
    workspace = session.workspace(pipeline)
    found = [_entry(workspace, version) for version in all_versions(workspace.lake)]
    return Result({**place_of(workspace), "versions": found}, _lines(found))


def _entry(workspace: Workspace, version: Version) -> dict[str, Any]:
    from mlops.runs.main.event_log import Forgotten
    from mlops.steps.version_details import details_of

    event = version.event
    common = {"version": version.name, "number": event.number, "commit": event.commit, "at": at(event.at_s)}
    if isinstance(event, Forgotten):
        return {**common, "state": "forgotten", "run_id": event.run_id}
    details = details_of(workspace.lake, event)
    return {
        **common,
        "state": "on main" if event.on_main else "rolled back",
        "run_id": event.champion.run_id,
        "rows": details.rows,
        "digest": details.digest,
        "parameters": dict(details.parameters),
        "raw_commit": event.champion.raw_commit,
        "restores": event.champion.restores,
        "uris": [f"lakefs://{workspace.lake.repository}/{event.commit}/{path}" for path in details.paths],
    }


def _lines(found: list[dict[str, Any]]) -> list[str]:
    if not found:
        return ["nothing has been promoted yet"]
    heading, *rows = columns([_HEADINGS, *map(_row, found)], right=(1, 3), indent="")
    lines = [heading]
    for entry, row in zip(found, rows, strict=True):
        lines += [row, *paragraph(_parameters(entry), _BELOW)]
    return lines


def _parameters(entry: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in sorted(entry.get("parameters", {}).items()))


def _row(entry: dict[str, Any]) -> tuple[str, ...]:
    rows, digest = entry.get("rows"), entry.get("digest", "")
    return (
        entry["version"],
        str(entry["number"]),
        entry["at"],
        "" if rows is None else f"{rows:,}",
        short(digest),
        short(entry["commit"]),
        entry["state"],
    )

"""Declare and run ``mlops status``."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlops.cli.options import Json
from mlops.cli.output.results import Result, place_of
from mlops.cli.output.text import at, columns, metrics, short
from mlops.cli.session import Session, check_pipeline
from mlops.runs import names
from mlops.runs.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mlops.runs.main.state import MainState
    from mlops.runs.ports import Ports
    from mlops.runs.records import Run
    from mlops.steps.workspace import Workspace


OptionalPipeline = Annotated[
    str | None,
    typer.Argument(
        metavar="[PIPELINE]", help="Name of the pipeline; by default all that are set up.", show_default=False
    ),
]


def status(context: typer.Context, pipeline: OptionalPipeline = None, json: Json = False) -> Result:
    """Show head, champion, hold, unfinished runs and servers."""
    from mlops.servers.pages import listing

    session: Session = context.obj
    if pipeline is not None:
        found = [_of(session.workspace(pipeline))]
    else:
        # Nobody named a pipeline, so no server is started to ask it about one.
        found = [_of(workspace) for workspace in _workspaces(session)]
    servers = listing(session.settings)
    lines = [line for entry in found for line in _lines(entry)]
    if not found:
        lines.append(_nothing_found(session))
    return Result({"pipelines": found, "servers": servers}, [*lines, *_server_lines(servers)])


def _nothing_found(session: Session) -> str:
    if session.settings.lakectl_file.is_file() and session.dependencies.find_lake(session.settings) is None:
        return "the lake server is down, so the state of main is unknown; next: mlops up"
    return "no pipeline is set up here; next: mlops init PIPELINE"


def _workspaces(session: Session) -> Iterator[Workspace]:
    """Yield the workspaces of all pipelines that are set up; report those that cannot be loaded."""
    for name in _set_up(session):
        try:
            check_pipeline(name)
        except ConfigError as error:
            session.report(f"left out: {error}")
        else:
            yield session.dependencies.open_workspace(session.settings, name, session.report)


def _set_up(session: Session) -> list[str]:
    from mlops.pipelines.registry import pipeline_names

    credentials = session.dependencies.find_lake(session.settings)
    if credentials is None:
        return []
    there = session.dependencies.repositories(session.settings, credentials)
    return [name for name in pipeline_names() if name in there]


def _of(workspace: Workspace) -> dict[str, Any]:
    from mlops.runs.main.state import read_main

    state = read_main(workspace.lake)
    head = workspace.lake.commit_of(state.head)
    return {
        **place_of(workspace),
        "head": {"commit": head.id, "kind": head.metadata.get("kind", ""), "at": at(head.created_at_s)},
        "champion": _champion(workspace, state),
        "on_hold": state.on_hold,
        "frozen": dataclasses.asdict(state.rollback) if state.rollback else None,
        "unfinished": _unfinished(workspace.ports, state),
        "dropped_arrivals": _dropped(workspace, state),
    }


def _champion(workspace: Workspace, state: MainState) -> dict[str, Any] | None:
    champion = state.champion
    if champion is None:
        return None
    return {
        "number": champion.number,
        "run_id": champion.run_id,
        "commit": state.tags.get(names.promotion_tag(champion.number), ""),
        "evidence_commit": champion.evidence_commit,
        "trained_until": champion.trained_until,
        "metrics": dict(champion.metrics),
        "unit": workspace.spec.unit,
    }


def _unfinished(ports: Ports, state: MainState) -> list[dict[str, Any]]:
    from mlops.runs.rollback.impact import unfinished_runs

    return [_run(ports, run) for run in unfinished_runs(ports.lake, state)]


def _run(ports: Ports, run: Run) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "branch": run.branch,
        "attempt": run.attempt,
        "step": str(run.step),
        "opened_at": at(run.opened_at_s),
        "owner": run.lease.owner,
        "owner_alive": ports.processes.alive(run.lease.owner),
        "lease_until": at(run.lease.expires_at_s),
    }


def _dropped(workspace: Workspace, state: MainState) -> list[dict[str, Any]]:
    """Return what rollbacks dropped and nobody has re-ingested or written off since."""
    from mlops.runs.arrivals.dropped import outstanding_arrivals

    outstanding = outstanding_arrivals(workspace.lake, state)
    return [{"path": d.path, "rollback": d.number} for d in outstanding]


def _unit(champion: Mapping[str, Any]) -> str:
    """Return the unit in words; losses of a classification have none in common."""
    from mlops.runs.evidence import Metric

    errors = {str(metric) for metric in Metric}
    of_all = all(name.rpartition("_")[2] in errors or name.endswith("_rows") for name in champion["metrics"])
    return champion["unit"] if of_all else f"the metric that decides in {champion['unit']}"


def _lines(entry: dict[str, Any]) -> list[str]:
    name, head, champion = entry["pipeline"], entry["head"], entry["champion"]
    lines = [
        f"{name}: repository {entry['repository']} at {entry['endpoint']}",
        f"  main      {short(head['commit'])}, {head['kind'] or 'empty'}, {head['at']}",
    ]
    if champion is None:
        lines.append("  champion  none yet")
    else:
        # Rows of some pipelines have no time, so their training has no end in time.
        until = champion["trained_until"].replace("+00:00", "Z")
        trained = f", trained until {until}" if until else ""
        lines.append(f"  champion  promotion {champion['number']}, run {champion['run_id']}{trained}")
        unit = f" ({_unit(champion)})" if champion["unit"] else ""  # data without a model has none
        lines.append(f"            {metrics(champion['metrics'])}{unit}")
    if entry["frozen"]:
        lines.append(f"  frozen    a rollback is under way; `mlops reconcile {name}` finishes it")
    if entry["on_hold"]:
        lines.append(f"  on hold   no promotions until `mlops resume {name} --reason TEXT`")
    for run in entry["unfinished"]:
        lines.append(f"  run       {run['run_id']} at step {run['step']}: {_owner(run)}")
    for dropped in entry["dropped_arrivals"]:
        lines.append(f"  dropped   {dropped['path']} by rollback {dropped['rollback']}")
    if entry["dropped_arrivals"]:
        lines.append(f"            until re-ingested with --again, or `mlops write-off {name} ARRIVAL`")
    return lines


def _owner(run: dict[str, Any]) -> str:
    if run["owner_alive"]:
        return f"{run['owner']} is working on it"
    if run["owner_alive"] is None:
        return f"{run['owner']} holds it until {run['lease_until']}"
    return "no process is working on it; the same command continues it"


def _server_lines(servers: list[dict[str, Any]]) -> list[str]:
    return columns(
        [(s["name"], s["address"] or "running" if s["running"] else "down (mlops up)") for s in servers],
        indent="",
    )

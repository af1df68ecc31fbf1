"""Declare and run ``mlops init``."""

from __future__ import annotations

import typer

from mlops.cli.options import Json, Pipeline
from mlops.cli.output.results import Result
from mlops.cli.output.text import short
from mlops.cli.session import Session, check_pipeline
from mlops.runs import names


def init(context: typer.Context, pipeline: Pipeline, json: Json = False) -> Result:
    """Create a repository with the gate configuration on main."""
    from mlops.steps.repository.init_repository import checked_gate_files, initialise

    session: Session = context.obj
    check_pipeline(pipeline)
    checked_gate_files(pipeline)
    credentials = session.credentials()
    created = session.dependencies.create_repository(session.settings, credentials, pipeline)
    workspace = session.dependencies.open_workspace(session.settings, pipeline, session.report)
    changed = initialise(workspace.ports, pipeline)
    head = workspace.lake.head(names.MAIN)
    word = "created" if created else "set up" if changed else "was set up already"
    document = {
        "pipeline": pipeline,
        "repository": workspace.lake.repository,
        "endpoint": workspace.lake.endpoint,
        "created": created,
        "changed": created or changed,
        "head": head,
        "enforcer_alive": True,
    }
    lines = [
        f"repository {workspace.lake.repository} {word} at {workspace.lake.endpoint} (main at {short(head)})",
        "main is protected, and its enforcer refused a test merge, as it must",
        f"next: mlops ingest {pipeline} ARRIVAL...",
    ]
    return Result(document, lines)

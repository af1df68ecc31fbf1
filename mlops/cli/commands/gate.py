"""Declare and run ``mlops gate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlops.cli.options import Json, Pipeline
from mlops.cli.output.results import Result
from mlops.cli.output.verdicts import document_of, lines_of
from mlops.cli.session import Session
from mlops.runs import names

DecidedRun = Annotated[
    str,
    typer.Argument(
        metavar="RUN", help="Id of a run that the gate decided on; see `mlops log`.", show_default=False
    ),
]
PolicyFile = Annotated[
    Path | None,
    typer.Option("--policy", metavar="FILE", help="Policy to use instead of the one on main."),
]


def gate(
    context: typer.Context, pipeline: Pipeline, run: DecidedRun, policy: PolicyFile = None, json: Json = False
) -> Result:
    """Show how another policy would decide on a run.

    The answer is computed from the evidence on record; nothing is promoted.
    """
    from mlops.steps.evaluation.what_if import ask_policy, policy_of_file, policy_on_main

    session: Session = context.obj
    given = policy_of_file(policy) if policy is not None else None
    workspace = session.workspace(pipeline)
    answer = ask_policy(workspace.lake, run, given or policy_on_main(workspace.lake))
    document = {
        "pipeline": pipeline,
        "run_id": run,
        "evidence_commit": answer.evidence_commit,
        "policy": str(policy) if policy else names.POLICY,
        "verdict": document_of(answer.verdict),
        "on_record": str(answer.on_record),
    }
    recorded = f"on record: {answer.on_record}; nothing is promoted"
    head = f"what if: {answer.verdict.outcome} run {run} ({recorded})"
    return Result(document, [head, *lines_of(answer.verdict)])

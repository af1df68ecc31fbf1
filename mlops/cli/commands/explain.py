"""Declare and run ``mlops explain``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from mlops.cli.options import Json
from mlops.cli.output.results import Result, place_of
from mlops.cli.run_lookup import RunNames, find_decided
from mlops.cli.session import Session

if TYPE_CHECKING:
    from mlops.steps.explain.effects import Explanation


def explain(context: typer.Context, run: RunNames, json: Json = False) -> Result:
    """Divide a run's gain into what data and model brought.

    Fits the old model on the new rows and the new model on the old rows, and compares all four on the rows
    that judged the run. Nothing on the lake changes, and no evaluation of the holdout is spent. The result is
    kept beside the report, which shows it from then on.
    """
    session: Session = context.obj
    workspace, found = find_decided(session, run)
    session.report("reading what was decided")
    from mlops.steps.explain.explain import explain as explain_run
    from mlops.steps.report.keep import keep_explanation

    explanation = explain_run(workspace, found.commit)
    state_dir = session.settings.state_dir
    file = keep_explanation(workspace, explanation, state_dir)
    report = session.dependencies.make_report(workspace, found.commit, found.run_id, state_dir)
    document = {
        **place_of(workspace),
        "evidence_commit": found.commit,
        **explanation.to_json(),
        "file": str(file.absolute()),
        "report": report.absolute().as_uri(),
    }
    return Result(document, [*_lines(explanation), f"report: {document['report']}"])


def _lines(explanation: Explanation) -> list[str]:
    from mlops.steps.explain.effects import notes, sentences

    told = sentences(explanation)
    width = max(len(value) for value, _ in told)
    head = f"run {explanation.run_id}: {explanation.metric}, a gain is above zero"
    return [
        head,
        *(f"  {value:<{width}}  {meaning}" for value, meaning in told),
        *(f"  {note}" for note in notes(explanation)),
    ]

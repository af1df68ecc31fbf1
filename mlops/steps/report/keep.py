"""Keep the report of a run: as a file of the state folder, and as an artifact in the tracker.

The page is made again from the same commit with the same bytes, so it is no part of the record.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from mlops.runs.digest import document
from mlops.runs.errors import InputError, TrackerUnavailable, system_reason
from mlops.steps.report.explanations import explanation_file

if TYPE_CHECKING:
    from pathlib import Path

    from mlops.steps.explain.effects import Explanation
    from mlops.steps.workspace import Workspace

FILE = "run.html"
#: Folder of the report among the artifacts of a run.
ARTIFACTS = "report"


@runtime_checkable
class ArtifactStore(Protocol):
    """A tracker that keeps files of runs."""

    def attach(self, run_id: str, file: str, folder: str) -> None:
        """Log a file as an artifact of a run."""
        ...


def keep_report(workspace: Workspace, evidence_commit: str, run_id: str, state_dir: Path) -> Path:
    """Make the report of a decided run, keep it, and return its file.

    A tracker that cannot take it is reported in a line: the file is there all the same.

    Raises:
        InputError: The file cannot be written.
        MlopsError: As for `make_report`.
    """
    from mlops.steps.report.make import make_report

    file = report_file(state_dir, workspace.spec.name, run_id)
    write_report(file, make_report(workspace, evidence_commit, state_dir))
    _attach(workspace, run_id, file)
    return file


def keep_explanation(workspace: Workspace, explanation: Explanation, state_dir: Path) -> Path:
    """Keep the explanation of a run's gain where its report is kept, and return its file.

    Raises:
        InputError: The file cannot be written.
    """
    file = explanation_file(state_dir, workspace.spec.name, explanation.run_id)
    write_report(file, document(explanation.to_json()))
    _attach(workspace, explanation.run_id, file)
    return file


def _attach(workspace: Workspace, run_id: str, file: Path) -> None:
    tracker = workspace.ports.tracker
    if isinstance(tracker, ArtifactStore):
        try:
            tracker.attach(run_id, str(file.absolute()), ARTIFACTS)
        except TrackerUnavailable as error:
            workspace.ports.tell(f"{file.name} is not in MLflow: {error}")


def report_file(state_dir: Path, pipeline: str, run_id: str) -> Path:
    """Return where the report of a run is kept."""
    return state_dir / "reports" / pipeline / run_id / FILE


def remove_report(state_dir: Path, pipeline: str, run_id: str) -> None:
    """Remove the report of a run and its explanation from the state folder, if they are there."""
    report_file(state_dir, pipeline, run_id).unlink(missing_ok=True)
    explanation_file(state_dir, pipeline, run_id).unlink(missing_ok=True)


def write_report(file: Path, content: bytes) -> None:
    """Write a report so that nobody reads half of it.

    Raises:
        InputError: The file cannot be written.
    """
    fresh = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_bytes(content)
        fresh.replace(file)
    except OSError as error:
        raise InputError(f"cannot be written: {system_reason(error)}", where=str(file)) from error

"""Make the report of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops.adapters import svg_plots
from mlops.steps.report.evidence import read_evidence
from mlops.steps.report.explanations import read_explanation
from mlops.steps.report.importance import importances
from mlops.steps.report.page import page

if TYPE_CHECKING:
    from pathlib import Path

    from mlops.steps.workspace import Workspace


def make_report(workspace: Workspace, evidence_commit: str, state_dir: Path) -> bytes:
    """Return the report of a decided run as a page of HTML; the same commit gives the same bytes.

    It shows the explanation of the run's gain where one was made here.

    Args:
        workspace: The pipeline's workspace.
        evidence_commit: The commit with its decision.
        state_dir: Where explanations are, and where the plotting library may keep its list of fonts.

    Raises:
        NotFound: The commit holds no decision.
        Corrupt: What it holds cannot be read.
    """
    svg_plots.use_config_folder(state_dir / "matplotlib")
    evidence = read_evidence(workspace, evidence_commit)
    explanation = read_explanation(state_dir, evidence.spec.name, evidence.run.run_id)
    return page(evidence, explanation, importances(workspace, evidence))

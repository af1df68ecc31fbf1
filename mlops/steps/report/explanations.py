"""The explanation of a run's gain: its file, and its section of the report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops.runs.json_values import parse
from mlops.steps.explain.effects import Explanation, notes, sentences
from mlops.steps.report.markup import table, text

if TYPE_CHECKING:
    from pathlib import Path


def explanation_file(state_dir: Path, pipeline: str, run_id: str) -> Path:
    """Return where the explanation of a run's gain is kept."""
    return state_dir / "reports" / pipeline / run_id / "explanation.json"


def read_explanation(state_dir: Path, pipeline: str, run_id: str) -> Explanation | None:
    """Return the explanation of a run's gain, or None where none was made here or it cannot be read."""
    try:
        return Explanation.from_json(parse(explanation_file(state_dir, pipeline, run_id).read_bytes()))
    except (OSError, KeyError, TypeError, ValueError):
        return None


def explained(found: Explanation | None) -> str:
    """Return the section that divides a gain, as markup; empty where there is no explanation."""
    if found is None:
        return ""
    parts = [(meaning, value) for value, meaning in sentences(found)]
    unit = f", {found.unit}" if found.unit else ""
    metrics = [(name, f"{value:,.5g}") for name, value in sorted(found.metrics.items(), reverse=True)]
    said = " ".join(notes(found))
    return (
        f"<p class='soft'>Parts of the gain in {text(found.metric)}, above zero is better, each with an "
        f"interval at the level {100 * found.level:g} %. All models are measured on "
        f"the rows that judged the run. "
        f"{text(said)}</p>"
        + table(("part", f"gain{unit}"), parts, right=(1,))
        + "<h3>Each combination</h3>"
        + table(("fitted on, with", found.metric), metrics, right=(1,))
    )

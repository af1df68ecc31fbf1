"""Format what a planned rollback would change beyond main, for people and as plain values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops.cli.output.text import count

if TYPE_CHECKING:
    from mlops.steps.rollback.rollback_impact import RollbackImpact


def document_of(impact: RollbackImpact, model: str) -> dict[str, Any]:
    """Return an impact as plain values; ``model`` is the name of the registered model."""
    from mlops.steps.rollback.rollback_impact import Unknown

    predictions, version = impact.predictions, impact.model_version
    runs = [{"run_id": run.run_id, "step": str(run.step)} for run in impact.invalid_runs]
    if predictions is None:
        return {"invalid_runs": runs, "predictions": None, "model_version": None}
    return {
        "invalid_runs": runs,
        "predictions": {"unknown": predictions.why}
        if isinstance(predictions, Unknown)
        else {
            "rows": predictions.rows,
            "changed": predictions.changed,
            "mean_change": predictions.mean_change,
        },
        "model_version": {"unknown": version.why}
        if isinstance(version, Unknown)
        else {"model": model, "version": version},
    }


def lines_of(document: dict[str, Any], unit: str) -> list[str]:
    """Return the lines for people, from the plain values and the unit of a changed prediction."""
    lines = [
        f"run {run['run_id']} at step {run['step']} could no longer be promoted"
        for run in document["invalid_runs"]
    ]
    predictions, version = document["predictions"], document["model_version"]
    if predictions is None:
        return lines
    if "unknown" in predictions:
        lines.append(f"how predictions would change is unknown: {predictions['unknown']}")
    else:
        mean_change = f"{predictions['mean_change']:.4g} {unit}".rstrip()
        lines.append(
            f"{predictions['changed']:,} of {count(predictions['rows'], 'row')} of the holdout would get "
            f"a different prediction, by {mean_change} on average"
        )
    if "unknown" in version:
        lines.append(f"which model version the alias would move to is unknown: {version['unknown']}")
    else:
        named = f"version {version['version']}" if version["version"] else "a version to be registered"
        lines.append(f"the alias champion of {version['model']} would move to {named}")
    return lines

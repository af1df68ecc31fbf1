# pandas ships no precise types: what an expression gives is guessed, often wrongly.
# pyright: reportArgumentType=false

"""Fitting: the pipeline's model on the committed training rows, saved beside them."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from mlops.adapters.models import saved_files
from mlops.runs import names
from mlops.runs.digest import sha256
from mlops.runs.promotion.attempts import finish_step
from mlops.runs.promotion.step_statements import Written
from mlops.runs.records import Run, Step

if TYPE_CHECKING:
    import pandas as pd

    from mlops.pipelines.spec import PipelineSpec
    from mlops.steps.workspace import Workspace


def example_input(spec: PipelineSpec, train: pd.DataFrame) -> pd.DataFrame:
    """Return a few rows of what a pipeline's model predicts from; their columns become its signature."""
    units = spec.task.units(spec, train.head(2), train)
    return units.loc[:, list(spec.task.unit_input(spec))]


def train(workspace: Workspace, run: Run) -> Run:
    """Fit on ``processed/train.parquet`` at the run's head and write the model to ``model/``."""
    if run.reached(Step.TRAINED):
        return run
    spec = workspace.spec
    rows = workspace.frames.read(run.head, names.TRAIN)
    params = spec.params(**run.inputs.params)
    workspace.ports.tell(f"fitting on {len(rows):,} rows")
    model = spec.model(params, run.inputs.seed)
    spec.task.fit(spec, model, rows)
    objects: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        saved = Path(folder) / "model"
        saved_files.save(model, saved, spec.trusted_types, example=example_input(spec, rows))
        for file in sorted(path for path in saved.rglob("*") if path.is_file()):
            path = names.MODEL + file.relative_to(saved).as_posix()
            objects[path] = sha256(file.read_bytes())
            workspace.lake.upload(run.branch, path, file)
    trained_until = rows[spec.time].max().isoformat() if spec.time else ""
    extra = {"trained_until": trained_until, "train_rows": str(len(rows))}
    read = {names.TRAIN: run.outputs[names.TRAIN]} if names.TRAIN in run.outputs else {}
    message, written = f"Train on {len(rows)} rows", Written(objects, read=read)
    return finish_step(workspace.ports, run, Step.TRAINED, message, extra, written=written)

# pandas ships no precise types: what an expression gives is guessed, often wrongly.
# pyright: reportArgumentType=false

"""Fitting: the pipeline's model on the committed training rows, saved beside them."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.adapters.models import saved_files
from mlops.adapters.policy import files
from mlops.runs import names
from mlops.runs.digest import document, sha256
from mlops.runs.promotion.attempts import finish_step
from mlops.runs.promotion.step_statements import Written
from mlops.runs.records import Run, Step
from mlops.steps.rolling.fold_models import fitted, folder, index_of

if TYPE_CHECKING:
    import pandas as pd

    from mlops.pipelines.spec import PipelineSpec
    from mlops.runs.records import HoldoutRule
    from mlops.steps.workspace import Workspace


def example_input(spec: PipelineSpec, train: pd.DataFrame) -> pd.DataFrame:
    """Return a few rows of what a pipeline's model predicts from; their columns become its signature."""
    units = spec.task.units(spec, train.head(2), train)
    return units.loc[:, list(spec.task.unit_input(spec))]


def train(workspace: Workspace, run: Run) -> Run:
    """Fit on ``processed/train.parquet`` at the run's head and write the model to ``model/``."""
    if run.reached(Step.TRAINED):
        return run
    spec, rows = workspace.spec, workspace.frames.read(run.head, names.TRAIN)
    announce(workspace, run)
    model = fit(spec, rows, spec.params(**run.inputs.params), run.inputs.seed)
    return keep_model(workspace, run, model)


def announce(workspace: Workspace, run: Run) -> None:
    """Report that a model is being fitted."""
    rows = workspace.frames.read(run.head, names.TRAIN)
    workspace.ports.tell(f"fitting on {len(rows):,} rows")


def fit(spec: PipelineSpec, rows: pd.DataFrame, params: Any, seed: int) -> Any:
    """Return the pipeline's model, fitted on rows."""
    model = spec.model(params, seed)
    spec.task.fit(spec, model, rows)
    return model


def keep_model(workspace: Workspace, run: Run, model: Any) -> Run:
    """Write a fitted model to the run's branch, with a statement of what it was fitted on.

    With a rolling origin the models of the earlier periods are fitted and written, too.
    """
    spec, rows = workspace.spec, workspace.frames.read(run.head, names.TRAIN)
    objects = _saved(workspace, run, model, names.MODEL, rows)
    trained_until = rows[spec.time].max().isoformat() if spec.time else ""
    extra = {"trained_until": trained_until, "train_rows": str(len(rows))}
    read = {names.TRAIN: run.outputs[names.TRAIN]} if names.TRAIN in run.outputs else {}
    rule_data = workspace.lake.read(run.fork, names.HOLDOUT_RULE)
    rule = files.parse_holdout_rule(rule_data)
    if rule.is_rolling:
        objects |= _folds(workspace, run, rule, rows)
        of_rows = {path: run.outputs[path] for path in (names.HOLDOUT,) if path in run.outputs}
        read = {**read, **of_rows, names.HOLDOUT_RULE: sha256(rule_data)}
    message, written = f"Train on {len(rows)} rows", Written(objects, read=read)
    return finish_step(workspace.ports, run, Step.TRAINED, message, extra, written=written)


def _folds(workspace: Workspace, run: Run, rule: HoldoutRule, train: pd.DataFrame) -> dict[str, str]:
    """Write the models of all periods but the newest, each fitted on everything before its period."""
    spec = workspace.spec
    index, rows = index_of(spec, rule, train, workspace.frames.read(run.head, names.HOLDOUT))
    workspace.ports.tell(f"fitting {len(rows)} models for the earlier periods of the holdout")
    objects: dict[str, str] = {}
    models = fitted(spec, spec.params(**run.inputs.params), run.inputs.seed, rows)
    for number, (model, some) in enumerate(zip(models, rows, strict=True), 1):
        objects |= _saved(workspace, run, model, folder(number), some)
    content = document(index.to_json())
    workspace.lake.write(run.branch, names.FOLD_INDEX, content)
    return {**objects, names.FOLD_INDEX: sha256(content)}


def _saved(workspace: Workspace, run: Run, model: Any, prefix: str, rows: pd.DataFrame) -> dict[str, str]:
    """Write a fitted model below a prefix; return path to SHA-256."""
    spec, objects = workspace.spec, dict[str, str]()
    with tempfile.TemporaryDirectory() as scratch:
        saved = Path(scratch) / "model"
        saved_files.save(model, saved, spec.trusted_types, example=example_input(spec, rows))
        for file in sorted(path for path in saved.rglob("*") if path.is_file()):
            path = prefix + file.relative_to(saved).as_posix()
            objects[path] = sha256(file.read_bytes())
            workspace.lake.upload(run.branch, path, file)
    return objects

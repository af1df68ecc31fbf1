"""What a run would be without the protocol: a plain script, from Parquet files to Parquet files.

It does the same work with the same functions of the pipeline: reads the same deliveries, joins and splits
them, holds the rows against the same suites, fits with the same parameters and seed, saves the model in the
same form, scores it and the champion on the same holdout, decides by the same policy, and writes the same
files.

It leaves out the lake (a server, branches, commits, merges, tags, the enforcer), checksums of what it writes,
``champion.json``, how long the model takes to predict, MLflow (parameters, metrics, tags, registered version,
alias), Dagster (assets, checks, events), leases and digests of inputs, and it never reads again what it has
written: it scores the model that it has in memory, and it knows that the champion was fitted on the same
training rows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.runs import names
from mlops.runs.digest import document

if TYPE_CHECKING:
    import pandas as pd

    from mlops.pipelines.spec import PipelineSpec


def warm_up() -> None:
    """Import what the script needs."""
    import great_expectations  # noqa: F401
    import mlflow.sklearn  # noqa: F401
    import pandas  # noqa: F401
    import pyarrow.parquet  # noqa: F401
    import sklearn.ensemble  # noqa: F401
    import skops.io  # noqa: F401

    from mlops.pipelines import pipeline

    pipeline("flights")


def run(
    spec: PipelineSpec, source: Path, target: Path, params: Mapping[str, Any], seed: int, champion: Path
) -> None:
    """Do the whole script.

    Args:
        spec: The pipeline.
        source: Folder with ``raw/`` and ``gate/`` as `main` has them.
        target: New folder for what a run writes.
        params: Model parameters that differ from the defaults.
        seed: For the fit.
        champion: File with the champion's model.
    """
    from mlops.adapters.policy import files as policy_files
    from mlops.pipelines.holdout import split
    from mlops.steps.evaluation.score import measures

    joined = spec.join({table: _deliveries(source, table) for table in spec.tables})
    parts = split(
        joined.rows, policy_files.parse_holdout_rule((source / names.HOLDOUT_RULE).read_bytes()), spec
    )
    _write_parquet(target / names.TRAIN, parts.train)
    _write_parquet(target / names.HOLDOUT, parts.holdout)
    _validate(spec, source, target, {"processed_train": parts.train, "processed_holdout": parts.holdout})
    model = _fit(spec, target, parts.train, params, seed)
    further = measures(spec, parts.train, params)
    _score(spec, source, target, model, parts.train, parts.holdout, champion, further)


def _deliveries(source: Path, table: str) -> dict[str, pd.DataFrame]:
    from mlops.adapters import tables

    files = sorted((source / names.RAW / table).glob("*.parquet"))
    return {file.stem: tables.read_parquet(file) for file in files}


def _validate(spec: PipelineSpec, source: Path, target: Path, frames: Mapping[str, pd.DataFrame]) -> None:
    from mlops.adapters.validation import page, suites
    from mlops.adapters.validation.reports import demand

    suite = json.loads((source / names.suite_path("processed")).read_bytes())
    reports = [suites.validate(name, frame, suite, spec.key) for name, frame in frames.items()]
    demand(reports)
    for report in reports:
        _write(target / names.validation_path(report.table), report.to_bytes())
    _write(target / names.VALIDATION / "README.md", page.page(reports))


def _fit(spec: PipelineSpec, target: Path, rows: pd.DataFrame, params: Mapping[str, Any], seed: int) -> Any:
    from mlops.adapters.models import saved_files
    from mlops.steps.train import example_input

    model = spec.model(spec.parameters(params), seed)
    spec.task.fit(spec, model, rows)
    saved_files.save(model, target / names.MODEL, spec.trusted_types, example=example_input(spec, rows))
    return model


def _score(
    spec: PipelineSpec,
    source: Path,
    target: Path,
    model: Any,
    train: pd.DataFrame,
    holdout: pd.DataFrame,
    champion: Path,
    further: Mapping[str, float],
) -> None:
    import skops.io

    from mlops.adapters.models import nodes
    from mlops.adapters.policy import files as policy_files
    from mlops.pipelines.holdout import overlap_key
    from mlops.runs.evidence import IntervalRule
    from mlops.runs.gate import verdict as gate
    from mlops.runs.gate.holdouts import identity_of
    from mlops.steps.evaluation.details import details_of, details_page
    from mlops.steps.evaluation.score import score

    rule = policy_files.parse_holdout_rule((source / names.HOLDOUT_RULE).read_bytes())
    result = score(
        spec,
        holdout,
        candidate=model,
        candidate_train=train,
        champion=skops.io.load(champion, trusted=nodes.paths(spec.trusted_types)),
        champion_train=train,
        timed=rule.is_timed,
        overlap_key=overlap_key(spec, rule),
    )
    paired = replace(result.paired, holdout_id=identity_of(rule, result.paired), interval=IntervalRule.CR2)
    policy = policy_files.parse_policy((source / names.POLICY).read_bytes())
    verdict = gate.decide(paired, policy, look=1)
    _write_parquet(target / names.PREDICTIONS, result.predictions)
    _write(target / names.PAIRED, document(paired.to_json()))
    _write(target / names.METRICS, document({**further, **result.metrics}))
    _write(target / names.DECISION, document({"outcome": str(verdict.outcome), "sentence": verdict.sentence}))
    if details := details_of(spec.task, result.predictions):
        _write(target / names.DETAILS, document(details))
        _write(target / names.DETAILS_PAGE, details_page(spec.title, details))
    _write(target / names.RUN_PAGE, f"# {spec.title}\n\n{verdict.sentence}\n".encode())


def _write_parquet(file: Path, frame: pd.DataFrame) -> None:
    from mlops.adapters import tables

    _write(file, tables.to_parquet(frame))


def _write(file: Path, data: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)


def main(given: str) -> None:
    """Do the whole script as a process of its own.

    Args:
        given: JSON with ``source`` and ``target``, folders as in `run`, and ``params``.
    """
    import sys

    from mlops.pipelines import pipeline
    from mlops.steps.run_inputs import SEED

    asked = json.loads(given)
    source = Path(asked["source"])
    champion = source / names.MODEL / "model.skops"
    run(pipeline("flights"), source, Path(asked["target"]), asked["params"], SEED, champion)
    sys.stdout.write("done\n")


if __name__ == "__main__":
    import sys

    main(sys.argv[1])

"""From raw deliveries to validated rows: join, split, write, and hold them against the suites on `main`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from mlops.adapters.policy import files as policy_files
from mlops.adapters.validation import page, suites
from mlops.pipelines.holdout import NotEnoughData, split
from mlops.runs import names
from mlops.runs.decisions import Reason
from mlops.runs.digest import sha256
from mlops.runs.errors import NotFound, NotPromoted, ValidationFailed
from mlops.runs.main.state import read_json
from mlops.runs.promotion.attempts import fail, finish_step
from mlops.runs.promotion.step_statements import Written
from mlops.runs.records import Run, Step

if TYPE_CHECKING:
    import pandas as pd

    from mlops.adapters.validation.suites import ValidationReport
    from mlops.steps.workspace import Workspace

#: The table name under which joined rows are validated.
PROCESSED_SUITE = "processed"
#: Why an attempt stopped whose rows did not pass.
VALIDATION_FAILED = "validation_failed"
#: What the results are called, and the rows they are about.
PROCESSED_TABLES = {"processed_train": names.TRAIN, "processed_holdout": names.HOLDOUT}


def process(workspace: Workspace, run: Run) -> Run:
    """Write ``processed/train.parquet`` and ``processed/holdout.parquet`` from ``raw/`` at the run's fork.

    Raises:
        NotPromoted: There is not enough data to train on some and judge by the rest; on record as
            ``not_enough_data``.
    """
    if run.reached(Step.PROCESSED):
        return run
    spec, lake = workspace.spec, workspace.lake
    rule_data = lake.read(run.fork, names.HOLDOUT_RULE)
    rule = policy_files.parse_holdout_rule(rule_data)
    try:
        deliveries = {table: workspace.frames.deliveries(run.fork, table) for table in spec.tables}
        if not any(deliveries.values()):
            raise NotEnoughData("main holds no arrival", where=spec.name, todo="ingest arrivals first")
        joined = spec.join(deliveries)
        parts = split(joined.rows, rule, spec)
    except NotEnoughData as error:
        fail(workspace.ports, run, Reason.NOT_ENOUGH_DATA, error.what)
        raise NotPromoted(
            f"{Reason.NOT_ENOUGH_DATA}: {error.what}", where=run.branch, todo=error.todo
        ) from error
    frames = {names.TRAIN: parts.train, names.HOLDOUT: parts.holdout}
    objects = {path: workspace.frames.write(run.branch, path, frame) for path, frame in frames.items()}
    read = {names.RAW: run.inputs.raw_digest, names.HOLDOUT_RULE: sha256(rule_data)}
    counts = {**joined.counts, "train rows": len(parts.train), "holdout rows": len(parts.holdout)}
    extra = {"rows": json.dumps(counts), "dropped": json.dumps(dict(joined.dropped))}
    message = f"Process {len(parts.train)} training and {len(parts.holdout)} holdout rows"
    written = Written(objects, read=read)
    return finish_step(workspace.ports, run, Step.PROCESSED, message, extra, written=written)


def validate(workspace: Workspace, run: Run) -> Run:
    """Run the suite of the processed rows as it is on `main`, and keep the results on the branch.

    Raises:
        ValidationFailed: An expectation of severity error does not hold, or the suite cannot judge; on record
            before it is raised.
    """
    if run.reached(Step.VALIDATED):
        return run
    try:
        reports = _judged(workspace, run)
    except ValidationFailed as error:
        fail(workspace.ports, run, VALIDATION_FAILED, error.what)
        raise
    files = report_files(reports)
    for path, content in files.items():
        workspace.lake.write(run.branch, path, content)
    failed = [report for report in reports if not report.success]
    if failed:
        fail(workspace.ports, run, VALIDATION_FAILED, summary(reports))
        raise ValidationFailed(summary(failed), where=run.branch, todo=f"see {names.VALIDATION} there")
    extra = {"validation": summary(reports)}
    written = Written(
        {path: sha256(content) for path, content in files.items()}, read=_judged_by(workspace, run)
    )
    message = f"Validate: {summary(reports)}"
    return finish_step(workspace.ports, run, Step.VALIDATED, message, extra, written=written)


def _judged_by(workspace: Workspace, run: Run) -> dict[str, str]:
    """Return the digests of the rows that were validated, and of the suite."""
    suite = names.suite_path(PROCESSED_SUITE)
    rows = {path: run.outputs[path] for path in PROCESSED_TABLES.values() if path in run.outputs}
    return {**rows, suite: sha256(workspace.lake.read(run.fork, suite))}


def _judged(workspace: Workspace, run: Run) -> list[ValidationReport]:
    suite = suite_of(workspace, run.fork, PROCESSED_SUITE)
    return [
        suites.validate(name, workspace.frames.read(run.head, path), suite, workspace.spec.key)
        for name, path in PROCESSED_TABLES.items()
    ]


def suite_of(workspace: Workspace, ref: str, table: str) -> dict[str, object]:
    """Return the suite that judges a table at a commit.

    Raises:
        ValidationFailed: There is none; what nobody described is not let through.
    """
    try:
        return read_json(workspace.lake, ref, names.suite_path(table))
    except NotFound as error:
        raise ValidationFailed(
            "there is no suite for this table",
            where=table,
            todo=f"bring {names.suite_path(table)} by a policy commit",
        ) from error


def report_files(reports: list[ValidationReport]) -> dict[str, bytes]:
    """Return path to content: one JSON per report, and one page that shows them all."""
    files = {names.validation_path(report.table): report.to_bytes() for report in reports}
    return {**files, f"{names.VALIDATION}README.md": page.page(reports)}


def summary(reports: list[ValidationReport]) -> str:
    """Return one line: table, expectations that held, expectations there are, and the first failures."""
    return ", ".join(map(_line, reports))


def _line(report: ValidationReport) -> str:
    held = report.listed - len(report.failures)
    broken = "; ".join(f"{check.name}: {check.found}" for check in report.failures[:3])
    return f"{report.table} {held} of {report.listed}" + (f" ({broken})" if broken else "")


def validate_frames(
    workspace: Workspace, suites_ref: str, frames: dict[str, pd.DataFrame]
) -> list[ValidationReport]:
    """Return a report for each table, by the suites of a commit."""
    return [
        suites.validate(
            table,
            frame,
            suite_of(workspace, suites_ref, table),
            workspace.spec.table_keys.get(table, ()),
        )
        for table, frame in frames.items()
    ]

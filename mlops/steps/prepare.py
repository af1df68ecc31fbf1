"""From raw deliveries to validated rows: join, split, write, and hold them against the suites on `main`."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING

from mlops.adapters import tables
from mlops.adapters.policy import files as policy_files
from mlops.adapters.validation import page, suites
from mlops.adapters.validation.reports import ValidationReport, warnings_in
from mlops.pipelines.holdout import NotEnoughData, split
from mlops.runs import names
from mlops.runs.decisions import Reason
from mlops.runs.digest import document, sha256
from mlops.runs.errors import NotFound, NotPromoted, ValidationFailed
from mlops.runs.main.state import read_json
from mlops.runs.promotion.attempts import fail, finish_step
from mlops.runs.promotion.step_statements import Written
from mlops.runs.records import Run, Step
from mlops.steps.frames import ProcessedRows, RawRows
from mlops.steps.reuse import reused

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pandas as pd

    from mlops.pipelines.spec import Deliveries, PipelineSpec
    from mlops.runs.records import HoldoutRule
    from mlops.steps.workspace import Workspace

#: The table name under which joined rows are validated.
PROCESSED_SUITE = "processed"
#: Why an attempt stopped whose rows did not pass.
VALIDATION_FAILED = "validation_failed"
#: What the results are called, and the rows they are about.
PROCESSED_TABLES = {"processed_train": names.TRAIN, "processed_holdout": names.HOLDOUT}
#: The same of a pipeline without a model.
_ROWS_TABLES = {PROCESSED_SUITE: names.ROWS}


def processed_tables(spec: PipelineSpec) -> dict[str, str]:
    """Return the name of each validation result of processed rows, and the path of the rows."""
    return PROCESSED_TABLES if spec.has_model else _ROWS_TABLES


def process(workspace: Workspace, run: Run) -> Run:
    """Write ``processed/train.parquet`` and ``processed/holdout.parquet`` from ``raw/`` at the run's fork.

    A pipeline without a model writes all its rows to ``processed/rows.parquet``.

    Raises:
        NotPromoted: There is not enough data to train on some and judge by the rest; on record as
            ``not_enough_data``.
    """
    if (done := processed_already(workspace, run)) is not None:
        return done
    with lack_of_data_on_record(workspace, run):
        rows = rows_of(workspace.spec, raw_of(workspace, run))
    return keep_rows(workspace, run, rows)


def processed_already(workspace: Workspace, run: Run) -> Run | None:
    """Return the run if its rows are written, or were by an earlier run on the same inputs; else None."""
    if run.reached(Step.PROCESSED):
        return run
    return reused(workspace, run, Step.PROCESSED, _made_of(workspace, run))


def raw_of(workspace: Workspace, run: Run) -> RawRows:
    """Return what a run reads of `main`; nothing is read before it is asked for."""
    spec, lake = workspace.spec, workspace.lake

    def deliveries() -> dict[str, Deliveries]:
        return {table: workspace.frames.deliveries(run.fork, table) for table in spec.tables}

    def rule() -> HoldoutRule:
        return policy_files.parse_holdout_rule(lake.read(run.fork, names.HOLDOUT_RULE))

    return RawRows(deliveries, rule, spec.params(**run.inputs.params), run.inputs.seed)


def rows_of(spec: PipelineSpec, raw: RawRows) -> ProcessedRows:
    """Return the joined and split rows of deliveries.

    Raises:
        NotEnoughData: There is no arrival, or no row on one side of the split.
    """
    deliveries = raw.deliveries()
    if not any(deliveries.values()):
        raise NotEnoughData("main holds no arrival", where=spec.name, todo="ingest arrivals first")
    joined = spec.rows(deliveries, raw.params)
    frames = processed_frames(spec, joined.rows, raw.rule())
    return ProcessedRows(frames, joined.counts, joined.dropped, raw.params, raw.seed)


@contextlib.contextmanager
def lack_of_data_on_record(workspace: Workspace, run: Run) -> Iterator[None]:
    """Put a run on record as failed where there is not enough data, before `NotPromoted` is raised."""
    try:
        yield
    except NotEnoughData as error:
        fail(workspace.ports, run, Reason.NOT_ENOUGH_DATA, error.what)
        raise NotPromoted(
            f"{Reason.NOT_ENOUGH_DATA}: {error.what}", where=run.branch, todo=error.todo
        ) from error


def keep_rows(workspace: Workspace, run: Run, rows: ProcessedRows) -> Run:
    """Write processed rows to the run's branch, with a statement of what they were made of."""
    frames = rows.frames
    objects = {path: workspace.frames.write(run.branch, path, frame) for path, frame in frames.items()}
    counts = {_COUNTED[path]: len(frame) for path, frame in frames.items()}
    extra = {"rows": json.dumps({**rows.counts, **counts}), "dropped": json.dumps(dict(rows.dropped))}
    message = f"Process {_told(frames)}"
    written = Written(objects, read=_made_of(workspace, run))
    return finish_step(workspace.ports, run, Step.PROCESSED, message, extra, written=written)


def _made_of(workspace: Workspace, run: Run) -> dict[str, str]:
    """Return name to digest of all that processed rows are made of."""
    rule = workspace.lake.read(run.fork, names.HOLDOUT_RULE)
    return {names.RAW: run.inputs.raw_digest, names.HOLDOUT_RULE: sha256(rule)}


def _told(frames: Mapping[str, pd.DataFrame]) -> str:
    if names.ROWS in frames:
        return f"{len(frames[names.ROWS])} rows"
    return f"{len(frames[names.TRAIN])} training and {len(frames[names.HOLDOUT])} holdout rows"


#: What the rows of each table are called where they are counted.
_COUNTED = {names.TRAIN: "train rows", names.HOLDOUT: "holdout rows", names.ROWS: "data rows"}


def processed_frames(spec: PipelineSpec, rows: pd.DataFrame, rule: HoldoutRule) -> dict[str, pd.DataFrame]:
    """Return path to the rows that a run writes there.

    Raises:
        NotEnoughData: There are no rows, or none on one side of the split.
    """
    if spec.has_model:
        parts = split(rows, rule, spec)
        return {names.TRAIN: parts.train, names.HOLDOUT: parts.holdout}
    if rows.empty:
        raise NotEnoughData("the arrivals give no rows", where=spec.name, todo="ingest another arrival")
    return {names.ROWS: rows.reset_index(drop=True)}


def validate(workspace: Workspace, run: Run) -> Run:
    """Run the suite of the processed rows as it is on `main`, and keep the results on the branch.

    For a pipeline without a model, the profile of the rows is kept beside them.

    Raises:
        ValidationFailed: An expectation of severity error does not hold, or the suite cannot judge; on record
            before it is raised.
    """
    if run.reached(Step.VALIDATED):
        return run
    if (done := reused(workspace, run, Step.VALIDATED, _judged_by(workspace, run))) is not None:
        return done
    try:
        reports = _judged(workspace, run)
    except ValidationFailed as error:
        fail(workspace.ports, run, VALIDATION_FAILED, error.what)
        raise
    files = {**report_files(reports), **profile_files(workspace, run.head)}
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


def profile_files(workspace: Workspace, ref: str) -> dict[str, bytes]:
    """Return path to content of the profile of all rows, and of its page; nothing where there is a model."""
    from mlops.steps.profiles.page import profile_page
    from mlops.steps.profiles.profile import profile

    spec = workspace.spec
    if spec.has_model:
        return {}
    # From the stored bytes: a frame in memory may have other types than the one that is read back.
    found = profile(spec.name, tables.read_parquet(workspace.lake.read(ref, names.ROWS), where=names.ROWS))
    return {
        names.PROFILE: document(found.to_json()),
        names.PROFILE_PAGE: profile_page(found, f"{spec.title}: profile"),
    }


def _judged_by(workspace: Workspace, run: Run) -> dict[str, str]:
    """Return the digests of the rows that were validated, and of the suite."""
    suite = names.suite_path(PROCESSED_SUITE)
    paths = processed_tables(workspace.spec).values()
    rows = {path: run.outputs[path] for path in paths if path in run.outputs}
    return {**rows, suite: sha256(workspace.lake.read(run.fork, suite))}


def _judged(workspace: Workspace, run: Run) -> list[ValidationReport]:
    suite = suite_of(workspace, run.fork, PROCESSED_SUITE)
    return [
        suites.validate(name, workspace.frames.read(run.head, path), suite, workspace.spec.key)
        for name, path in processed_tables(workspace.spec).items()
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


def warnings_of(workspace: Workspace, commit: str) -> list[str]:
    """Return the expectations of the processed rows that do not hold in a run's commit and do not block.

    Args:
        workspace: The pipeline.
        commit: Any commit of the run's branch after validation.

    Returns:
        A line each: table, what is expected with its limits, and how many rows do not meet it.
    """
    paths = [names.validation_path(table) for table in processed_tables(workspace.spec)]
    held = {stat.path for stat in workspace.lake.list(commit, names.VALIDATION)}
    found = [read_json(workspace.lake, commit, path) for path in paths if path in held]
    return [line for report in found for line in warnings_in(report)]


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

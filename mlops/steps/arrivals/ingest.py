"""Arrivals: from the pipeline's own source or a user's files to a validated commit of `main`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from mlops.adapters import tables
from mlops.pipelines.sources import Extracted
from mlops.pipelines.sources.table_files import read_local
from mlops.runs import names
from mlops.runs.arrivals.ingest import Delivery, Ingested, Validated, ingest
from mlops.runs.errors import InputError
from mlops.runs.upkeep.reconcile import reconcile
from mlops.steps.arrivals.origins import file_origin, origin_json, summary_of
from mlops.steps.prepare import report_files, summary, validate_frames
from mlops.steps.production.environment import check_environment
from mlops.steps.profiles.arrivals import profile_files
from mlops.steps.run_inputs import CODE_KEY, LOCK_KEY, code_digest, lock_digest

if TYPE_CHECKING:
    import pandas as pd

    from mlops.adapters.validation.reports import ValidationReport
    from mlops.steps.workspace import Workspace


def from_source(workspace: Workspace, arrival: str) -> tuple[str, Mapping[str, pd.DataFrame]]:
    """Return the origin and the tables of an arrival from the pipeline's source.

    Raises:
        InputError: The source has no such arrival.
    """
    known = workspace.source.arrivals()
    if arrival not in known:
        raise InputError(
            "the source has no such arrival",
            where=arrival,
            todo=f"choose from {known[0]} to {known[-1]}" if known else "it has none yet",
        )
    found = workspace.source.extract(arrival)
    own = f"source:{workspace.spec.name}/{arrival}"
    return summary_of(found) if isinstance(found, Extracted) else own, found


def from_files(workspace: Workspace, arrival: str, files: Mapping[str, Path]) -> tuple[str, Extracted]:
    """Return the origin and the tables of an arrival from one file per table.

    Raises:
        InputError: A table is not one of the pipeline's, or a file is missing or unreadable, has other
            columns or no rows of the arrival.
    """
    unknown = sorted(set(files) - set(workspace.spec.tables))
    if unknown:
        known = ", ".join(workspace.spec.tables)
        raise InputError(f"the pipeline has no table {unknown[0]}", todo=f"its tables are {known}")
    spec = workspace.spec
    frames = {
        table: spec.select(arrival, table, spec.parse(table, read_local(file)))
        for table, file in sorted(files.items())
    }
    origins = {table: file_origin(file) for table, file in files.items()}
    return ", ".join(f"file:{file.name}" for _, file in sorted(files.items())), Extracted(frames, origins)


def ingest_arrival(
    workspace: Workspace,
    arrival: str,
    files: Mapping[str, Path] | None = None,
    *,
    again: bool = False,
    validated: Callable[[list[ValidationReport]], None] = lambda _reports: None,
) -> Ingested:
    """Read an arrival and bring it to `main` if the suites there pass it.

    Args:
        workspace: The pipeline.
        arrival: Name of the arrival.
        files: Table to a file; without any, the pipeline's source is read.
        again: Whether an arrival that a rollback dropped is ingested again.
        validated: Receives the reports of the suites, whether they pass the arrival or not; not called where
            `main` holds exactly this arrival already.
    """
    source, frames = from_files(workspace, arrival, files) if files else from_source(workspace, arrival)
    return deliver(workspace, arrival, source, frames, again=again, validated=validated)


def deliver(
    workspace: Workspace,
    arrival: str,
    source: str,
    frames: Mapping[str, pd.DataFrame],
    *,
    again: bool = False,
    validated: Callable[[list[ValidationReport]], None] = lambda _reports: None,
) -> Ingested:
    """Validate an arrival with the suites on `main` and merge it if it passes.

    Raises:
        ValidationFailed: They do not; the arrival and the results stay on its branch.
        InputError: The arrival lacks a table that is not optional, or a rollback dropped this very delivery
            and ``again`` is not set.
    """
    names.check_arrival(arrival)
    check_environment(workspace)
    reconcile(workspace.ports)
    content = {table: tables.to_parquet(frame) for table, frame in frames.items()}
    origin = origin_json(arrival, source, frames, content, at_s=workspace.ports.clock.now_s())

    def judge(suites_ref: str, data_ref: str) -> Validated:
        # What is judged is what was committed, not what this process still has in memory.
        committed = {
            table: workspace.frames.read(data_ref, names.raw_path(table, arrival)) for table in frames
        }
        reports = validate_frames(workspace, suites_ref, committed)
        validated(reports)
        passed = all(report.success for report in reports)
        made_by = {CODE_KEY: code_digest(workspace.spec), LOCK_KEY: lock_digest(workspace.spec)}
        kept = {**report_files(reports), **profile_files(arrival, committed)}
        warnings = tuple(line for report in reports for line in report.warnings)
        return Validated(passed, summary(reports), kept, made_by, warnings)

    needed = tuple(table for table in workspace.spec.tables if table not in workspace.spec.optional_tables)
    delivery = Delivery(arrival, content, source, origin, needed)
    return ingest(workspace.ports, delivery, judge, again=again)

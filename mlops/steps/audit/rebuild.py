# pandas ships no precise types: what an expression gives is guessed, often wrongly.
# pyright: reportArgumentType=false, reportCallIssue=false, reportGeneralTypeIssues=false

"""Proofs by doing it again: rows from raw data, suites on rows, a fit on training rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from mlops.adapters import tables
from mlops.adapters.policy import files
from mlops.adapters.validation import suites
from mlops.pipelines.holdout import row_digest
from mlops.runs import names
from mlops.runs.audit.findings import Unprovable
from mlops.runs.audit.subject import PromotionSubject
from mlops.runs.digest import sha256
from mlops.runs.errors import ConfigError, InputError, NotFound, ValidationFailed
from mlops.runs.evidence import Contender
from mlops.runs.main.state import read_optional
from mlops.runs.promotion.attempts import run_of
from mlops.runs.records import HoldoutRule, Run, Step
from mlops.steps.evaluation.paired_losses import predicted_by
from mlops.steps.evaluation.score import predict
from mlops.steps.prepare import (
    PROCESSED_SUITE,
    processed_frames,
    processed_tables,
    profile_files,
    suite_of,
    summary,
)
from mlops.steps.rolling.fold_models import earlier_rows, fitted, latest, read_index, together
from mlops.steps.run import record_of
from mlops.steps.run_inputs import CODE_KEY, LOCK_KEY, code_digest, lock_digest

if TYPE_CHECKING:
    import pandas as pd

    from mlops.pipelines.spec import PipelineSpec
    from mlops.pipelines.tasks import Task
    from mlops.runs.ports import Commit
    from mlops.steps.workspace import Workspace

#: How far predictions of a model that was trained again may be off, as a share of the task's spread.
REFIT_TOLERANCE = 1e-6


def only_by_this_code(spec: PipelineSpec, code: str, lock: str, what: str) -> None:
    """Return if the code and libraries of today made something; else nobody can tell whether it is wrong.

    Args:
        spec: The pipeline.
        code: Digest of the code that made it.
        lock: Digest of the libraries that made it.
        what: What differs, as the subject of a sentence.

    Raises:
        Unprovable: Other code or other libraries made it.
    """
    if (code, lock) != (code_digest(spec), lock_digest(spec)):
        raise Unprovable(f"{what} differ, but other code or other libraries made them")


class Rebuilder:
    """Makes rows, validation results and models again from what they were made from."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._made: tuple[tuple[str, str], Mapping[str, pd.DataFrame]] | None = None

    def rebuild(self, subject: PromotionSubject) -> Iterator[str]:
        """Yield how rows and validation results differ from those made again."""
        run = run_of(subject.evidence)
        try:
            validated = record_of(self._workspace, run, Step.VALIDATED)
        except NotFound:
            yield "its run was never validated: no step of it says so"
            return
        rows = names.TRAIN if self._workspace.spec.has_model else names.ROWS
        if self._checksum(validated.id, rows) != subject.outputs[rows].checksum:
            yield f"{rows} is not what was validated at {validated.id[:12]}"
        if not run.restores:  # what a restored run brought back is asked of the promotion that made it
            yield from self._rows(run, validated)
        yield from self._suites(subject, run, validated)
        yield from self._profile(subject, run)

    def _profile(self, subject: PromotionSubject, run: Run) -> Iterator[str]:
        for path, content in profile_files(self._workspace, subject.commit.id).items():
            if subject.read_optional(path) != content:
                made_by = run.inputs.code_digest, run.inputs.lock_digest
                only_by_this_code(self._workspace.spec, *made_by, f"the profile in {path}")
                yield f"{path} is not the profile of the rows"

    def _rows(self, run: Run, validated: Commit) -> Iterator[str]:
        try:
            made = self._processed(run)
        except (InputError, ConfigError) as error:
            only_by_this_code(
                self._workspace.spec, run.inputs.code_digest, run.inputs.lock_digest, "its rows"
            )
            yield f"its raw data cannot be processed: {error.what}"
            return
        for path, frame in made.items():
            recorded = self._workspace.lake.read(validated.id, path)
            if sha256(recorded) == sha256(tables.to_parquet(frame)):
                continue
            found = tables.read_parquet(recorded, where=path)
            if _same_rows(found, frame, self._workspace.spec.key):
                continue
            only_by_this_code(
                self._workspace.spec, run.inputs.code_digest, run.inputs.lock_digest, f"the rows of {path}"
            )
            yield f"{path} is not made from its raw data: {self._told(frame, found)}"

    def _processed(self, run: Run) -> Mapping[str, pd.DataFrame]:
        """Return path to the rows that the code makes of the raw data at a fork; the last ones are kept."""
        spec, lake, fork = self._workspace.spec, self._workspace.lake, run.fork
        params = spec.params(**run.inputs.params)
        rule = lake.read(fork, names.HOLDOUT_RULE)
        raw = [(s.path, s.checksum) for s in lake.list(fork, names.RAW)]
        key = (repr(raw), sha256(rule) if spec.has_model else repr(params))
        if self._made is None or self._made[0] != key:
            deliveries = {table: self._workspace.frames.deliveries(fork, table) for table in spec.tables}
            rows = spec.rows(deliveries, params).rows
            self._made = (key, processed_frames(spec, rows, files.parse_holdout_rule(rule)))
        return self._made[1]

    def _told(self, made: pd.DataFrame, found: pd.DataFrame) -> str:
        try:
            diff = tables.diff_frames(made, found, self._workspace.spec.key)
        except InputError as error:
            return error.what
        counts = {"added": diff.added, "removed": diff.removed, "changed": diff.changed}
        told = [f"{rows} rows were {how}" for how, rows in counts.items() if rows]
        columns = [*diff.columns_added, *diff.columns_removed, *diff.types_changed]
        return (
            ", ".join(told + ([f"other columns: {', '.join(columns)}"] if columns else [])) or "other order"
        )

    def _suites(self, subject: PromotionSubject, run: Run, validated: Commit) -> Iterator[str]:
        for table, path in processed_tables(self._workspace.spec).items():
            frame = self._workspace.frames.read(validated.id, path)
            yield from self._suite(
                table,
                frame,
                suite=(run.fork, PROCESSED_SUITE),
                recorded=subject.read_optional(names.validation_path(table)),
                made_by=(run.inputs.code_digest, run.inputs.lock_digest),
            )

    def ingest(self, subject: PromotionSubject) -> Iterator[str]:
        """Yield how the validation results of an ingest differ from those of its suites run again."""
        evidence = subject.meta.get("evidence_commit", "")
        try:
            said = self._workspace.lake.commit_of(evidence).metadata
        except NotFound as error:
            raise Unprovable("the commit with the results of its validation is gone") from error
        spec = self._workspace.spec
        today = code_digest(spec), lock_digest(spec)
        for change in subject.changes:
            parsed = names.parse_raw_path(change.path)
            if parsed is None or change.type == "removed":
                continue
            yield from self._suite(
                parsed.table,
                self._workspace.frames.read(subject.commit.id, change.path),
                suite=(subject.before.commit, parsed.table),
                recorded=read_optional(subject.lake, evidence, names.validation_path(parsed.table)),
                made_by=(said.get(CODE_KEY, today[0]), said.get(LOCK_KEY, today[1])),
            )

    def _suite(
        self,
        table: str,
        frame: pd.DataFrame,
        *,
        suite: tuple[str, str],
        recorded: bytes | None,
        made_by: tuple[str, str],
    ) -> Iterator[str]:
        """Yield what is wrong with the recorded result of a suite on a table.

        Args:
            table: What the result is called.
            frame: The rows.
            suite: Commit and name of the suite.
            recorded: Content of the recorded result.
            made_by: Digests of the code and of the libraries that made it.
        """
        spec = self._workspace.spec
        key = spec.key if table in processed_tables(spec) else spec.table_keys.get(table, ())
        try:
            report = suites.validate(table, frame, suite_of(self._workspace, *suite), key)
        except ValidationFailed as error:
            yield f"the suite of {table} cannot be run on its rows: {error.what}"
            return
        if recorded is None:
            yield f"the suite of {table} never ran: there is no {names.validation_path(table)}"
        if recorded == report.to_bytes() and report.success:
            return
        only_by_this_code(spec, *made_by, f"the validation results of {table}")
        if not report.success:
            yield f"the rows of {table} do not pass their suite: {summary([report])}"
        elif recorded is not None:
            yield f"the recorded result for {table} differs from the result of its suite on these rows"

    def refit(self, subject: PromotionSubject) -> Iterator[str]:
        """Yield how the predictions on record differ from those of a model that is trained again."""
        run = run_of(subject.evidence)
        spec, frames = self._workspace.spec, self._workspace.frames
        predicted = tables.read_parquet(subject.predictions_data, where=names.PREDICTIONS)
        recorded = predicted_by(spec.task, predicted, Contender.CANDIDATE)
        rows, holdout = (frames.read(subject.commit.id, path) for path in (names.TRAIN, names.HOLDOUT))
        try:
            model, rolling = self._fitted(subject, run, rows)
            units = spec.task.units(spec, holdout, rows)
            again = predict(spec, model, units, Contender.CANDIDATE, rolling)
        # A model is whatever a pipeline says it is, and may fail in any way.
        except Exception as error:
            only_by_this_code(
                self._workspace.spec,
                run.inputs.code_digest,
                run.inputs.lock_digest,
                "its parameters or columns",
            )
            yield f"its model cannot be trained again: {type(error).__name__}: {error}"
            return
        off = _off(spec.task, again, recorded, units[spec.target])
        if off:
            only_by_this_code(
                self._workspace.spec, run.inputs.code_digest, run.inputs.lock_digest, "its predictions"
            )
            yield f"its model is not what training on its rows gives: {off} {spec.change_unit}".rstrip()

    def _fitted(
        self, subject: PromotionSubject, run: Run, rows: pd.DataFrame
    ) -> tuple[Any, HoldoutRule | None]:
        """Return the model of a promotion trained again, with the rule where it is of several periods."""
        spec, params = self._workspace.spec, self._workspace.spec.params(**run.inputs.params)
        rule = files.parse_holdout_rule(self._workspace.lake.read(run.fork, names.HOLDOUT_RULE))
        index = read_index(self._workspace.lake, subject.commit.id) if rule.is_rolling else None
        earlier = [earlier_rows(rows, index.rule, fold.before) for fold in index.folds] if index else []
        models = tuple(fitted(spec, params, run.inputs.seed, [*earlier, rows]))
        if not rule.is_rolling:
            return models[0], None
        return together(index, latest(spec, rows), models), rule

    def _checksum(self, ref: str, path: str) -> str:
        try:
            return self._workspace.lake.stat(ref, path).checksum
        except NotFound:
            return ""


def _same_rows(one: pd.DataFrame, other: pd.DataFrame, key: tuple[str, ...]) -> bool:
    """Return whether two tables hold the same values, whatever library stored them and in whatever order."""
    if set(one.columns) != set(other.columns):
        return False
    columns = sorted(one.columns)
    return row_digest(one, key, columns) == row_digest(other, key, columns)


def _off(task: Task, again: pd.DataFrame, recorded: pd.DataFrame, targets: pd.Series) -> str:
    """Return how far predictions are apart, beyond the tolerance; empty where they agree."""
    import numpy as np

    if again.shape != recorded.shape:
        return f"{len(recorded)} predictions are on record for {len(again)} rows, in"
    apart = task.change(again, recorded)
    beyond = ~(apart <= REFIT_TOLERANCE * task.spread(targets))
    if not beyond.any():
        return ""
    return f"{int(beyond.sum())} of {len(again)} predictions differ, by up to {np.nanmax(apart):.6g}"

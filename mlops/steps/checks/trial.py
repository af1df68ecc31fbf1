# pandas ships no precise types: what an expression gives is guessed, often wrongly.
# pyright: reportArgumentType=false, reportCallIssue=false, reportGeneralTypeIssues=false

"""A trial of a pipeline in memory: extracted, joined, split, fitted, saved, loaded, scored; no lake."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from mlops.adapters import tables
from mlops.adapters.models import saved_files
from mlops.adapters.validation import suites
from mlops.pipelines.holdout import NotEnoughData, overlap_key
from mlops.pipelines.sources.configured import open_source
from mlops.pipelines.spec import Split
from mlops.runs import names
from mlops.runs.errors import InputError, ValidationFailed
from mlops.runs.records import ObjectRecord
from mlops.steps.checks.problems import line_of
from mlops.steps.evaluation.score import score
from mlops.steps.prepare import PROCESSED_SUITE, processed_frames, summary
from mlops.steps.repository.gate_agreement import column_problems
from mlops.steps.repository.init_repository import place_of
from mlops.steps.rolling.fold_models import fitted, index_of, latest, together
from mlops.steps.run_inputs import SEED
from mlops.steps.train import example_input

if TYPE_CHECKING:
    import pandas as pd

    from mlops.pipelines.sources import Options
    from mlops.pipelines.spec import Joined, PipelineSpec
    from mlops.steps.checks.configuration import Configuration
    from mlops.steps.checks.problems import Problems
    from mlops.steps.rolling.periods import RollingModels

#: Most arrivals that are extracted until there are rows for training and for the holdout.
MOST_ARRIVALS = 24


@dataclass
class Trial:
    """The result of a trial.

    Attributes:
        arrivals: The arrivals that were extracted.
        train_rows: Number of training rows.
        holdout_rows: Number of holdout rows.
        rows: Number of all rows.
        clusters: Number of clusters in the holdout.
        metrics: Metrics of the fitted model and the baseline on the holdout.
    """

    arrivals: list[str] = field(default_factory=list[str])
    train_rows: int = 0
    holdout_rows: int = 0
    rows: int = 0
    clusters: int = 0
    metrics: dict[str, float] = field(default_factory=dict[str, float])


@dataclass
class Trier:
    """Carries a trial out; stops at the first part that the next ones need.

    Attributes:
        spec: The pipeline.
        configuration: Its suites, policy and rule.
        problems: Receives what is found.
        report: Receives lines of progress.
        options: Settings of the source.
    """

    spec: PipelineSpec
    configuration: Configuration
    problems: Problems
    report: Callable[[str], None]
    options: Options
    trial: Trial = field(default_factory=Trial)

    def run(self) -> Trial:
        """Carry the trial out and return what it gave."""
        made = self._split()
        if made is None:
            return self.trial
        self.trial.rows = sum(map(len, made.values()))
        for path, frame in made.items():
            name = PurePath(path).stem
            self._validate(
                PROCESSED_SUITE, frame, self.spec.key, "rows" if path == names.ROWS else f"{name} rows"
            )
        if self.configuration.rule is None or not self.spec.has_model:
            return self.trial
        parts = Split(made[names.TRAIN], made[names.HOLDOUT], self.configuration.rule)
        self.trial.train_rows, self.trial.holdout_rows = len(parts.train), len(parts.holdout)
        self.trial.clusters = int(parts.holdout[self.spec.cluster].nunique())
        model = self._fitted(parts)
        if model is not None:
            self._score(parts, model)
        return self.trial

    def _split(self) -> dict[str, pd.DataFrame] | None:
        """Extract arrivals until they can be split; return path to rows, or None where that is impossible."""
        rule = self.configuration.rule
        deliveries: dict[str, dict[str, pd.DataFrame]] = {table: {} for table in self.spec.tables}
        source, arrivals = None, []
        with self.problems.collected("source", line_of(self.spec.source)):
            source = open_source(self.spec, self.options)
            arrivals = list(source.arrivals())
            if not arrivals:
                raise InputError("the source has no arrivals")
        for arrival in arrivals[:MOST_ARRIVALS]:
            if not self._extract(source, arrival, deliveries):
                return None
            joined = self._joined(deliveries)
            if joined is None or rule is None:
                return None
            short: NotEnoughData | None = None
            with self.problems.collected("split", place_of(self.spec.name, "holdout.yaml")):
                try:
                    return processed_frames(self.spec, joined.rows, rule)
                except NotEnoughData as error:
                    if arrival == arrivals[:MOST_ARRIVALS][-1]:
                        raise
                    short = error
            if short is None:
                return None
        return None

    def _extract(self, source: Any, arrival: str, deliveries: dict[str, dict[str, pd.DataFrame]]) -> bool:
        self.report(f"{arrival}: extracting and validating")
        before = len(self.problems.found)
        where = line_of(self.spec.source)
        with self.problems.collected(f"extract {arrival}", where):
            found = dict(source.extract(arrival))
            if set(found) != set(self.spec.tables):
                wanted = ", ".join(self.spec.tables)
                raise InputError(f"gave the tables {', '.join(found) or 'none'}, not {wanted}")
            for table, frame in found.items():
                keys = self.spec.table_keys.get(table, ())
                _check_key(frame, keys, f"table {table}")
                # What is joined is what the lake would give back.
                deliveries[table][arrival] = tables.read_parquet(tables.to_parquet(frame), where=table)
                self._validate(table, deliveries[table][arrival], keys, f"{table} of {arrival}")
        self.trial.arrivals.append(arrival)
        return len(self.problems.found) == before

    def _joined(self, deliveries: dict[str, dict[str, pd.DataFrame]]) -> Joined | None:
        self.report("joining")
        spec, before, where = self.spec, len(self.problems.found), line_of(self.spec.join)
        with self.problems.collected("join", where):
            joined = spec.join(deliveries)
            columns = [str(column) for column in joined.rows.columns]
            wanted = [*spec.key, spec.time, spec.cluster, spec.target, *spec.model_input, *spec.slices]
            lacking = sorted({name for name in wanted if name and name not in columns})
            if lacking:
                raise InputError(f"the joined rows have no column {', '.join(lacking)}")
            _check_key(joined.rows, spec.key, "joined rows")
            if spec.has_model:
                if joined.rows[spec.target].isna().any():
                    raise InputError(
                        f"joined rows without a {spec.target}", todo="leave them out, and count them"
                    )
                spec.task.targets(joined.rows[spec.target])
            self._check_rule(columns)
            if len(self.problems.found) == before:
                return joined
        return None

    def _check_rule(self, columns: Sequence[str]) -> None:
        rule, document = self.configuration.rule, self.configuration.rule_document
        if rule is not None and document is not None:
            self.problems.found += column_problems(rule, columns, document.at)

    def _validate(self, table: str, frame: pd.DataFrame, key: Sequence[str], what: str) -> None:
        suite, place = self.configuration.suites.get(table), place_of(self.spec.name, f"{table}.json")
        if suite is None:
            return
        with self.problems.collected(f"suite for {what}", place):
            report = suites.validate(table, frame, suite, key)
            if not report.success:
                raise ValidationFailed(summary([report]))

    def _fitted(self, parts: Split) -> Any:
        """Fit the model, save it and load it back through the trusted types; None where that fails."""
        spec = self.spec
        self.report(f"fitting on {len(parts.train):,} rows")
        with self.problems.collected("model", line_of(spec.model)):
            model = spec.model(spec.params(), SEED)
            spec.task.fit(spec, model, parts.train)
            with tempfile.TemporaryDirectory() as scratch:
                folder = Path(scratch) / "model"
                saved_files.save(model, folder, spec.trusted_types, example=example_input(spec, parts.train))
                loaded = saved_files.load(folder, recorded_files(folder), spec.trusted_types)
            units = spec.task.units(spec, parts.holdout, parts.train)
            taken = units.loc[:, list(spec.task.unit_input(spec))]
            apart = spec.task.change(spec.task.predict(model, taken), spec.task.predict(loaded, taken))
            if bool((apart != 0).any()):
                raise InputError("the model predicts other values after it was saved and loaded")
            return loaded
        return None

    def _score(self, parts: Split, model: Any) -> None:
        self.report(f"scoring {len(parts.holdout):,} rows")
        spec, rule = self.spec, self.configuration.rule
        if rule is None:
            return
        with self.problems.collected("score", line_of(spec.baseline)):
            if rule.is_rolling:
                model = self._rolling(parts, model)
            scored = score(
                spec,
                parts.holdout,
                candidate=model,
                candidate_train=parts.train,
                timed=rule.is_timed,
                rolling=rule if rule.is_rolling else None,
                overlap_key=overlap_key(spec, rule),
            )
            if scored.paired.train_overlap:
                raise InputError(f"{scored.paired.train_overlap} holdout rows are in the training rows too")
            self.trial.metrics = dict(scored.metrics)

    def _rolling(self, parts: Split, newest: Any) -> RollingModels:
        """Return the models of all periods of the holdout; the newest was fitted before."""
        spec = self.spec
        index, rows = index_of(spec, parts.rule, parts.train, parts.holdout)
        earlier = fitted(spec, spec.params(), SEED, rows)
        return together(index, latest(spec, parts.train), [*earlier, newest])


def _check_key(frame: pd.DataFrame, key: Sequence[str], what: str) -> None:
    lacking = [name for name in key if name not in frame.columns]
    if lacking:
        raise InputError(f"{what}: there is no key column {', '.join(lacking)}")
    twice = int(frame.duplicated(list(key)).sum()) if key else 0
    if twice:
        raise InputError(f"{what}: {twice} rows have a key that another one has: {', '.join(key)}")


def recorded_files(folder: Path) -> list[ObjectRecord]:
    """Return the files of a saved model with their digests, as a promotion would record them."""
    found: list[ObjectRecord] = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        found.append(ObjectRecord(path.relative_to(folder).as_posix(), path.stat().st_size, digest, digest))
    return found

"""The values of a run's steps in a local folder: a pipeline's assets run without a lake or a server.

For unit tests of a pipeline, and to try it. Nothing here is a run: there is no branch, no statement and no
promotion, and the model is compared with the declared baseline alone.
"""

# Annotations are not postponed here: Dagster reads those of resources as they stand.

import dataclasses
import io
import json
import zipfile
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import dagster as dg
import pandas as pd

from mlops.adapters import tables
from mlops.adapters.policy.files import parse_holdout_rule, parse_policy
from mlops.orchestration.checks.verdict import verdict_results
from mlops.orchestration.lake import DataStore, LakeFSResource, SklearnIOManager, StoredIOManager
from mlops.orchestration.values import Values
from mlops.pipelines.holdout import overlap_key
from mlops.pipelines.sources import Source
from mlops.pipelines.spec import PipelineSpec
from mlops.runs import names
from mlops.runs.errors import ConfigError
from mlops.runs.gate.holdouts import identity_of
from mlops.runs.gate.verdict import decide
from mlops.runs.records import Step
from mlops.steps.evaluation.score import score
from mlops.steps.frames import ProcessedRows, RawRows
from mlops.steps.repository.init_repository import gate_files
from mlops.steps.run_inputs import SEED

_FACTS = "facts.json"


@dataclass(frozen=True)
class Frames:
    """Frames by name, and plain values about them."""

    frames: Mapping[str, pd.DataFrame]
    facts: Mapping[str, Any]


class FramesIOManager(StoredIOManager):
    """Several frames in one file: Parquet as a run writes it, in an archive without compression."""

    def extension(self) -> str:
        """Return ``.zip``."""
        return ".zip"

    def dump(self, value: Any, file: BinaryIO) -> None:
        """Write `Frames`."""
        whole = io.BytesIO()
        with zipfile.ZipFile(whole, "w") as archive:
            archive.writestr(_FACTS, json.dumps(value.facts))
            for name, frame in value.frames.items():
                archive.writestr(name, tables.to_parquet(frame))
        file.write(whole.getvalue())

    def load(self, content: Any, wanted: Any) -> Frames:
        """Return the `Frames` that were written."""
        del wanted
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            stored = [name for name in archive.namelist() if name != _FACTS]
            frames = {name: tables.read_parquet(archive.read(name), where=name) for name in stored}
            return Frames(frames, json.loads(archive.read(_FACTS)))


class LocalValues(Values):
    """Values of one pipeline's steps in a folder.

    Args:
        spec: The pipeline.
        folder: The folder.
        arrivals: Those that are read; by default all of the source.
        source: Where arrivals come from; by default the pipeline's own, without settings.
        gate: Path to content of policy and holdout rule; by default what the pipeline ships.
    """

    def __init__(
        self,
        spec: PipelineSpec,
        folder: Path,
        *,
        arrivals: Sequence[str] | None = None,
        source: Source | None = None,
        gate: Mapping[str, bytes] | None = None,
    ) -> None:
        self._spec, self._arrivals = spec, arrivals
        self._source = source or spec.source({})
        files = gate_files(spec.name) if gate is None else gate
        self._policy = parse_policy(files[names.POLICY])
        self._rule = parse_holdout_rule(files[names.HOLDOUT_RULE])
        store = DataStore(location=str(folder), lakefs=LakeFSResource())
        self._frames = FramesIOManager(store=store)
        self._models = SklearnIOManager(store=store, trusted_types=[kind.path for kind in spec.trusted_types])

    def begin(self, context: dg.AssetExecutionContext, spec: PipelineSpec, config: Any) -> Frames:
        """Read the arrivals from the source."""
        wanted = self._source.arrivals() if self._arrivals is None else self._arrivals
        context.log.info(f"reading {len(wanted)} arrivals")
        frames = {
            f"{table}/{arrival}": frame
            for arrival in wanted
            for table, frame in self._source.extract(arrival).items()
        }
        return Frames(frames, {"params": dataclasses.asdict(spec.parameters(config.model_dump()))})

    def made(
        self, context: dg.AssetExecutionContext, spec: PipelineSpec, step: Step, compute: Callable[[], Any]
    ) -> Any:
        """Return the value of a step."""
        return compute()

    def evaluated(
        self, context: dg.AssetExecutionContext, spec: PipelineSpec, rows: Any, model: Any
    ) -> dg.MaterializeResult:
        """Compare the model with the declared baseline, by the policy for a first model."""
        made: ProcessedRows = rows()
        if model is None:
            return dg.MaterializeResult(metadata={"data rows": len(made.frames[names.ROWS])})
        if self._rule.is_rolling:
            raise ConfigError(
                "a holdout of several periods needs a lake",
                where=names.HOLDOUT_RULE,
                todo="give another gate",
            )
        scored = score(
            spec,
            made.frames[names.HOLDOUT],
            candidate=model(),
            candidate_train=made.frames[names.TRAIN],
            timed=self._rule.is_timed,
            overlap_key=overlap_key(spec, self._rule),
        )
        paired = dataclasses.replace(scored.paired, holdout_id=identity_of(self._rule, scored.paired))
        verdict = decide(paired, self._policy, look=1)
        return dg.MaterializeResult(
            metadata={"verdict": str(verdict.outcome), "sentence": verdict.sentence, **scored.metrics},
            check_results=verdict_results(spec, dg.AssetKey([spec.name, "evaluation"]), verdict),
        )

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        """Write a value to the folder."""
        if isinstance(obj, ProcessedRows):
            facts = {"params": dataclasses.asdict(obj.params), "counts": dict(obj.counts)}
            obj = Frames(obj.frames, {**facts, "dropped": dict(obj.dropped)})
        manager = self._frames if isinstance(obj, Frames) else self._models
        manager.handle_output(context, obj)

    def load_input(self, context: dg.InputContext) -> Any:
        """Return a value of the folder, read when it is asked for."""
        name = context.asset_key.path[-1]
        if name == "model":
            return lambda: self._models.load_input(context)
        return lambda: self._as_raw(context) if name == "raw" else self._as_rows(context)

    def _as_raw(self, context: dg.InputContext) -> RawRows:
        stored: Frames = self._frames.load_input(context)
        deliveries: dict[str, dict[str, pd.DataFrame]] = defaultdict(dict)
        for name, frame in sorted(stored.frames.items()):
            table, _, arrival = name.partition("/")
            deliveries[table][arrival] = frame
        tables_ = {table: deliveries[table] for table in self._spec.tables}
        params = self._spec.params(**stored.facts["params"])
        return RawRows(lambda: tables_, lambda: self._rule, params, SEED)

    def _as_rows(self, context: dg.InputContext) -> ProcessedRows:
        stored: Frames = self._frames.load_input(context)
        facts = stored.facts
        params = self._spec.params(**facts["params"])
        return ProcessedRows(stored.frames, facts["counts"], facts["dropped"], params, SEED)

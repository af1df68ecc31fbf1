"""Histories of `main` to be audited, made by the real protocol on a server; only fitting is left out."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.adapters import tables
from mlops.adapters.lake.lake import Connection, LakeFSLake
from mlops.adapters.page_links import Links
from mlops.adapters.policy import files as policy_files
from mlops.adapters.system import SystemClock, SystemProcesses, nonce
from mlops.adapters.tracking.tracker import MLflowTracker
from mlops.pipelines.holdout import split
from mlops.runs import names
from mlops.runs.decisions import Decision, Policy
from mlops.runs.digest import sha256, tree_digest
from mlops.runs.evidence import Paired
from mlops.runs.gate.holdouts import identity_of
from mlops.runs.main.setup import set_up
from mlops.runs.ports import Evaluation, Ports
from mlops.runs.promotion.attempts import finish_step
from mlops.runs.promotion.decision import decide
from mlops.runs.promotion.opening import open_run
from mlops.runs.promotion.promote import Promotion, promote
from mlops.runs.promotion.step_statements import Written
from mlops.runs.records import Champion, Run, RunInputs, Step
from mlops.runs.upkeep.reconcile import reconcile, record_promotion
from mlops.steps.arrivals import ingest
from mlops.steps.evaluation.score import score
from mlops.steps.run_inputs import code_digest, lock_digest
from mlops.steps.workspace import Workspace
from tests.support.keys import signer_and_trust

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from mlops.pipelines.spec import PipelineSpec
    from tests.benchmarks.servers import ScratchServer

_OFFSET = "model/offset"
_WEIGHTS = "model/weights"


@dataclass
class Offset:
    """A model that is off by so much, everywhere, from a column that comes near to the target."""

    column: str
    by: float

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        """Return one prediction per row."""
        return rows[self.column].to_numpy(dtype="float64") + self.by


class OffsetJudge:
    """Scores committed models on committed rows by the pipelines' own function."""

    def __init__(self, workspace: Workspace, column: str) -> None:
        self._workspace, self._column = workspace, column

    def evaluate(self, run: Run, candidate: str, champion: tuple[str, Champion] | None) -> Evaluation:
        """Score a candidate and the champion on the candidate's holdout."""
        del run
        frames = self._workspace.frames
        train = frames.read(candidate, names.TRAIN)
        scored = score(
            self._workspace.spec,
            frames.read(candidate, names.HOLDOUT),
            candidate=self._model(candidate),
            candidate_train=train,
            champion=self._model(champion[0]) if champion else None,
            champion_train=train if champion else None,
        )
        paired = dataclasses.replace(scored.paired, holdout_id=self.holdout_id(candidate, scored.paired))
        return Evaluation(paired, tables.to_parquet(scored.predictions), scored.metrics)

    def policy(self, data: bytes) -> Policy:
        """Return the policy that the content of ``gate/policy.yaml`` describes."""
        return policy_files.parse_policy(data)

    def holdout_id(self, commit: str, paired: Paired) -> str:
        """Return the identity of the holdout of the evidence in a commit."""
        data = self._workspace.lake.read(commit, names.HOLDOUT_RULE)
        return identity_of(policy_files.parse_holdout_rule(data), paired)

    def page(self, run: Run, decision: Decision, beside: Collection[str]) -> bytes:
        """Return ``reports/run.md``."""
        return f"# Run {run.run_id}\n\n{decision.verdict.sentence}\n".encode()

    def _model(self, commit: str) -> Offset:
        return Offset(self._column, float(self._workspace.lake.read(commit, _OFFSET)))


class OneWriter(LakeFSLake):
    """A repository that nobody else writes to: its tags, soon thousands, are listed once.

    Each run lists them several times, so that making a long history would cost its length squared.
    """

    def __init__(self, connection: Connection, repository: str) -> None:
        super().__init__(connection, repository)
        self._tags: dict[str, str] = super().tags()

    def tags(self, prefix: str = "") -> dict[str, str]:
        """Return tag name to commit id, ascending by name."""
        return {tag: at for tag, at in sorted(self._tags.items()) if tag.startswith(prefix)}

    def create_tag(self, tag: str, commit: str) -> None:
        """Create a tag at a commit."""
        super().create_tag(tag, commit)
        self._tags[tag] = commit

    def delete_tag(self, tag: str) -> None:
        """Remove a tag."""
        super().delete_tag(tag)
        self._tags.pop(tag, None)


class History:
    """A repository that is promoted to again and again.

    Nothing is arranged: each candidate is a little less off than the champion, is scored on committed rows,
    decided on at the level of its look, judged by the server's enforcer, and tagged.
    """

    def __init__(
        self,
        server: ScratchServer,
        database: Path,
        spec: PipelineSpec,
        files: Mapping[str, bytes],
        arrivals: Sequence[str],
        *,
        column: str,
        model_bytes: int = 0,
    ) -> None:
        """Set a repository up and bring the arrivals.

        Args:
            server: Where.
            database: File of MLflow's store.
            spec: The pipeline.
            files: What judges.
            arrivals: The newest is the holdout.
            column: Column of the model input that comes near to the target.
            model_bytes: Size of each promotion's model.
        """
        # A baseline that is worse than every model.
        spec = dataclasses.replace(
            spec, baseline=lambda _train, rows: rows[column].to_numpy(dtype="float64") + 1e6
        )
        server.repository(spec.name)
        lake = OneWriter(server.connection, spec.name)
        tracker = MLflowTracker(f"sqlite:///{database}", spec.name)
        signer, trust = signer_and_trust(1)
        ports = Ports(lake, tracker, SystemClock(), SystemProcesses(), nonce, signer=signer, trust=trust)
        self.workspace = Workspace(spec, lake, ports, Links(lake.endpoint, spec.name))
        self._judge, self._model_bytes = OffsetJudge(self.workspace, column), model_bytes
        self._ended: list[Promotion] = []
        set_up(ports, files)
        for arrival in arrivals:
            source, frames = ingest.from_source(self.workspace, arrival)
            ingest.deliver(self.workspace, arrival, source, frames)
        self._parts = self._split()

    def as_found(self) -> Workspace:
        """Return a workspace as somebody opens it who knows nothing of how the history was made."""
        made = self.workspace
        lake = LakeFSLake(made.lake.connection, made.spec.name)
        return Workspace(made.spec, lake, dataclasses.replace(made.ports, lake=lake), made.links)

    def promote(self) -> None:
        """Bring one more promotion to `main`; its branch is removed, as a sweep would."""
        ports = self.workspace.ports
        run = self._trained(offset=10_000.0 - len(self._ended))
        ended = promote(ports, self._judge, decide(ports, self._judge, run).run)
        if not ended.merge_commit:
            raise RuntimeError(f"nothing was promoted: {ended.decision.verdict.sentence}")
        ports.lake.create_tag(names.promotion_tag(ended.number), ended.merge_commit)
        ports.lake.delete_branch(ended.run.branch)
        self._ended.append(ended)

    def finish(self) -> None:
        """Let MLflow and the champion's tag follow, as the commands do after every promotion."""
        ports = self.workspace.ports
        for ended in self._ended:
            ports.tracker.begin(ended.run, {})
            record_promotion(ports, ended)
        reconcile(ports)

    def _trained(self, offset: float) -> Run:
        ports = self.workspace.ports
        run = open_run(ports, lambda head: self._inputs(head, offset))
        train, holdout = self._parts
        weights = random.Random(offset).randbytes(self._model_bytes)
        for step, files in {
            Step.PROCESSED: {names.TRAIN: train, names.HOLDOUT: holdout},
            Step.VALIDATED: {names.validation_path("processed"): b"{}\n"},
            Step.TRAINED: {_OFFSET: repr(offset).encode(), _WEIGHTS: weights},
        }.items():
            for path, data in files.items():
                ports.lake.write(run.branch, path, data)
            written = Written({path: sha256(data) for path, data in files.items()})
            run = finish_step(ports, run, step, f"Finish {step}", written=written)
        return run

    def _inputs(self, head: str, offset: float) -> RunInputs:
        raw = tree_digest((s.path, s.checksum) for s in self.workspace.lake.list(head, names.RAW))
        params: dict[str, Any] = {"offset": offset}
        return RunInputs(
            self.workspace.spec.name,
            raw,
            code_digest(self.workspace.spec),
            lock_digest(self.workspace.spec),
            params,
            7,
        )

    def _split(self) -> tuple[bytes, bytes]:
        spec, lake = self.workspace.spec, self.workspace.lake
        head = lake.head(names.MAIN)
        rule = policy_files.parse_holdout_rule(lake.read(head, names.HOLDOUT_RULE))
        rows = spec.join({table: self.workspace.frames.deliveries(head, table) for table in spec.tables}).rows
        parts = split(rows, rule, spec)
        return tables.to_parquet(parts.train), tables.to_parquet(parts.holdout)

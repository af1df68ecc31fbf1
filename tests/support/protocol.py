"""The run protocol driven end to end over any lake, with models that are numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops.runs import names
from mlops.runs.arrivals.ingest import Delivery, Ingested, Validated, ingest
from mlops.runs.main.setup import set_up
from mlops.runs.ports import Judge, Lake, Ports
from mlops.runs.promotion.attempts import finish_step
from mlops.runs.promotion.decision import decide
from mlops.runs.promotion.opening import open_run
from mlops.runs.promotion.promote import Promotion, promote
from mlops.runs.records import Run, RunInputs, Step
from mlops.runs.rollback.rollback import rollback
from mlops.runs.upkeep.reconcile import CHAMPION_ALIAS, reconcile, record_promotion
from tests.support.enforcer import enforce, refuse_direct
from tests.support.fakes import FakeJudge, fake_ports, inputs
from tests.support.memory_lake import MemoryLake

ROOT = Path(__file__).resolve().parents[2]

GATE_FILES = {
    names.POLICY: b"metric: mae\n",
    names.HOLDOUT_RULE: b"kind: newest_period\n",
    names.suite_path("flights"): b"{}\n",
    **{f"{names.ACTIONS}{file.name}": file.read_bytes() for file in (ROOT / "infra/lakefs").glob("*.yaml")},
}


def passes(_suites: str, _data: str) -> Validated:
    return Validated(True, "flights 3 of 3", {names.validation_path("flights"): b"{}\n"})


def fails(_suites: str, _data: str) -> Validated:
    return Validated(False, "flights 2 of 3", {names.validation_path("flights"): b"{}\n"})


@dataclass
class World:
    """A repository that is set up, and the outside around it."""

    lake: Lake
    ports: Ports
    judge: FakeJudge

    def arrive(self, arrival: str, data: bytes | None = None, **options: Any) -> Ingested:
        content = data if data is not None else f"rows of {arrival}".encode()
        reconcile(self.ports)
        return ingest(self.ports, Delivery(arrival, {"flights": content}, "test"), passes, **options)

    def train(self, mae: float, **params: object) -> Run:
        return train(self.ports, mae, inputs({"mae": mae, **params}, self.raw()))

    def raw(self) -> str:
        return repr([(s.path, s.checksum) for s in self.lake.list(self.lake.head("main"), names.RAW)])

    def run(self, mae: float, **params: object) -> Promotion:
        return run(self.ports, self.judge, mae, inputs({"mae": mae, **params}, self.raw()))

    def roll_back(self, to: int | None = None) -> None:
        reconcile(self.ports)
        rollback(self.ports, "it was wrong", to)
        reconcile(self.ports)


def new_world(
    *arrivals: str,
    lake: Lake | None = None,
    gate: Mapping[str, bytes] = GATE_FILES,
    **ports_given: Any,
) -> World:
    """Return a world whose enforcer is on, with arrivals on `main`; what is not given is in memory."""
    if lake is None:
        lake = MemoryLake()
    if isinstance(lake, MemoryLake):
        lake.enforcer, lake.hook = enforce, refuse_direct
    ports = fake_ports(lake, **ports_given)
    set_up(ports, gate)
    world = World(lake, ports, FakeJudge(lake))
    for arrival in arrivals:
        world.arrive(arrival)
    return world


def train(ports: Ports, mae: float, with_inputs: RunInputs, *, again: int = 0) -> Run:
    """Bring a run to step trained; its model is its mean absolute error."""
    run_ = open_run(ports, lambda _fork: with_inputs, again=again)
    ports.tracker.begin(run_, {"mlops.run_id": run_.run_id})
    for step, path, content in (
        (Step.PROCESSED, names.TRAIN, b"train"),
        (Step.PROCESSED, names.HOLDOUT, b"holdout"),
        (Step.VALIDATED, names.validation_path("processed"), b"{}\n"),
        (Step.TRAINED, "model/mae", str(mae).encode()),
    ):
        if not run_.reached(step) or (path == names.HOLDOUT and not run_.reached(Step.VALIDATED)):
            ports.lake.write(run_.branch, path, content)
            run_ = finish_step(ports, run_, step, f"Finish {step}")
    return run_


def run(ports: Ports, judge: Judge, mae: float, with_inputs: RunInputs) -> Promotion:
    """Do what the run command does: reconcile, all steps, promote, caches."""
    reconcile(ports)
    trained = train(ports, mae, with_inputs)
    if not trained.reached(Step.DECIDED):
        trained = decide(ports, judge, trained).run
    ended = promote(ports, judge, trained)
    record_promotion(ports, ended)
    reconcile(ports)
    return ended


def champion_alias(world: World) -> str | None:
    """Return the address of the version that the champion's alias names, or None."""
    tracker = world.ports.tracker
    version = tracker.alias("flights", CHAMPION_ALIAS)
    uris = {v: uri for (_, uri), v in tracker.versions.items()}  # type: ignore[attr-defined]
    return uris[version] if version else None

"""What a user does, as functions of a world, and what must be the same afterwards however often they died."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from mlops.runs import names
from mlops.runs.arrivals.dropped import write_off
from mlops.runs.arrivals.ingest import Delivery, ingest
from mlops.runs.errors import ValidationFailed
from mlops.runs.main.policy import apply_policy
from mlops.runs.main.protection import is_marker
from mlops.runs.main.setup import set_up
from mlops.runs.main.state import read_main
from mlops.runs.promotion.decision import decide
from mlops.runs.promotion.promote import promote
from mlops.runs.rollback.rollback import freeze, plan_rollback, resume, rollback
from mlops.runs.upkeep.forget import forget
from mlops.runs.upkeep.reconcile import CHAMPION_ALIAS, model_uri, reconcile
from mlops.runs.upkeep.sweep import sweep
from tests.support.enforcer import enforce, refuse_direct
from tests.support.fakes import FakeJudge, fake_ports, inputs
from tests.support.faults import half_done
from tests.support.memory_lake import MemoryLake
from tests.support.protocol import GATE_FILES, World, fails, new_world
from tests.support.returning import replaced, restored

Command = Callable[[World], object]


def roll_back_to_first(world: World) -> None:
    reconcile(world.ports)
    rollback(world.ports, "it was wrong", to=1)
    reconcile(world.ports)


def roll_forward_to_first(world: World) -> None:
    reconcile(world.ports)
    rollback(world.ports, "it was wrong", to=1, forward=True)
    reconcile(world.ports)


def _decided_but_overtaken(by_mae: float) -> Command:
    """A run decided against a champion that another run, with this error, has replaced since."""

    def prepare(world: World) -> None:
        decide(world.ports, world.judge, world.train(mae=11.0))
        world.run(mae=by_mae)

    return prepare


def _promoted_but_nothing_followed(world: World) -> None:
    lake, tracker = world.lake, world.ports.tracker
    decided = decide(world.ports, world.judge, world.train(mae=11.0)).run
    promote(world.ports, world.judge, decided)
    first = lake.tags()[names.promotion_tag(1)]
    lake.delete_tag(names.CHAMPION_TAG)
    version = tracker.version_of(lake.repository, model_uri(lake.repository, first))
    tracker.set_alias(lake.repository, CHAMPION_ALIAS, version)
    lake.protect([], lake.protection().version)


def _frozen(world: World) -> None:
    plan = plan_rollback(world.ports, "half way", to=1)
    assert plan is not None
    freeze(world.ports, plan)


def _rolled_back(world: World) -> None:
    world.arrive("2013-03")
    world.run(mae=11.0)
    roll_back_to_first(world)


def _new_policy(world: World) -> None:
    reconcile(world.ports)
    files = {names.POLICY: b"metric: mae\nmin_gain: 0.1\n", names.suite_path("planes"): b"{}\n"}
    apply_policy(world.ports, files, "stricter from now on")


def _litter(world: World) -> None:
    """Branches of every sort, of processes that are gone."""
    lost = decide(world.ports, world.judge, world.train(mae=11.0)).run
    world.run(mae=11.5)
    promote(world.ports, world.judge, lost)
    world.run(mae=15.0)
    world.train(mae=9.0)
    with suppress(ValidationFailed):
        ingest(world.ports, Delivery("2013-09", {"flights": b"broken"}, "test"), fails)
    half_done(world, "lake.merge", _new_policy)
    half_done(world, "lake.merge", lambda w: w.arrive("2013-08"))
    half_done(world, "lake.commit", lambda w: w.arrive("2013-07"))


def _sweep(world: World) -> None:
    reconcile(world.ports)
    sweep(world.ports, dry_run=False)


def _rolled_back_and_resumed(world: World) -> None:
    _rolled_back(world)
    resume(world.ports, "go on")


def run_with(world: World, mae: float) -> str:
    """Return the id of the run whose model has this error, on the data that is on `main`."""
    return names.run_id(inputs({"mae": mae}, world.raw()).digest)


def _refused_as_unscorable(world: World) -> None:
    world.judge.unscorable = "its model file is lost"
    world.run(mae=13.0)


def _replace_unscorable(world: World) -> None:
    world.judge.unscorable = "its model file is lost"
    replaced(world, run_with(world, 13.0))


def _forget(world: World) -> None:
    reconcile(world.ports)
    forget(world.ports, run_with(world, 12.0), "asked by a person")


def _write_off(world: World) -> None:
    reconcile(world.ports)
    write_off(world.ports, "2013-03", "nobody needs it")


def _resume(world: World) -> None:
    reconcile(world.ports)
    resume(world.ports, "looked into it")


def _nothing(_world: World) -> None:
    """The world is as it is."""


@dataclass(frozen=True)
class Scenario:
    """A command, and the world in which it is given.

    Attributes:
        command: What is killed and run again.
        prepare: What happens before, in a world with two months and two promotions.
        bare: Whether the world is a repository with nothing in it instead.
        branches: Whether the branches that are left are part of the end.
    """

    command: Command
    prepare: Command = _nothing
    bare: bool = False
    branches: bool = False

    def world(self, **options: Any) -> World:
        """Return a world in which the command can be given; what is not given is in memory."""
        made = bare_world(**options) if self.bare else prepared_world(**options)
        self.prepare(made)
        return made

    def end(self, world: World) -> dict[str, Any]:
        """Return what must not depend on crashes."""
        branches = sorted(world.lake.branches()) if self.branches else []
        return {**end_of(world), "branches": branches}


COMMANDS: dict[str, Scenario] = {
    "set up": Scenario(lambda w: set_up(w.ports, GATE_FILES), bare=True),
    "ingest": Scenario(lambda w: w.arrive("2013-03")),
    "replace": Scenario(lambda w: w.arrive("2013-02", b"corrected")),
    "ingest again": Scenario(lambda w: w.arrive("2013-03", again=True), _rolled_back),
    "run": Scenario(lambda w: w.run(mae=11.0)),
    "refused run": Scenario(lambda w: w.run(mae=15.0)),
    "lost race": Scenario(lambda w: w.run(mae=11.0), _decided_but_overtaken(11.5)),
    "lost race, refused": Scenario(lambda w: w.run(mae=11.0), _decided_but_overtaken(10.5)),
    "rollback": Scenario(roll_back_to_first, lambda w: w.arrive("2013-03")),
    "forward rollback": Scenario(roll_forward_to_first, lambda w: w.arrive("2013-03")),
    "reconcile": Scenario(lambda w: reconcile(w.ports), _promoted_but_nothing_followed),
    "reconcile a rollback": Scenario(lambda w: reconcile(w.ports), _frozen),
    "reconcile a forward rollback": Scenario(
        lambda w: reconcile(w.ports), lambda w: half_done(w, "lake.merge", roll_forward_to_first)
    ),
    "policy": Scenario(_new_policy),
    "resume": Scenario(_resume, _rolled_back),
    "restore": Scenario(lambda w: restored(w, 2), _rolled_back_and_resumed),
    "restore, refused": Scenario(lambda w: restored(w, 1)),
    "replace unscorable": Scenario(_replace_unscorable, _refused_as_unscorable),
    "write off": Scenario(_write_off, _rolled_back),
    "forget": Scenario(_forget, _rolled_back_and_resumed),
    "sweep": Scenario(_sweep, _litter, branches=True),
}


def bare_world(lake: Any = None, **ports: Any) -> World:
    """Return a world whose repository holds nothing yet."""
    lake = lake or MemoryLake()
    if isinstance(lake, MemoryLake):
        lake.enforcer, lake.hook = enforce, refuse_direct
    return World(lake, fake_ports(lake, **ports), FakeJudge(lake))


def prepared_world(**options: Any) -> World:
    """Return a world with two months and two promotions."""
    world = new_world("2013-01", "2013-02", **options)
    world.run(mae=14.0)
    world.run(mae=12.0)
    return world


def end_of(world: World) -> dict[str, Any]:
    """Return what must not depend on crashes: contents, events, caches; not ids, which times are part of."""
    state = read_main(world.lake)
    champion_at = state.tags.get(names.CHAMPION_TAG, "")
    model = world.lake.repository
    alias = world.ports.tracker.alias(model, CHAMPION_ALIAS)
    differ = (names.CHAMPION, names.DECISION, names.RUN_PAGE)  # they hold ids and times
    objects = world.lake.list(state.head)
    return {
        "objects": {s.path: s.checksum for s in objects if s.path not in differ},
        "history": [commit.metadata.get("kind", "") for commit in world.lake.log(state.head)],
        "champion": [state.champion.number, state.champion.run_id] if state.champion else None,
        "tags": sorted(_without_id(world, tag, at) for tag, at in state.tags.items()),
        "frozen": state.rollback is not None,
        "champion tag": _champion_of(world, champion_at),
        "alias": alias is not None
        and alias == world.ports.tracker.version_of(model, model_uri(model, champion_at)),
        "protected": [p for p in world.lake.protection().patterns if not is_marker(p)],
        "staged": [change.path for change in world.lake.staged(names.MAIN)],
    }


def _without_id(world: World, tag: str, at: str) -> str:
    """Return a tag with whatever stands for the commit that it is named for."""
    if not tag.startswith(names.VALIDATED_TAGS):
        return tag
    return f"{names.VALIDATED_TAGS}{world.lake.commit_of(at).metadata['arrival']}"


def _champion_of(world: World, commit: str) -> str:
    return world.lake.commit_of(commit).metadata.get("number", "") if commit else ""

"""What a user does, as functions of a world, and what must be the same afterwards however often they died."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mlops.runs import names
from mlops.runs.history import read_main
from mlops.runs.reconcile import CHAMPION_ALIAS, model_uri, reconcile
from mlops.runs.rollback import rollback
from tests.support.protocol import World, new_world

Command = Callable[[World], None]


def _ingest(world: World) -> None:
    world.arrive("2013-03")


def _replace(world: World) -> None:
    world.arrive("2013-02", b"corrected")


def _run(world: World) -> None:
    world.run(mae=11.0)


def _refused(world: World) -> None:
    world.run(mae=15.0)


def roll_back_to_first(world: World) -> None:
    reconcile(world.ports)
    rollback(world.ports, "it was wrong", to=1)
    reconcile(world.ports)


def roll_forward_to_first(world: World) -> None:
    reconcile(world.ports)
    rollback(world.ports, "it was wrong", to=1, forward=True)
    reconcile(world.ports)


COMMANDS: dict[str, Command] = {
    "ingest": _ingest,
    "replace": _replace,
    "run": _run,
    "refused run": _refused,
    "rollback": roll_back_to_first,
    "forward rollback": roll_forward_to_first,
}


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
        "champion": [state.champion.number, state.champion.run_id] if state.champion else None,
        "sequence": sorted(tag for tag in state.tags if names.event_number(tag) is not None),
        "looks": sorted(tag for tag in state.tags if tag.startswith("decision-")),
        "revoked": sorted(tag for tag in state.tags if tag.startswith("revoked-")),
        "hold": state.on_hold,
        "frozen": state.rollback is not None,
        "champion tag": _champion_of(world, champion_at),
        "alias": alias is not None
        and alias == world.ports.tracker.version_of(model, model_uri(model, champion_at)),
        "protected": list(world.lake.protection().patterns),
        "staged": [change.path for change in world.lake.staged("main")],
    }


def _champion_of(world: World, commit: str) -> str:
    return world.lake.commit_of(commit).metadata.get("number", "") if commit else ""

"""What must hold when everybody has ended, or died, and somebody has run reconcile once."""

from __future__ import annotations

from mlops.runs import names
from mlops.runs.errors import MlopsError
from mlops.runs.main.state import events, promotions, read_main
from mlops.runs.ports import Ports
from mlops.runs.upkeep.reconcile import CHAMPION_ALIAS, model_uri, reconcile
from tests.model.anomalies import Anomaly
from tests.model.merged import check_whole
from tests.model.state import State
from tests.support.fakes import FakeClock, FakeProcesses, MemoryTracker


def check_quiet(state: State) -> None:
    """Let a new process run reconcile on a copy, and check that everything is in line then."""
    lake = state.lake.clone()
    lake.learn_rules()
    lake.lag, lake.maker = 0, "after all"
    tracker = MemoryTracker({}, dict(state.tracker.versions), dict(state.tracker.aliases))
    ports = Ports(lake, tracker, FakeClock(), FakeProcesses("after all"), nonce=lambda: "afterall")
    try:
        reconcile(ports)
        left = reconcile(ports)
    except MlopsError as error:
        raise Anomaly("wedged", f"{type(error).__name__}: {error}") from error
    if left:
        raise Anomaly("stale cache", f"reconcile has to be run twice: {left[0]}")
    check_caches(lake, tracker)
    check_whole(lake, lake.head(names.MAIN))
    # A rollback that had been announced is carried out by reconcile, under a number of its own.
    numbers = state.past.numbers | {event.number for event in events(lake, lake.head(names.MAIN))}
    tagged = {n for n in map(names.event_number, lake.tags()) if n is not None}
    if numbers != set(range(1, max(numbers, default=0) + 1)) or tagged != numbers:
        raise Anomaly("gap in the sequence", f"{sorted(numbers)} happened, {sorted(tagged)} are on record")


def check_caches(lake: object, tracker: MemoryTracker) -> None:
    """Raise `Anomaly` unless tags, alias and protection say what `main`'s head says."""
    state = read_main(lake)  # type: ignore[arg-type]
    if state.rollback is not None:
        raise Anomaly("wedged", f"rollback {state.rollback.number} is still under way")
    if names.MAIN not in lake.protection().patterns or lake.staged(names.MAIN):  # type: ignore[attr-defined]
        raise Anomaly("stale cache", "main is not protected, or something is staged on it")
    history = list(promotions(lake, state.head))  # type: ignore[arg-type]
    for commit in history:
        tag = names.promotion_tag(int(commit.metadata["number"]))
        if state.tags.get(tag) != commit.id:
            raise Anomaly("stale cache", f"{tag} is not at {commit.id[:8]}")
    newest = history[0].id if history else None
    if state.tags.get(names.CHAMPION_TAG) != newest:
        raise Anomaly("stale cache", "the champion tag is not at the newest promotion")
    alias = tracker.alias("flights", CHAMPION_ALIAS)
    if newest is not None and alias != tracker.version_of("flights", model_uri("flights", newest)):
        raise Anomaly("stale cache", "the alias is not at the newest promotion's version")

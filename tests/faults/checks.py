"""What holds whoever died: on `main` at any moment, and everywhere once the command has been given again."""

from __future__ import annotations

from typing import Any

from mlops.runs import names
from mlops.runs.audit import audit
from mlops.runs.history import read_main
from tests.support.auditing import NumberProver, texts
from tests.support.protocol import World


def check_whole(world: World) -> None:
    """Raise `AssertionError` unless the champion's record lists exactly the objects that are on `main`."""
    lake, state = world.lake, read_main(world.lake)
    listed = {(o.path, o.checksum) for o in state.champion.objects} if state.champion else set()
    found = {(s.path, s.checksum) for prefix in names.OUTPUTS for s in lake.list(state.head, prefix)}
    assert listed == found, state.head


def check_clean(world: World) -> None:
    """Raise `AssertionError` unless an audit of history, record and tracker finds nothing."""
    tracker: Any = world.ports.tracker
    steps = audit(world.ports, NumberProver(), tracker)
    found = [finding for step in steps for finding in step.findings]
    assert texts(found) == []

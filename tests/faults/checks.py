"""What holds whoever died: on `main` at any moment, and everywhere once the command has been given again."""

from __future__ import annotations

from typing import Any

from mlops.runs import names
from mlops.runs.audit.audit import Depth, audit
from mlops.runs.main.state import read_main
from mlops.runs.ports import Lake, Ports
from tests.support.auditing import texts


def check_whole(lake: Lake) -> None:
    """Raise `AssertionError` unless the champion's record lists exactly the objects that are on `main`."""
    state = read_main(lake)
    listed = {(o.path, o.checksum) for o in state.champion.objects} if state.champion else set()
    found = {(s.path, s.checksum) for prefix in names.OUTPUTS for s in lake.list(state.head, prefix)}
    assert listed == found, state.head


def check_clean(ports: Ports, prover: Any, *, rescore: bool = False) -> None:
    """Raise `AssertionError` unless an audit of history, record and tracker finds nothing."""
    tracker: Any = ports.tracker
    steps = audit(ports, prover, tracker, depth=Depth(rescore=rescore))
    found = [finding for step in steps for finding in step.findings]
    assert texts(found) == [], texts(found)

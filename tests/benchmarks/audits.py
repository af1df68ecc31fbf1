"""Proving what is on `main`: a thousand small promotions, and some of the size of a month of flights."""

from __future__ import annotations

import dataclasses
import logging
import statistics
import warnings
from collections.abc import Callable
from pathlib import Path

from mlops.runs import names
from mlops.steps.audit.audit import audit_pipeline
from tests.benchmarks.histories import History
from tests.benchmarks.measuring import seconds
from tests.benchmarks.report import Row
from tests.benchmarks.scale import Scale
from tests.benchmarks.servers import ScratchServer, scratch_server
from tests.orchestration import tiny
from tests.support.protocol import GATE_FILES

#: The most that an audit may take per promotion, without scoring again.
LIMIT_MS = 60.0
#: Months of flights, the newest of which judges, and the size of the model that was shipped with them.
MONTHS, MODEL_BYTES = 3, 600_000
_TELL_EVERY = 250


def measure(folder: Path, scale: Scale, tell: Callable[[str], None]) -> list[Row]:
    """Return the rows about audits."""
    for name in ("alembic", "dagster", "great_expectations", "mlflow", "urllib3"):
        logging.getLogger(name).setLevel(logging.ERROR)
    with warnings.catch_warnings(), scratch_server("embedded", folder) as server:
        warnings.simplefilter("ignore")
        return [*_many_small(server, folder, scale, tell), *_large(server, folder, scale, tell)]


def _many_small(server: ScratchServer, folder: Path, scale: Scale, tell: Callable[[str], None]) -> list[Row]:
    files = {**tiny.gate_files(), names.ENFORCER: GATE_FILES[names.ENFORCER]}
    # The model input of the small pipeline comes near half the target.
    spec = dataclasses.replace(tiny.SPEC, name="small")
    history = History(server, folder / "small.db", spec, files, ("2020-01", "2020-02"), column="x")
    made = scale.audited_promotions
    taken_s = _made(history, made, tell)
    audited_s = _audited(history, folder, made, tell)
    limit_s = LIMIT_MS * made / 1000
    return [
        Row(f"audit of {made:,} promotions", audited_s, "s", bound=limit_s),
        Row(f"one of these {made:,} promotions, without fitting", taken_s / made * 1000, "ms"),
    ]


def _large(server: ScratchServer, folder: Path, scale: Scale, tell: Callable[[str], None]) -> list[Row]:
    from mlops.pipelines import pipeline
    from mlops.steps.repository.init_repository import gate_files

    spec = pipeline("flights")
    arrivals = spec.source({}).arrivals()[:MONTHS]
    history = History(
        server,
        folder / "large.db",
        spec,
        gate_files("flights"),
        arrivals,
        column="dep_delay",
        model_bytes=MODEL_BYTES,
    )
    made = scale.large_promotions
    _made(history, made, tell)
    times = [_audited(history, folder, made, tell) for _ in range(scale.repetitions)]
    each_ms = statistics.median(times) / made * 1000
    return [Row(f"audit of {made} promotions of a month of flights, each", each_ms, "ms", bound=LIMIT_MS)]


def _made(history: History, promotions: int, tell: Callable[[str], None]) -> float:
    """Make a history and return the seconds that its promotions took."""
    taken_s = 0.0
    for start in range(0, promotions, _TELL_EVERY):
        tell(f"{history.workspace.spec.name}: promotions {start + 1:,} to {promotions:,}")
        for _ in range(start, min(start + _TELL_EVERY, promotions)):
            taken_s += seconds(history.promote)
    history.finish()
    return taken_s


def _audited(history: History, folder: Path, promotions: int, tell: Callable[[str], None]) -> float:
    """Return the seconds of a whole audit that finds nothing.

    Raises:
        RuntimeError: It found something, or not every promotion was audited.
    """
    steps = list[object]()

    def audit() -> None:
        for step in audit_pipeline(history.as_found(), folder, from_start=True):
            steps.append(step.commit)
            if step.findings:
                raise RuntimeError(f"the history is not lawful: {step.findings[0]}")

    tell(f"{history.workspace.spec.name}: auditing")
    taken_s = seconds(audit)
    if len(steps) <= promotions:
        raise RuntimeError(f"only {len(steps)} commits were audited")
    return taken_s

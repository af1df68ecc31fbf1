"""(d) A large object passes through server and client without being held in memory."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.benchmarks.measuring import MIB, PeakMemory, seconds
from tests.benchmarks.report import Row
from tests.benchmarks.scale import Scale
from tests.benchmarks.servers import scratch_server

LIMIT_MIB = 100.0
PATH = "raw/large.bin"


def measure(folder: Path, scale: Scale, tell: Callable[[str], None]) -> list[Row]:
    """Return peak memory of server and client, and how fast the bytes went."""
    source, target = folder / "sent", folder / "fetched"
    _write_random(source, scale.file_bytes)
    with scratch_server("embedded", folder) as server:
        lake = server.repository("large", objects=10)
        watched = {"server": PeakMemory(server.pid), "client": PeakMemory(os.getpid())}
        rows: list[Row] = []
        for word, call in (
            ("upload", lambda: lake.upload("main", PATH, source)),
            ("download", lambda: lake.download("main", PATH, target)),
        ):
            tell(f"{word} of {scale.file_bytes / MIB:,.0f} MiB")
            rows += _rows(word, call, watched, scale.file_bytes / MIB)
        if not _same(source, target):
            raise RuntimeError("what was fetched is not what was sent")
    for file in (source, target):
        file.unlink()
    return rows


def _rows(
    word: str, call: Callable[[], object], watched: Mapping[str, PeakMemory], size_mib: float
) -> list[Row]:
    for memory in watched.values():
        memory.reset()
    taken_s = seconds(call)
    size = f"{size_mib / 1024:g} GiB" if size_mib >= 1024 else f"{size_mib:g} MiB"
    peaks = [
        Row(f"(d) {who} above idle, {word} of {size}", memory.above_idle_mib(), "MiB", bound=LIMIT_MIB)
        for who, memory in watched.items()
    ]
    return [*peaks, Row(f"{word} of {size} with the adapter", size_mib / taken_s, "MiB/s")]


def _write_random(file: Path, size_bytes: int) -> None:
    source = random.Random(7)
    with file.open("wb") as out:
        for _ in range(0, size_bytes, MIB):
            out.write(source.randbytes(MIB))


def _same(left: Path, right: Path) -> bool:
    if left.stat().st_size != right.stat().st_size:
        return False
    with left.open("rb") as one, right.open("rb") as two:
        while piece := one.read(MIB):
            if piece != two.read(MIB):
                return False
    return True

"""The deliveries of the sequences: files of every arrival, and the checksums that `main` must show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mlops.adapters import tables
from tests.orchestration import tiny

ARRIVALS = ("2020-01", "2020-02", "2020-03")


def _frame(arrival: str, content: str) -> Any:
    rows = tiny.SPEC.source({}).extract(arrival)["points"]
    if content == "corrected":
        return rows.assign(y=rows["y"] + 1.0)
    return rows.assign(x=rows["x"].where(rows.index != 3)) if content == "broken" else rows


def write(folder: Path, arrival: str, content: str) -> Path:
    """Return a file with an arrival's rows."""
    path = folder / f"{arrival}-{content}.parquet"
    if not path.exists():
        path.write_bytes(tables.to_parquet(_frame(arrival, content)))
    return path


def _checksums() -> dict[tuple[str, str], str]:
    import hashlib

    return {
        (arrival, content): hashlib.md5(tables.to_parquet(_frame(arrival, content))).hexdigest()  # noqa: S324
        for arrival in ARRIVALS
        for content in ("normal", "corrected")
    }


CHECKSUMS = _checksums()

"""The record of where an arrival came from: per table its place, query, rows, columns and digests."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.pipelines.sources import Extracted, Origin
from mlops.runs import names
from mlops.runs.digest import sha256
from mlops.runs.errors import Corrupt, NotFound
from mlops.runs.main.state import kind_of, lineage, read_json
from mlops.runs.records import Kind

if TYPE_CHECKING:
    import pandas as pd

    from mlops.runs.ports import Lake


def file_origin(file: Path) -> Origin:
    """Return the origin of a table that a user gave as a file."""
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    return Origin("file", file.name, sha256=digest, size_bytes=file.stat().st_size)


def summary_of(found: Extracted) -> str:
    """Return one line about where an arrival came from, e.g. ``sql:sqlite:///films.db (films: 120 rows)``."""
    places: dict[str, list[str]] = {}
    for table, origin in found.origins.items():
        bound = "".join(f", {name} {value}" for name, value in sorted(origin.parameters.items()))
        counted = f"{table}: {len(found[table])} rows{bound}"
        places.setdefault(f"{origin.kind}:{origin.place}", []).append(counted)
    return "; ".join(f"{place} ({', '.join(counted)})" for place, counted in places.items())


def origin_json(
    arrival: str,
    source: str,
    frames: Mapping[str, pd.DataFrame],
    content: Mapping[str, bytes],
    *,
    at_s: int,
) -> bytes:
    """Return the record of where an arrival came from, as JSON.

    Args:
        arrival: Name of the arrival.
        source: One line about it.
        frames: Its tables; those of `Extracted` say where they came from.
        content: Table to the Parquet file that is written.
        at_s: When it was read, Unix seconds.
    """
    origins = frames.origins if isinstance(frames, Extracted) else {}
    record = {
        "arrival": arrival,
        "read_at_s": at_s,
        "tables": {
            table: {
                **dataclasses.asdict(origins.get(table, Origin("pipeline", source))),
                "rows": len(frame),
                "columns": [str(name) for name in frame.columns],
                "parquet_sha256": sha256(content[table]),
            }
            for table, frame in frames.items()
        },
    }
    return json.dumps(record, indent=1, ensure_ascii=False, sort_keys=True).encode()


def arrivals_on_main(lake: Lake, head: str, limit: int) -> list[dict[str, Any]]:
    """Return the newest ingests in the history of a commit, newest first, with where each came from.

    The origin is None for an arrival from before origins were recorded, and where its evidence is gone.

    Args:
        lake: The repository.
        head: The commit.
        limit: How many are returned at most.
    """
    commits = [commit for commit in lineage(lake, head) if kind_of(commit) is Kind.INGEST][:limit]
    return [
        {
            "arrival": commit.metadata.get("arrival", ""),
            "at_s": commit.created_at_s,
            "commit": commit.id,
            "evidence_commit": commit.metadata.get("evidence_commit", ""),
            "source": commit.metadata.get("source", ""),
            "validation": commit.metadata.get("validation", ""),
            "origin": _origin(lake, commit.metadata.get("evidence_commit", "")),
        }
        for commit in commits
    ]


def _origin(lake: Lake, evidence: str) -> dict[str, Any] | None:
    if not names.is_commit_id(evidence):
        return None
    try:
        return read_json(lake, evidence, names.ORIGIN)
    except (NotFound, Corrupt):
        return None

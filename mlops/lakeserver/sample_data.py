"""The objects that a repository with sample data starts with: made here, not copied from lakeFS."""

from __future__ import annotations

import io
import math
import struct
import zlib

from mlops.lakeserver.operations import commits, protection
from mlops.lakeserver.operations.lake import Lake
from mlops.lakeserver.operations.writes import store_upload
from mlops.lakeserver.store.records import Repository
from mlops.lakeserver.trees.entries import DEFAULT_CONTENT_TYPE

MESSAGE = "Add sample data"
IMAGES = 29
LAKES = 24_000

_README = """# A sample repository

Everything here was generated; the lakes do not exist.

- `lakes.parquet`: one row per lake, with its country, depth and area
- `data/lakes.source.md`: how they were made up
- `images/`: small pictures to look at

Create a branch, change something, compare it with `main`, and merge it.
"""
_SOURCE = (
    "# Lakes\n\nThe rows of `lakes.parquet` are computed from their numbers; they describe no real lake.\n"
)


def add_sample_data(lake: Lake, repo: Repository, user: str) -> None:
    """Commit the sample objects to the repository's default branch, and protect it."""
    stored = []
    for path, body in _objects():
        with lake.store.blobs.upload() as upload:
            upload.write(body)
            upload.finish()
            stored.append(
                store_upload(
                    lake,
                    repo.id,
                    repo.default_branch,
                    path,
                    upload,
                    content_type=_content_type(path),
                    metadata={},
                    force=True,
                )
            )
            stored[-1].result()
    commits.create(lake, repo.id, commits.NewCommit(repo.default_branch, MESSAGE, user, force=True))
    protection.set_rules(lake, repo.id, [repo.default_branch], None)


def _objects() -> list[tuple[str, bytes]]:
    images = [(f"images/lake-{number:02d}.png", _picture(number)) for number in range(IMAGES)]
    return [
        ("README.md", _README.encode()),
        ("data/lakes.source.md", _SOURCE.encode()),
        ("lakes.parquet", _lakes()),
        *images,
    ]


def _content_type(path: str) -> str:
    known = {"md": "text/markdown", "png": "image/png"}
    return known.get(path.rpartition(".")[2], DEFAULT_CONTENT_TYPE)


def _lakes() -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    numbers = range(LAKES)
    table = pa.table(
        {
            "Hylak_id": pa.array(numbers, pa.int64()),
            "Lake_name": [f"Lake {_word(number)}" for number in numbers],
            "Country": [f"Country {number * 7919 % 61:02d}" for number in numbers],
            "Depth_m": [round(200 * abs(math.sin(number)), 3) for number in numbers],
            "Lake_area": [round(5000 * abs(math.cos(number * 1.7)) ** 3, 4) for number in numbers],
        }
    )
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="none", use_dictionary=False)
    return buffer.getvalue()


def _word(number: int) -> str:
    parts, sounds = [], ("ba", "lo", "ri", "ne", "mu", "ta", "ko", "vi")
    mixed = number * 2_654_435_761 % 2**32
    for _ in range(3):
        mixed, digit = divmod(mixed, len(sounds))
        parts.append(sounds[digit])
    return "".join(parts).capitalize()


def _picture(number: int, side: int = 96) -> bytes:
    """Return a PNG of waves."""
    rows = bytearray()
    for y in range(side):
        rows.append(0)
        for x in range(side):
            wave = math.sin(x / (4 + number % 7)) + math.cos(y / (3 + number % 5))
            rows += bytes((40 + number * 5 % 90, 110 + int(30 * wave), 170 + int(20 * wave)))
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(rows), 6)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )

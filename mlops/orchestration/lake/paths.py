"""Paths of values: a function of asset key and partition that can be inverted.

========================================= ====================================================
value                                     path
========================================= ====================================================
asset ``shop/orders``                     ``shop/orders.parquet``
its partition ``2024-01``                 ``shop/orders/partition=2024-01/data.parquet``
partition of two dimensions               ``shop/orders/colour=red/day=2024-01-01/data.parquet``
output of an op that is no asset          ``=steps/<run>/<step>/<output>.parquet``
========================================= ====================================================

Every part is escaped to letters, digits, ``_`` and ``-`` of ASCII, other bytes as ``%XX``. A part therefore
never holds a slash, a dot or an equals sign: no key leads out of its folder, no folder has the name of a
file, and two values never share a path. Folders of partitions are those of Hive, so that pyarrow, DuckDB and
Dask read all partitions of an asset as one table.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from mlops.orchestration.lake.errors import ValueRefused

#: Dimension of a partition key that has no dimensions of its own.
DIMENSION = "partition"
STEPS = "=steps"
#: Longest name of a file or folder on common file systems, bytes.
MAX_NAME_BYTES = 255

_UNSAFE = re.compile(rb"[^A-Za-z0-9_-]")
_LEAF = "data"
#: An empty part; every other part with a percent sign has two digits behind it.
_EMPTY = "%"


def encode(part: str) -> str:
    """Return a part of a key as a name that is safe in every path.

    Raises:
        ValueRefused: The name would be longer than file systems allow.
    """
    # surrogatepass: whatever Python can hold as text has one form in bytes.
    data = part.encode("utf-8", "surrogatepass")
    name = _UNSAFE.sub(lambda match: b"%%%02X" % match[0][0], data).decode("ascii") or _EMPTY
    if len(name) > MAX_NAME_BYTES - 32:
        raise ValueRefused(f"a key of {len(data)} bytes is too long for a path: {part[:40]}…")
    return name


def decode(name: str) -> str:
    """Return the part of a key that `encode` made a name of."""
    if name == _EMPTY:
        return ""
    data = re.sub(rb"%([0-9A-F]{2})", lambda match: bytes.fromhex(match[1].decode()), name.encode("ascii"))
    return data.decode("utf-8", "surrogatepass")


def asset_path(key: Sequence[str], partition: Mapping[str, str] | None, extension: str) -> str:
    """Return the path of an asset's value, relative to the store.

    Args:
        key: The parts of the asset's key.
        partition: Dimension to key, for a partition of the asset; None for the whole asset.
        extension: Of the file, with its dot.
    """
    names = [encode(part) for part in key]
    if partition is None:
        return "/".join(names) + extension
    names += [f"{encode(dimension)}={encode(value)}" for dimension, value in sorted(partition.items())]
    return "/".join([*names, _LEAF]) + extension


def parse_asset_path(path: str, extension: str) -> tuple[list[str], dict[str, str] | None]:
    """Return asset key and partition that `asset_path` made a path of."""
    names = path.removesuffix(extension).split("/")
    folders = [name.split("=") for name in names if "=" in name]
    if not folders:
        return [decode(name) for name in names], None
    key = [decode(name) for name in names[: -1 - len(folders)]]
    return key, {decode(dimension): decode(value) for dimension, value in folders}


def step_path(identifier: Sequence[str], extension: str) -> str:
    """Return the path of an op's output: run, step and output are its identifier."""
    return "/".join([STEPS, *(encode(part) for part in identifier)]) + extension

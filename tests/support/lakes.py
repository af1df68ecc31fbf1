"""A new repository of whatever kind of lake the contract is checked on."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from mlops.adapters.lake.lake import LakeFSLake
from tests.support.memory_lake import MemoryLake

if TYPE_CHECKING:
    from mlops.adapters.lake.lake import Connection
    from mlops.runs.ports import Lake


def fresh_lake(connection: Connection | None) -> Lake:
    """Return an empty repository of a server, or one in memory where there is none."""
    name = f"c{secrets.token_hex(6)}"
    if connection is None:
        return MemoryLake(name)
    connection.create_repository(name)
    return LakeFSLake(connection, name)

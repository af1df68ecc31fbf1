"""Warm Lua worker processes."""

from __future__ import annotations

from mlops.lakeserver.hooks.model import Limits


class LuaPool:
    """Worker processes that run Lua scripts, started when first needed."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits

    def close(self) -> None:
        """No worker process is left."""

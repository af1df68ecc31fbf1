"""lakeFS actions and hooks: action files, webhooks and Lua scripts in a process of their own."""

from mlops.lakeserver.hooks.engine import HookEngine
from mlops.lakeserver.hooks.model import (
    ActionFileInvalid,
    ActionRun,
    Event,
    HookFailed,
    HookRun,
    LakeView,
    Limits,
    RunSink,
)

__all__ = [
    "ActionFileInvalid",
    "ActionRun",
    "Event",
    "HookEngine",
    "HookFailed",
    "HookRun",
    "LakeView",
    "Limits",
    "RunSink",
]

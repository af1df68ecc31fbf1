"""From a hook's properties to something that runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from mlops.lakeserver.hooks.definitions import Action, Hook
from mlops.lakeserver.hooks.lua_pool import LuaPool
from mlops.lakeserver.hooks.model import Event, LakeView, Limits


class HookSetupError(ValueError):
    """The properties of a matched hook cannot be used; lakeFS answers 500 and runs no hook of the event."""


class HookError(Exception):
    """The hook ran and refused, or could not be run; its text is what lakeFS writes after "action failed"."""


class Runner(Protocol):
    """One hook, ready to run."""

    def __call__(self, event: Event, run_id: str, output: bytearray) -> None:
        """The hook passed; its log is in `output`.

        Raises:
            HookError: it did not.
        """
        ...


def build_runner(
    action: Action,
    hook: Hook,
    *,
    view: LakeView,
    pool: LuaPool,
    limits: Limits,
    environ: Callable[[str], str | None] | None,
) -> Runner:
    """What runs `hook`.

    Raises:
        HookSetupError: its properties are of the wrong kind.
    """

    def refuse(event: Event, run_id: str, output: bytearray) -> None:
        del event, run_id, output
        raise HookError(f"hook type '{hook.type}' is not supported by this server")

    return refuse

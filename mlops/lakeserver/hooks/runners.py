"""From a hook's type and properties to something that runs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from mlops.lakeserver.hooks.definitions import Action, Hook
from mlops.lakeserver.hooks.interface import Event, HookError, LakeView, Limits
from mlops.lakeserver.hooks.lua.hook import LuaHook
from mlops.lakeserver.hooks.lua.pool import LuaPool
from mlops.lakeserver.hooks.webhook.templating import Environ
from mlops.lakeserver.hooks.webhook.webhook import Webhook


class Runner(Protocol):
    """One hook, ready to run."""

    def __call__(self, event: Event, run_id: str, output: bytearray) -> None:
        """Run the hook and write its log to `output`; raise if it fails.

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
    environ: Environ | None,
    clock: Callable[[], datetime],
) -> Runner:
    """Return the runner of `hook`. Airflow hooks are refused when they run: nothing can execute them.

    Raises:
        HookSetupError: the properties are of the wrong kind.
    """
    if hook.type == "lua":
        return LuaHook(action, hook, view=view, pool=pool, limits=limits, environ=environ)
    if hook.type == "webhook":
        return Webhook(action, hook, limits=limits, environ=environ, clock=clock)
    return _unsupported(hook.type)


def _unsupported(hook_type: str) -> Runner:
    def refuse(event: Event, run_id: str, output: bytearray) -> None:
        del event, run_id, output
        raise HookError(f"hook type '{hook_type}' is not supported by this server")

    return refuse

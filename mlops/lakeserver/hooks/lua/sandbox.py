"""One Lua interpreter for one script."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import Any

from lupa.lua52 import LuaRuntime

from mlops.lakeserver.hooks.golang import go_text
from mlops.lakeserver.hooks.golang.go_yaml_scalars import Timestamp
from mlops.lakeserver.hooks.lua.clock import ScriptClock
from mlops.lakeserver.hooks.lua.host import Host, Output, Outside

_PRELUDE = os.path.join(os.path.dirname(__file__), "prelude")  # noqa: PTH118, PTH120 - pathlib is slow to import
_LONG = 5_000


class PushError(ValueError):
    """A value has no counterpart in Lua."""


def _scalar(value: Any) -> Any:
    if isinstance(value, str):
        if isinstance(value, Timestamp):
            raise PushError("invalid option %T to 'lua_pushfstring'")
        return value if value.isascii() else go_text.encode(value).decode("latin-1")
    if isinstance(value, bytes):
        return value.decode("latin-1")
    return value if value is None or isinstance(value, bool) else float(value)


def _deny(_object: object, name: object, _setting: bool) -> Any:
    raise AttributeError(name)


def _interpreter(memory_bytes: int) -> Any:
    make: Any = LuaRuntime
    return make(
        unpack_returned_tuples=True,
        register_eval=False,
        register_builtins=False,
        attribute_filter=_deny,
        max_memory=memory_bytes,
        encoding="latin-1",
        source_encoding="latin-1",
    )


def _read(path: str) -> bytes:
    with open(path, "rb") as file:  # noqa: PTH123
        return file.read()


@lru_cache(maxsize=1)
def _prelude() -> bytes:
    """Return the prelude, compiled once: that takes longer than all the rest of a sandbox."""
    lua = _interpreter(0)
    parts = sorted(part.path for part in os.scandir(_PRELUDE) if part.name.endswith(".lua"))
    source = b"".join(map(_read, parts))
    return lua.eval("string.dump")(lua.compile(source, name="=lakefs")).encode("latin-1")


class Sandbox:
    """An interpreter that has run the prelude, and no script yet.

    Args:
        outside: what `lakefs.…` calls reach.
        instructions: after so many a script is ended.
        memory_bytes: the interpreter's heap.
        output_bytes: how much of what is printed is kept.
        clock: counts the interpreter's processor time, and not that of the host's functions.
    """

    def __init__(
        self,
        outside: Outside,
        *,
        instructions: int,
        memory_bytes: int,
        output_bytes: int,
        clock: ScriptClock | None = None,
    ) -> None:
        self._lua = _interpreter(memory_bytes)
        self._output = Output(output_bytes)
        host = self._lua.table_from(
            Host(outside, self._output, self.push, clock or ScriptClock()).functions()
        )
        prelude = self._lua.compile(_prelude(), name="=lakefs", mode="b")
        self._entry, self._globals, self._mark, self._mark_long = prelude(host, instructions)

    def run(self, source: bytes, variables: dict[str, Any]) -> tuple[str, bytes, bytes]:
        """Run the script; return "ok", "runtime" or "syntax", the message, and the output."""
        for name, value in variables.items():
            self._globals[name] = self.push(value)
        kind, message = self._entry(source.decode("latin-1"))
        return kind, message.encode("latin-1"), self._output.text()

    def push(self, value: Any) -> Any:
        """Return the Lua value of what JSON or YAML hold; an absent value leaves a gap.

        Raises:
            PushError: a point in time, as in lakeFS.
        """
        if isinstance(value, dict):
            pairs = {_scalar(key): self.push(item) for key, item in value.items() if item is not None}
            pairs.pop(None, None)
            return self._lua.table_from(pairs)
        if not isinstance(value, list):
            return _scalar(value)
        numbers = all(type(item) is float for item in value)
        items = value if numbers else [self.push(item) for item in value]
        if len(items) <= _LONG:
            return self._mark(*items)
        return self._mark_long(self._lua.table_from(items))

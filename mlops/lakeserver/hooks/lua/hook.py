"""Lua hooks: what a script is given, what it may ask for, how its end is told.

The same script has the same outcome on lakeFS 1.84, checked with recorded runs. What can differ:

* lakeFS runs go-lua, this server C Lua 5.2. Errors that the interpreter itself raises are worded differently
  (`attempt to call global 'f' (a nil value)` for `attempt to call a nil value`), and so are wrong arguments
  to `string.sub`, `string.rep`, `table.insert`, `select` and other functions that are C's here (they name the
  function, go-lua says `'?'`). `error()` without a message says so; go-lua says nothing.
* `..` writes infinite numbers and NaN as C does (`inf`, `-nan`); `print`, `tostring` and `string.format` as
  go-lua does (`+Inf`, `NaN`).
* `#t` of a table with gaps, the order of `pairs`, and the order in which `table.sort` leaves equal elements
  are open in Lua and differ.
* go-lua never calls the handler of `xpcall` and answers "error in error handling"; so does this server.
* `string.find` looks for plain text, and `gmatch`, `gsub`, `match` do not exist, as in go-lua: use `regexp`.
* `math.huge` is the largest finite number, `%g` writes the fewest digits that read back, as in go-lua.
* Of `debug` only `traceback` exists; `package.loadlib` and `searchpath` do not; `load` takes text only.
* `aws`, `azure`, `gcloud`, `databricks`, `formats`, `net/http`, `encoding/parquet`, `encoding/z85enc`,
  `crypto/aes` and `lakefs/catalogexport` do not exist here.
* lakeFS sets a script no limits. Here it ends after a time (30 s, of which 1 s of processor time may be the
  interpreter's), a number of instructions, and at a size. JSON and YAML may be 150 and 100 levels deep.
* A date among `args` (unquoted in the action file) makes lakeFS drop the connection; here the hook fails.
* `time` knows the server's own zone as UTC; `regexp` knows no classes by script (Greek, Latin).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from mlops.lakeserver.hooks.definitions import Action, Hook
from mlops.lakeserver.hooks.golang.go_yaml_scalars import Timestamp
from mlops.lakeserver.hooks.interface import Event, HookError, HookSetupError, LakeView, Limits
from mlops.lakeserver.hooks.lua.pool import LuaPool
from mlops.lakeserver.hooks.lua.view import ViewAnswers, read_object
from mlops.lakeserver.hooks.webhook.templating import Environ, MissingVariable, fill_all

_NO_TIME = "0001-01-01T00:00:00Z"
_LAST_TIME = "9999-12-31T23:59:59Z"


class LuaHook:
    """One Lua hook, ready to run.

    Raises:
        HookSetupError: no script, or `args` is not a mapping, or a variable is missing.
    """

    def __init__(
        self,
        action: Action,
        hook: Hook,
        *,
        view: LakeView,
        pool: LuaPool,
        limits: Limits,
        environ: Environ | None,
    ) -> None:
        properties = hook.properties or {}
        self._action, self._hook, self._view, self._pool, self._limits = action, hook, view, pool, limits
        self._args = _arguments(properties, environ)
        self._script = _text_property(properties, "script")
        self._script_path = "" if self._script else _text_property(properties, "script_path")
        if not self._script and not self._script_path:
            raise HookSetupError("'script' or 'script_path' must be supplied: wrong value type")

    def __call__(self, event: Event, run_id: str, output: bytearray) -> None:
        """Run the script; raise if it fails.

        Raises:
            HookError: it ended otherwise, or could not be read.
        """
        source = self._source(event)
        if _has_timestamp(self._args):
            raise HookError("contains unsupported type: time.Time")
        variables = {
            "username": event.username,
            "args": self._args,
            "action": self._action_table(event, run_id),
        }
        result = self._pool.run(source, variables, ViewAnswers(self._view, self._limits))
        output += result.output
        if result.kind != "ok":
            raise HookError(_failure(result.kind, result.message.decode("utf-8", "replace")))

    def _source(self, event: Event) -> bytes:
        if self._script:
            return self._script.encode()
        status, body = read_object(
            self._view, self._limits, event.repository_id, event.source_ref, self._script_path
        )
        if status != 200:
            raise HookError(f"could not load script_path {self._script_path}: HTTP {status}: invalid action")
        return body

    def _action_table(self, event: Event, run_id: str) -> dict[str, Any]:
        return {
            "action_name": self._action.name,
            "hook_id": self._hook.id,
            "run_id": run_id,
            "pre_run_id": event.pre_run_id,
            "event_type": event.event_type,
            "commit_id": event.commit_id,
            "branch_id": event.branch_id,
            "source_ref": event.source_ref,
            "tag_id": event.tag_id,
            "merge_source": event.merge_source,
            "repository_id": event.repository_id,
            "storage_namespace": event.storage_namespace,
            "commit": _commit_table(event.commit or {}),
        }


def _commit_table(commit: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "message": commit.get("message", ""),
        "meta_range_id": commit.get("meta_range_id", ""),
        "creation_date": _moment(commit.get("creation_date")),
        "version": commit.get("version", 1 if commit else 0),
        "metadata": dict(commit.get("metadata") or {}),
        "parents": list(commit.get("parents") or []),
    }


def _moment(unix_seconds: int | None) -> str:
    if unix_seconds is None:
        return _NO_TIME
    try:
        return datetime.fromtimestamp(unix_seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        # No calendar has it.
        return _LAST_TIME if unix_seconds > 0 else _NO_TIME


def _text_property(properties: Mapping[str, Any], name: str) -> str:
    value = properties.get(name)
    if name not in properties or value == "":
        return ""
    if not isinstance(value, str) or isinstance(value, Timestamp):
        raise HookSetupError(f"value of {name} is not of type string: wrong value type")
    return value


def _arguments(properties: Mapping[str, Any], environ: Environ | None) -> dict[Any, Any]:
    if "args" not in properties:
        return {}
    args = properties["args"]
    if not isinstance(args, dict) or not all(isinstance(key, str) for key in args):
        raise HookSetupError("'args' should be a map: wrong value type")
    try:
        return fill_all(args, environ)
    except MissingVariable as error:
        raise HookSetupError(f"error parsing args: {error}") from None


def _has_timestamp(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_has_timestamp(item) for item in value.values())
    return isinstance(value, Timestamp) or (isinstance(value, list) and any(map(_has_timestamp, value)))


def _failure(kind: str, message: str) -> str:
    if kind == "syntax":
        return f"syntax error: {message}"
    _, found, after = message.partition("<HookFailure>")
    if found:
        return after.partition("</HookFailure>")[0]
    return f"runtime error: {message}"

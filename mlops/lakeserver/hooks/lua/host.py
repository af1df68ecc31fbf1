"""Python functions for the Lua prelude: each returns True and its results, or False and the reason.

Lua strings cross as Latin-1 text, one character for each byte.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import os
import time
from collections.abc import Callable
from datetime import UTC, tzinfo
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from mlops.lakeserver.hooks.golang import (
    go_encoding,
    go_json,
    go_regexp,
    go_text,
    go_time,
    go_time_parse,
    go_yaml,
    go_yaml_dump,
)
from mlops.lakeserver.hooks.lua.clock import ScriptClock

Answer = tuple[Any, ...]


class Outside(Protocol):
    """The only way out of the worker: a question to the server."""

    def __call__(self, operation: str, arguments: list[Any]) -> tuple[int, Any, bytes]:
        """Return a status, a JSON body (None if there is none) and raw bytes."""
        ...


class Output:
    """The output of a script, up to a limit."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._size = 0
        self._parts: list[bytes] = []

    def write(self, text: str) -> None:
        """Keep `text`, or says once that the rest is left out."""
        if self._size > self._limit:
            return
        self._size += len(text)
        if self._size > self._limit:
            self._parts.append(b"[output ends here: it is longer than this server keeps]\n")
        else:
            self._parts.append(text.encode("latin-1"))

    def text(self) -> bytes:
        """Return all that was kept."""
        return b"".join(self._parts)


class Host:
    """The functions of one script's run."""

    def __init__(
        self,
        outside: Outside,
        output: Output,
        push: Callable[[Any], Any],
        clock: ScriptClock,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._outside = outside
        self._output = output
        self._push = push
        self._clock = clock
        self._now_ns = now_ns
        self._expressions: dict[str, go_regexp.Regexp] = {}

    def functions(self) -> dict[str, Callable[..., Any]]:
        """By the name that the prelude uses."""
        plain = {
            "print": self._output.write,
            "random": lambda: int.from_bytes(os.urandom(6), "big") / 2**48,
            "now": lambda: float(self._now_ns()),
            "absent": absent,
        }
        guarded: dict[str, Callable[..., Any]] = {
            **{name: _on_bytes(function) for name, function in _BYTES.items()},
            "lake": self._lake,
            "json_marshal": lambda value, prefix, indent: (
                _text(go_json.dumps(pull(value), prefix, indent)),
            ),
            "json_unmarshal": lambda text: (self._push(go_json.loads(_bytes(text))),),
            "yaml_marshal": lambda value, _prefix, _indent: (_text(go_yaml_dump.dumps(pull(value))),),
            "yaml_unmarshal": lambda text: (self._push(go_yaml.load(_bytes(text))),),
            "uuid": lambda: (_random_uuid(),),
            "split": lambda text, by: (self._list(go_text.split(_bytes(text), _bytes(by))),),
            "replace": _replace,
            "url_parse": lambda text: (self._push(_latin(go_encoding.parse_url(_bytes(text)))),),
            "regexp_match": lambda pattern, text: (self._regexp(pattern).match(_bytes(text)),),
            "regexp_check": lambda pattern: (bool(self._regexp(pattern)),),
            "regexp_find": lambda pattern, text: (_text(self._regexp(pattern).find(_bytes(text))),),
            "regexp_find_all": lambda p, text, n: (
                self._list(self._regexp(p).find_all(_bytes(text), int(n))),
            ),
            "regexp_find_submatch": lambda p, text: (
                self._list(self._regexp(p).find_submatch(_bytes(text))),
            ),
            "regexp_find_all_submatch": self._find_all_submatch,
            "sleep": self._sleep,
            "time_format": lambda ns, layout, zone: (self._format(ns, _decoded(layout), zone),),
            "time_format_iso": lambda ns, zone: (self._format(ns, go_time.ISO_8601, zone),),
            "time_parse": lambda layout, text: (
                float(go_time_parse.parse_time(_decoded(layout), _decoded(text))),
            ),
            "time_parse_iso": lambda text: (
                float(go_time_parse.parse_time(go_time.ISO_8601, _decoded(text))),
            ),
            "time_add": lambda ns, seconds: (float(_int64(ns) + int(seconds) * 10**9),),
        }
        return plain | {name: _guard(function, self._clock) for name, function in guarded.items()}

    def _lake(self, operation: str, *arguments: Any) -> Answer:
        given = [_argument(value) for value in arguments]
        while given and given[-1] is None:
            given.pop()
        status, body, raw = self._outside(operation, given)
        if operation in {"get_object", "stat_object"}:
            return float(status), raw.decode("latin-1")
        return (float(status),) if body is None else (float(status), self._push(body))

    def _regexp(self, pattern: str) -> go_regexp.Regexp:
        if pattern not in self._expressions:
            self._expressions[pattern] = go_regexp.Regexp(_bytes(pattern))
        return self._expressions[pattern]

    def _list(self, items: list[bytes]) -> Any:
        return self._push(_latin(items))

    def _find_all_submatch(self, pattern: str, text: str, limit: float) -> Answer:
        return (self._push(_latin(self._regexp(pattern).find_all_submatch(_bytes(text), int(limit)))),)

    def _sleep(self, nanoseconds: float) -> Answer:
        time.sleep(max(0.0, nanoseconds / 1e9))
        return (True,)

    def _format(self, epoch_ns: float, layout: str, zone: str) -> str:
        moment = go_time.at(_int64(epoch_ns), self._zone(zone))
        return _text(go_text.encode(go_time.format_time(moment, layout)))

    def _zone(self, name: str) -> tzinfo:
        if name in {"", "UTC", "Local"}:
            return UTC
        if ".." in name or name[0] in "/\\":
            raise go_time.TimeError("time: invalid location name")
        status, _, data = self._outside("zone", [name])
        if status != 200:
            raise go_time.TimeError(f"unknown time zone {name}")
        return ZoneInfo.from_file(io.BytesIO(data), key=name)


def absent(name: str) -> str:
    """Return the addition to Lua's error for a module that lakeFS has and this server does not have."""
    first = name.partition("/")[0]
    known = first in {"aws", "gcloud", "azure", "databricks", "formats", "lakefs"} or name in {
        "encoding/parquet",
        "encoding/z85enc",
        "crypto/aes",
        "net/http",
    }
    return "\n\tlakeFS has this module, the embedded server has not" if known else ""


def pull(value: Any) -> Any:
    """Return a value as the prelude's `pull` handed it over, as bytes, floats, lists and dicts."""
    if isinstance(value, str):
        return value.encode("latin-1")
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return float(value)
    kind, last, items = value[1], value[2], value[3]
    if kind == "array":
        return [pull(items[index]) for index in range(1, int(last) + 1)]
    return {key.encode("latin-1"): pull(item) for key, item in items.items()}


def _argument(value: Any) -> Any:
    """Return a script's argument for the server: text is UTF-8 there."""
    if isinstance(value, str):
        return _decoded(value)
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float):
        return int(value)
    pulled: dict[bytes, Any] = pull(value)
    return {
        go_text.decode(k): go_text.decode(v) if isinstance(v, bytes) else f"{v:.14g}"
        for k, v in pulled.items()
    }


def _guard(function: Callable[..., Answer], clock: ScriptClock) -> Callable[..., Answer]:
    def call(*arguments: Any) -> Answer:
        left_s = clock.pause()
        try:
            return True, *function(*arguments)
        except (MemoryError, RecursionError):
            return False, "not enough memory"
        except Exception as error:
            return False, _message(error)
        finally:
            clock.resume(left_s)

    return call


def _message(error: Exception) -> str:
    text = str(error)
    try:
        return text.encode("utf-8", "surrogateescape").decode("latin-1")
    except UnicodeEncodeError:
        return go_text.encode(text).decode("latin-1")


def _on_bytes(function: Callable[..., bytes]) -> Callable[..., Answer]:
    return lambda *arguments: (_text(function(*(_bytes(argument) for argument in arguments))),)


def _replace(text: str, old: str, new: str, count: float) -> Answer:
    return (_text(go_text.replace(_bytes(text), _bytes(old), _bytes(new), int(count))),)


def _random_uuid() -> str:
    number = bytearray(os.urandom(16))
    number[6], number[8] = number[6] & 0x0F | 0x40, number[8] & 0x3F | 0x80
    digits = number.hex()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _int64(number: float) -> int:
    if not abs(number) < 2**63:
        return -(2**63)
    return int(number)


def _bytes(text: str) -> bytes:
    return text.encode("latin-1")


def _text(data: bytes) -> str:
    return data.decode("latin-1")


def _decoded(text: str) -> str:
    return text if text.isascii() else go_text.decode(_bytes(text))


def _latin(value: Any) -> Any:
    """Return bytes within lists and dicts as text that `push` does not recode."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, dict):
        return {key: _latin(item) for key, item in value.items()}
    return [_latin(item) for item in value]


_BYTES: dict[str, Callable[..., bytes]] = {
    "lower": go_text.lower,
    "upper": go_text.upper,
    "reverse": go_text.reverse,
    "trim": go_text.trim_space,
    "clean_dir": go_text.clean_dir,
    "hex_encode": lambda data: data.hex().encode(),
    "hex_decode": go_encoding.hex_decode,
    "base64_encode": go_encoding.base64_encode,
    "base64_decode": go_encoding.base64_decode,
    "base64_url_encode": go_encoding.base64_url_encode,
    "base64_url_decode": go_encoding.base64_url_decode,
    "query_unescape": go_encoding.query_unescape,
    "path_escape": go_encoding.path_escape,
    "build_url": go_encoding.build_url,
    "regexp_quote": go_regexp.quote_meta,
    "sha256": lambda data: hashlib.sha256(data).digest(),
    "hmac_sha256": lambda message, key: hmac.digest(key, message, "sha256"),
    "hmac_sha1": lambda message, key: hmac.digest(key, message, "sha1"),
}

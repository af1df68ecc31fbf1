"""YAML read as lakeFS reads it (YAML 1.2 with go-yaml's leniency), not as PyYAML's YAML 1.1 does.

`on`, `yes` and `off` are strings, `0o17` and `017` are octal, a duplicate key is an error, and an error names
its line. PyYAML only cuts the text into nodes; what a node means is decided here.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import yaml

MAX_BYTES = 16 << 20
MAX_NODES = 400_000
MAX_DEPTH = 100

_WORDS: dict[str, Any] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
}
_INT = re.compile(r"[-+]?(?:0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_TIMESTAMP = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})"
    r"(?:(?:[Tt](\d{1,2}):(\d{1,2}):(\d{1,2})(?:[.,]\d+)?(?:Z|[+-]\d\d:\d\d))"
    r"|(?: (\d{1,2}):(\d{1,2}):(\d{1,2})(?:[.,]\d+)?))?"
)
_TAG = "tag:yaml.org,2002:"
_PLAIN = "?"


class YamlError(ValueError):
    """The text is not YAML, or not of the wanted shape; the message is go-yaml's where its form is known."""


class Timestamp(str):
    """A scalar that reads as a point in time; kept as written."""

    __slots__ = ()


def compose(text: bytes) -> yaml.Node | None:
    """Return the node of the first document, or None for an empty one.

    Raises:
        YamlError: the text is not YAML, not UTF-8, nested too deeply or too large.
    """
    import yaml

    if len(text) > MAX_BYTES:
        raise YamlError(f"yaml: document is larger than {MAX_BYTES} bytes")
    try:
        decoded = text.decode("utf-8")
    except UnicodeDecodeError:
        raise YamlError("yaml: invalid leading UTF-8 octet") from None
    _check_events(decoded)
    try:
        return _first_document(decoded)
    except yaml.MarkedYAMLError as error:
        raise YamlError(f"yaml: {_problem(error, text)}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise YamlError(f"yaml: {str(error) or type(error).__name__}") from None


def _check_events(text: str) -> None:
    """Refuse what libyaml's composer, which recurses in C without a limit, would crash on.

    Its event parser does not recurse. A syntax error is left to the composer, which names it in its turn.
    """
    import yaml

    loader = _loader()(text)
    depth = count = 0
    try:
        while not loader.check_event(yaml.DocumentEndEvent, yaml.StreamEndEvent):
            event = loader.get_event()
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            count += 1
            if depth > MAX_DEPTH:
                raise YamlError(f"yaml: exceeded max depth of {MAX_DEPTH}")
            if count > MAX_NODES:
                raise YamlError(f"yaml: document has more than {MAX_NODES} nodes")
    except yaml.YAMLError:
        return
    finally:
        loader.dispose()


def _first_document(text: str) -> yaml.Node | None:
    loader = _loader()(text)
    try:
        return loader.get_node() if loader.check_node() else None
    finally:
        loader.dispose()


def _where(error: yaml.MarkedYAMLError) -> str:
    """Return the line as go-yaml counts it: none for the first, and one less for what the parser finds."""
    from yaml.scanner import ScannerError

    for mark in (error.context_mark, error.problem_mark):
        if mark is not None and mark.line:
            return f"line {mark.line + isinstance(error, ScannerError)}: "
    return ""


def _problem(error: yaml.MarkedYAMLError, text: bytes) -> str:
    if error.problem == "found undefined alias" and error.problem_mark is not None:
        line = text.decode("utf-8").splitlines()[error.problem_mark.line]
        name = re.match(r"\*?([0-9A-Za-z_-]*)", line[error.problem_mark.column :])
        return f"unknown anchor '{name[1] if name else ''}' referenced"
    return f"{_where(error)}{error.problem or error}"


_LOADER: list[Any] = []


def _loader() -> Any:
    """Return a PyYAML loader that leaves plain scalars unresolved."""
    if not _LOADER:
        import yaml

        base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

        def resolve(_self: Any, kind: Any, _value: Any, implicit: Any) -> str:
            if kind is yaml.ScalarNode:
                return _PLAIN if implicit[0] else _TAG + "str"
            return _TAG + ("seq" if kind is yaml.SequenceNode else "map")

        _LOADER.append(type("Loader", (base,), {"resolve": resolve}))
    return _LOADER[0]


def load(text: bytes) -> Any:
    """Return the first document as dicts, lists, strings, booleans, ints, floats, `Timestamp` and None.

    Raises:
        YamlError: as `compose`, or a duplicate key, a self-containing anchor, or too much of it.
    """
    node = compose(text)
    return None if node is None else Decoder().value(node)


class Decoder:
    """Turns nodes into values, counting them so that aliases cannot blow up."""

    def __init__(self) -> None:
        self._count = 0
        self._open: list[Any] = []

    def enter(self, node: Any) -> None:
        """Count `node` and refuses cycles; pair it with `leave`."""
        self._count += 1
        if self._count > MAX_NODES:
            raise YamlError("yaml: document contains excessive aliasing")
        if any(node is other for other in self._open):
            raise YamlError("yaml: anchor value contains itself")
        if len(self._open) >= MAX_DEPTH:
            raise YamlError(f"yaml: exceeded max depth of {MAX_DEPTH}")
        self._open.append(node)

    def leave(self) -> None:
        """Close the node entered last."""
        self._open.pop()

    def value(self, node: Any) -> Any:
        """Return the value of `node`."""
        self.enter(node)
        try:
            if node.id == "scalar":
                return scalar(node)
            if node.id == "sequence":
                return [self.value(item) for item in node.value]
            return self._mapping(node)
        finally:
            self.leave()

    def _mapping(self, node: Any) -> dict[Any, Any]:
        refuse_duplicates(node)
        result: dict[Any, Any] = {}
        merges = []
        for key, item in node.value:
            if is_merge(key):
                merges.append(item)
                continue
            name = self.value(key)
            if isinstance(name, dict | list):
                raise YamlError(f"yaml: invalid map key at line {key.start_mark.line + 1}")
            result[name] = self.value(item)
        for item in merges:
            for other in merged_mappings(item):
                for name, inner in self._merged(other).items():
                    result.setdefault(name, inner)
        return result

    def _merged(self, node: Any) -> dict[Any, Any]:
        self.enter(node)
        try:
            return self._mapping(node)
        finally:
            self.leave()


def is_merge(key: Any) -> bool:
    """Return whether `key` is YAML's `<<`."""
    return key.id == "scalar" and key.value == "<<" and key.tag in {_PLAIN, _TAG + "merge"}


def merged_mappings(node: Any) -> list[Any]:
    """Return the mappings that a `<<` brings in, the first having precedence."""
    nodes = node.value if node.id == "sequence" else [node]
    if any(item.id != "mapping" for item in nodes):
        raise YamlError("yaml: map merge requires map or sequence of maps as the value")
    return nodes


def refuse_duplicates(node: Any) -> None:
    """Refuse a mapping in which a scalar key stands twice."""
    first: dict[str, int] = {}
    for key, _ in node.value:
        if key.id != "scalar":
            continue
        line = key.start_mark.line + 1
        if key.value in first:
            quoted = key.value.replace("\\", "\\\\").replace('"', '\\"')
            raise YamlError(
                "yaml: unmarshal errors:\n  "
                f'line {line}: mapping key "{quoted}" already defined at line {first[key.value]}'
            )
        first[key.value] = line


def scalar(node: Any) -> Any:
    """Return the value of a scalar node."""
    text, tag = node.value, node.tag
    if tag == _PLAIN:
        return resolve_plain(text)
    if tag == _TAG + "binary":
        try:
            return base64.b64decode("".join(text.split()), validate=True).decode("latin-1")
        except (binascii.Error, ValueError):
            raise YamlError("yaml: !!binary value contains invalid base64 data") from None
    kind = tag.removeprefix(_TAG)
    wanted = {"int": int, "float": float, "bool": bool, "null": type(None), "timestamp": Timestamp}.get(kind)
    if wanted is None:
        return text
    value = resolve_plain(text)
    if wanted is float and type(value) is int:
        return float(value)
    if type(value) is not wanted:
        raise YamlError(f"yaml: cannot decode {_short_tag(value)} `{text}` as a !!{kind}")
    return value


def resolve_plain(text: str) -> Any:
    """Return the value of an unquoted scalar."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-.0123456789":
        return text
    if _is_timestamp(text):
        return Timestamp(text)
    plain = text if text[0] == "." else text.replace("_", "")
    if _INT.fullmatch(plain) and (number := _integer(plain)) is not None:
        return number
    return float(plain) if _FLOAT.fullmatch(plain) and math.isfinite(float(plain)) else text


def _integer(text: str) -> int | None:
    digits = text.lstrip("+-")
    base = 10
    if len(digits) > 1 and digits[0] == "0":
        base = {"x": 16, "b": 2, "o": 8}.get(digits[1].lower(), 8)
        digits = digits.lstrip("0xXbBoO") if base != 16 else digits[2:]
    number = int(digits or "0", base) * (-1 if text[0] == "-" else 1)
    return number if -(2**63) <= number < 2**64 else None


def _is_timestamp(text: str) -> bool:
    match = _TIMESTAMP.fullmatch(text)
    if not match:
        return False
    from datetime import datetime

    numbers = [int(group) for group in match.groups() if group is not None]
    try:
        datetime(*numbers)  # type: ignore[arg-type]  # noqa: DTZ001 - only asks whether such a date exists
    except (TypeError, ValueError):
        return False
    return True


def _short_tag(value: Any) -> str:
    names = {bool: "bool", int: "int", float: "float", type(None): "null", Timestamp: "timestamp"}
    return "!!" + names.get(type(value), "str")

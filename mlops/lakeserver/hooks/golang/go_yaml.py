"""YAML read as lakeFS reads it (YAML 1.2 with go-yaml's leniency), not as PyYAML's YAML 1.1 does.

`on`, `yes` and `off` are strings, `0o17` and `017` are octal, a duplicate key is an error, and an error names
its line. PyYAML only cuts the text into nodes; what a node means is decided here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from mlops.lakeserver.hooks.golang.go_yaml_scalars import PLAIN, TAG, YamlError, scalar

if TYPE_CHECKING:
    import yaml

MAX_BYTES = 16 << 20
MAX_NODES = 400_000
MAX_DEPTH = 100


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
                return PLAIN if implicit[0] else TAG + "str"
            return TAG + ("seq" if kind is yaml.SequenceNode else "map")

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
    return key.id == "scalar" and key.value == "<<" and key.tag in {PLAIN, TAG + "merge"}


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

"""The subset of YAML that all parsers read alike: maps, lists, text, numbers, true and false.

The files under ``gate/`` are read here and by the enforcer on the server, whose YAML is another dialect. To
PyYAML ``yes`` is true, ``1:30`` is ninety and ``1e-2`` is text; to others they are not. Here only ``true``,
``false``, ``null`` and decimal numbers are more than text, so that what dialects disagree about is never a
number. Repeated keys, anchors, tags and several documents are refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from mlops.runs.errors import ConfigError, bounded

if TYPE_CHECKING:
    import yaml

MAX_BYTES = 64 * 1024
MAX_FOREIGN_CHARS = 1024 * 1024
MAX_DEPTH = 20

#: The way from the top of a document to a value: keys, and positions in lists.
Place = tuple[str | int, ...]

_TAG = "tag:yaml.org,2002:"
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,30})")
_DECIMAL = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,30})(?:\.[0-9]{1,60})?(?:[eE][-+]?[0-9]{1,3})?")
_WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}


@dataclass(frozen=True)
class Document:
    """A YAML file that was read.

    Attributes:
        value: Its content: dict, list, str, int, float, bool or None.
        lines: Line, from 1, of each key and list item.
        name: What the file is called in errors.
    """

    value: Any
    lines: dict[Place, int]
    name: str

    def at(self, place: Place) -> str:
        """Return ``<name>:<line>`` of the value at ``place``, or of the nearest one around it."""
        while place and place not in self.lines:
            place = place[:-1]
        return f"{self.name}:{self.lines.get(place, 1)}"


def check_bounds(text: str) -> None:
    """Return if a YAML text of any dialect is small enough for a parser that recurses.

    Raises:
        yaml.YAMLError: It is too large, nested too deeply, or not YAML.
    """
    import yaml

    if len(text) > MAX_FOREIGN_CHARS:
        raise yaml.YAMLError(f"more than {MAX_FOREIGN_CHARS:,} characters")
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise yaml.YAMLError(f"nested deeper than {MAX_DEPTH} levels")


def read(data: bytes, name: str) -> Document:
    """Return the one document in ``data``.

    Raises:
        ConfigError: It is too large, not UTF-8, not YAML, or more than the subset.
    """
    import yaml

    if len(data) > MAX_BYTES:
        raise ConfigError(f"{len(data):,} bytes; at most {MAX_BYTES:,} are read", where=name)
    try:
        root = yaml.compose(data.decode("utf-8"), Loader=_composer())
    except UnicodeDecodeError as error:
        raise ConfigError("not UTF-8 text", where=name) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{name}:{mark.line + 1}" if mark else name
        problem = ", ".join(filter(None, (error.context, error.problem)))
        raise ConfigError(f"not readable as YAML: {problem}", where=where) from error
    except yaml.YAMLError as error:
        raise ConfigError(f"not readable as YAML: {error}", where=name) from error
    reader = _Reader(name)
    return Document(None if root is None else reader.value(root, ()), reader.lines, name)


@cache
def _composer() -> type[yaml.SafeLoader]:
    """Return a loader that composes nodes without deciding what plain text means."""
    import yaml

    class Composer(yaml.SafeLoader):
        yaml_implicit_resolvers = {}  # noqa: RUF012 - PyYAML's own way to say so
        depth = 0

        def compose_node(self, parent: Any, index: Any) -> Any:
            event = self.peek_event()
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
                raise yaml.MarkedYAMLError(
                    problem="anchors and aliases are not allowed", problem_mark=event.start_mark
                )
            if self.depth >= MAX_DEPTH:
                raise yaml.MarkedYAMLError(
                    problem=f"nested deeper than {MAX_DEPTH} levels", problem_mark=event.start_mark
                )
            self.depth += 1
            node = super().compose_node(parent, index)
            self.depth -= 1
            return node

    return Composer


class _Reader:
    """Turns nodes into values and notes the line of each."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lines: dict[Place, int] = {}

    def value(self, node: yaml.Node, place: Place) -> Any:
        import yaml

        self.lines.setdefault(place, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode) and node.tag == f"{_TAG}map":
            return self._mapping(node, place)
        if isinstance(node, yaml.SequenceNode) and node.tag == f"{_TAG}seq":
            return [self.value(item, (*place, i)) for i, item in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode) and node.tag == f"{_TAG}str":
            return _plain(node.value) if node.style is None else node.value
        raise self._refusal(f"the tag {bounded(node.tag, 80)} is not allowed", node)

    def _mapping(self, node: yaml.MappingNode, place: Place) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = self.value(key_node, (*place, "key"))
            del self.lines[(*place, "key")]
            if not isinstance(key, str):
                raise self._refusal("a key that is not text", key_node)
            if key in found:
                raise self._refusal(f"the key '{bounded(key, 80)}' is there twice", key_node)
            self.lines[(*place, key)] = key_node.start_mark.line + 1
            found[key] = self.value(value_node, (*place, key))
        return found

    def _refusal(self, what: str, node: yaml.Node) -> ConfigError:
        return ConfigError(what, where=f"{self.name}:{node.start_mark.line + 1}")


def _plain(text: str) -> Any:
    """Return what an unquoted scalar means."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text):
        return float(text)
    return text

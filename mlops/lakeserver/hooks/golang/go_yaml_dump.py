"""YAML written as lakeFS writes it: block style, four spaces, keys in natural order."""

from __future__ import annotations

import base64
import io
import re
from typing import Any

from mlops.lakeserver.hooks.golang import go_json
from mlops.lakeserver.hooks.golang.go_yaml_scalars import resolve_plain

_BASE_60 = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?")
_OLD_BOOLS = frozenset(
    ["y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "n", "N", "no", "No", "NO", "off", "Off", "OFF"]
)
_KEY_PART = re.compile(r"[0-9]+|\D")
_OTHER_BREAKS = re.compile("[\r\x85\u2028\u2029]")
_WIDTH = 1 << 30


def dumps(value: Any) -> bytes:
    """`value` (None, bool, float, bytes, list, dict of bytes) as one document."""
    import yaml
    from yaml.emitter import Emitter

    class GoEmitter(Emitter):
        """PyYAML's emitter with go-yaml's rule for indentation."""

        def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
            del flow, indentless
            self.indents.append(self.indent)
            if self.indent is None:
                self.indent = 0
            elif self.states[-1] == self.expect_block_sequence_item:
                self.indent += 2
            else:
                self.indent = 4 * ((self.indent + 4) // 4)

    stream = io.StringIO()
    emitter: Any = GoEmitter(stream, allow_unicode=True, width=_WIDTH, indent=4)
    events = [yaml.StreamStartEvent(), yaml.DocumentStartEvent(explicit=False)]
    _value(yaml, value, events)
    events += [yaml.DocumentEndEvent(explicit=False), yaml.StreamEndEvent()]
    for event in events:
        emitter.emit(event)
    return stream.getvalue().removesuffix("...\n").encode("utf-8", "surrogateescape")


def _value(yaml: Any, value: Any, events: list[Any]) -> None:
    if isinstance(value, dict):
        events.append(yaml.MappingStartEvent(None, None, True, flow_style=not value))
        for key in sorted(value, key=_natural):
            _value(yaml, key, events)
            _value(yaml, value[key], events)
        events.append(yaml.MappingEndEvent())
    elif isinstance(value, list):
        events.append(yaml.SequenceStartEvent(None, None, True, flow_style=not value))
        for item in value:
            _value(yaml, item, events)
        events.append(yaml.SequenceEndEvent())
    elif isinstance(value, bytes):
        events.append(_string(yaml, value))
    else:
        events.append(_scalar(yaml, _plain(value), None))


def _plain(value: bool | float | None) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    try:
        go_json.number(value)
    except go_json.JsonError:
        return ".nan" if value != value else ".inf" if value > 0 else "-.inf"  # noqa: PLR0124 - NaN
    return shortest(value)


def shortest(value: float) -> str:
    """Return a finite number in the fewest digits, with an exponent from 1e6 on and below 1e-4."""
    exponent = f"{value:.17e}".partition("e")[2]
    if value and not -4 <= int(exponent) < 6:
        digits = next(d for d in range(18) if float(f"{value:.{d}e}") == value)
        return f"{value:.{digits}e}"
    return go_json.number(value)


def _string(yaml: Any, data: bytes) -> Any:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        encoded = base64.b64encode(data).decode()
        lines = [encoded[i : i + 70] for i in range(0, len(encoded), 70)]
        style = "|" if len(lines) > 1 else None
        return _scalar(yaml, "\n".join(lines), style, tag="tag:yaml.org,2002:binary")
    if _OTHER_BREAKS.search(text):
        return _scalar(yaml, text, '"')
    if "\n" in text:
        return _scalar(yaml, text, "|")
    plain = type(resolve_plain(text)) is str and not (_BASE_60.fullmatch(text) or text in _OLD_BOOLS)
    return _scalar(yaml, text, None if plain else '"')


def _scalar(yaml: Any, text: str, style: str | None, tag: str | None = None) -> Any:
    return yaml.ScalarEvent(None, tag, (tag is None, tag is None), text, style=style)


def _natural(key: bytes) -> list[tuple[int, int, str]]:
    """Return a sort key: other signs first, then digits by value, then letters by code."""
    parts = []
    for part in _KEY_PART.findall(key.decode("utf-8", "surrogateescape")):
        if "0" <= part[0] <= "9":
            parts.append((1, int(part), part))
        else:
            parts.append((2 if part.isalpha() else 0, 0, part))
    return parts

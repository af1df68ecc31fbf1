"""Format ids, times, numbers and columns for people."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

ID_DIGITS = 12
#: Characters in a line of the narrowest terminal in common use.
WIDTH = 80
_LEAST = 24
_OTHERS = ("baseline_", "champion_")


def short(commit: str) -> str:
    """Return a commit id shortened to the digits that people need."""
    return commit[:ID_DIGITS]


def at(seconds: int) -> str:
    """Return a time, Unix seconds, in ISO 8601 and UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def count(number: int, noun: str) -> str:
    """Return a number with its noun: ``1 row``, ``2,000 rows``."""
    ending = "" if number == 1 else "es" if noun.endswith("ch") else "s"
    return f"{number:,} {noun}{ending}"


def columns(rows: Sequence[Sequence[str]], *, right: Sequence[int] = (), indent: str = "  ") -> list[str]:
    """Return rows as lines with aligned columns; long texts in the last column are wrapped.

    Args:
        rows: Cells; the first row may be a heading.
        right: Positions of the columns that are aligned to the right.
        indent: Text at the start of every line.
    """
    if not rows:
        return []
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    before = len(indent) + sum(widths[:-1]) + 2 * len(widths[:-1])
    widths[-1] = min(widths[-1], max(WIDTH - before, _LEAST))
    lines: list[str] = []
    for row in rows:
        last, *below = textwrap.wrap(row[-1], widths[-1], break_on_hyphens=False) or [""]
        cells = [_cell(cell, widths[i], i in right) for i, cell in enumerate((*row[:-1], last))]
        lines += [(indent + "  ".join(cells)).rstrip(), *(" " * before + text for text in below)]
    return lines


def paragraph(text: str, indent: str) -> list[str]:
    """Wrap a text into indented lines that fit a terminal, without breaking addresses."""
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _cell(text: str, width: int, right: bool) -> str:
    return text.rjust(width) if right else text.ljust(width)


def metrics(values: Mapping[str, float]) -> str:
    """Return the model's own metrics in one line, without those of others and of parts (``part/name``)."""
    own = {
        name: value
        for name, value in sorted(values.items())
        if not name.startswith(_OTHERS) and "/" not in name
    }
    return ", ".join(f"{name} {value:.4g}" for name, value in own.items() if not name.endswith("_rows"))


def number(value: float, form: str = ",.4f") -> str:
    """Return a number for a column: whole ones without decimals."""
    return format(value, form.replace(".4f", ".0f") if float(value).is_integer() else form)

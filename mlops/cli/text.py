"""Words and columns for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

ID_DIGITS = 12
_OTHERS = ("baseline_", "champion_")


def short(commit: str) -> str:
    """Return as much of a commit id as tells it apart."""
    return commit[:ID_DIGITS]


def at(seconds: int) -> str:
    """Return a time, Unix seconds, in ISO 8601 and UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def count(number: int, noun: str) -> str:
    """Return a number with its noun: ``1 row``, ``2,000 rows``."""
    ending = "" if number == 1 else "es" if noun.endswith("ch") else "s"
    return f"{number:,} {noun}{ending}"


def columns(rows: Sequence[Sequence[str]], *, right: Sequence[int] = (), indent: str = "  ") -> list[str]:
    """Return rows as lines whose cells stand under each other.

    Args:
        rows: Cells; the first row may be a heading.
        right: Positions of the columns that are aligned to the right.
        indent: What every line starts with.
    """
    if not rows:
        return []
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        (indent + "  ".join(_cell(cell, widths[i], i in right) for i, cell in enumerate(row))).rstrip()
        for row in rows
    ]


def _cell(text: str, width: int, right: bool) -> str:
    return text.rjust(width) if right else text.ljust(width)


def metrics(values: Mapping[str, float]) -> str:
    """Return the model's own metrics in one line; those of the baseline and the champion are left out."""
    own = {name: value for name, value in sorted(values.items()) if not name.startswith(_OTHERS)}
    return ", ".join(f"{name} {value:.4g}" for name, value in own.items() if not name.endswith("_rows"))


def number(value: float, form: str = ",.4f") -> str:
    """Return a number for a column: whole ones without decimals."""
    return format(value, form.replace(".4f", ".0f") if float(value).is_integer() else form)

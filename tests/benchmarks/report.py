"""The result of a benchmark: rows with bounds, as a table for people and as JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True)
class Row:
    """One figure.

    Attributes:
        name: What was measured; begins with the letter of its bound, where it has one.
        ours: The figure; None where it could not be measured.
        unit: Its unit.
        other: What it is held against, in the same unit; None where the figure stands for itself.
        bound: The most that the ratio may be or, without ``other``, the figure itself; None for rows that
            only inform.
        at_least: Whether ``bound`` is the least that it may be instead, as for rates.
    """

    name: str
    ours: float | None
    unit: str
    other: float | None = None
    bound: float | None = None
    at_least: bool = False

    @property
    def ratio(self) -> float | None:
        """``ours`` divided by ``other``; None where there is no such thing."""
        return self.ours / self.other if self.ours is not None and self.other else None

    @property
    def holds(self) -> bool | None:
        """Whether the bound is kept, None where there is none; what was not measured does not hold."""
        if self.bound is None:
            return None
        value = self.ours if self.other is None else self.ratio
        if value is None:
            return False
        return value >= self.bound if self.at_least else value <= self.bound

    def to_json(self) -> dict[str, Any]:
        """Return the row as it is written."""
        return {
            "name": self.name,
            "ours": self.ours,
            "other": self.other,
            "unit": self.unit,
            "ratio": self.ratio,
            "bound": self.bound,
            "holds": self.holds,
        }


def exit_code(rows: Sequence[Row]) -> int:
    """Return 1 where a bound does not hold, else 0."""
    return int(any(row.holds is False for row in rows))


def write(rows: Sequence[Row], file: Path) -> None:
    """Replace a file by the rows as a JSON list; it appears whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f"{file.name}.{os.getpid()}.part")
    try:
        text = json.dumps([row.to_json() for row in rows], indent=1, allow_nan=False)
        part.write_text(text + "\n", encoding="utf-8")
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)


def print_table(rows: Sequence[Row], console: Console) -> None:
    """Print the rows; those that break their bound stand out."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("measured", overflow="fold")
    for title in ("ours", "other", "unit", "ratio", "bound"):
        table.add_column(title, justify="left" if title == "unit" else "right", no_wrap=True)
    table.add_column("holds")
    for row in rows:
        table.add_row(*cells(row), style="bold red" if row.holds is False else None)
    console.print(table)


def cells(row: Row) -> list[str]:
    """Return a row's cells as text."""
    return [
        row.name,
        "not measured" if row.ours is None else _number(row.ours),
        _number(row.other),
        row.unit,
        _number(row.ratio),
        _bound(row),
        {None: "", True: "yes", False: "NO"}[row.holds],
    ]


def _bound(row: Row) -> str:
    return f">= {_number(row.bound)}" if row.at_least and row.bound is not None else _number(row.bound)


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"

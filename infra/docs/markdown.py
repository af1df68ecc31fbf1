"""Small pieces of Markdown that the generated reference pages are put together from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; a column that is empty in every row is left out."""
    filled = [list(row) for row in rows]
    kept = [i for i in range(len(head)) if any(row[i] for row in filled)]
    lines = [_row([head[i] for i in kept]), _row(["---"] * len(kept))]
    lines += [_row([_cell(row[i]) for i in kept]) for row in filled]
    return "\n".join(lines) + "\n"


def code(text: str) -> str:
    """Return text marked as code; empty text stays empty."""
    return f"`{text}`" if text else ""


def prose(text: str) -> str:
    """Return a docstring's text as Markdown: single instead of double backquotes, angle brackets escaped."""
    plain = text.replace("``", "`")
    parts = re.split(r"(`[^`]*`)", plain)
    return "".join(p if p.startswith("`") else p.replace("<", "&lt;") for p in parts)


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")

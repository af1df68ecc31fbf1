"""The pages of the documentation, and the commands that they show."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"

#: Executed by the tests: the pages whose ``sh`` blocks run, in this order, in one folder.
IN_ORDER = ("tutorial.md", "how-to/read-an-audit.md", "how-to/erase-data.md")


def pages() -> dict[str, str]:
    """Return path below ``docs/`` to the text of each page."""
    return {
        path.relative_to(DOCS).as_posix(): path.read_text(encoding="utf-8") for path in DOCS.rglob("*.md")
    }


def blocks(text: str, kind: str) -> list[str]:
    """Return the content of the fenced blocks that are marked with ``kind``."""
    return re.findall(rf"^```{kind}\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


def commands(text: str) -> Iterator[str]:
    """Yield each line of a ``sh`` or ``console`` block that is typed, without prompt and comment."""
    for block in blocks(text, "sh"):
        yield from (line.split("  #")[0].strip() for line in block.splitlines() if line.strip())
    for block in blocks(text, "console"):
        typed = (line.removeprefix("$ ") for line in block.splitlines() if line.startswith("$ "))
        yield from (line.split("  #")[0].strip() for line in typed)

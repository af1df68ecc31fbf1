"""Docstrings, help and documentation are written in plain English, in the field's words."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from infra.docs import anomaly_table, commands, exit_codes, gate_files, json_output, setting_table
from tests.docs.pages import ROOT, pages

#: A docstring names the thing or says what happens; it does not begin as a question.
_QUESTION = re.compile(r"(What|How|Who|Whose|Whether|Where|Which|Tell)\b")

#: Words of the project's own that a newcomer has to guess, and the field's words for them.
_RIDDLES = {
    r"what judges\b": "the gate configuration",
    r"\bthe outside\b": "dependencies",
    r"\b(un)?lawful(ly)?\b(?!_change)": "allowed, not allowed",
    r"\bstands? on\b": "is based on",
    r"\b(lay|lays|laid) \w+ (run )?(up)?on\b": "rebase",
    r"\bway back\b": "rollback",
    r"\bticks?\b": "evaluation of a sensor",
    r"\blooks? at (a|the|this|one) holdout\b": "evaluation on this holdout",
    r"what it was made from": "inputs, lineage",
    r"nothing on record lead": "delete all references",
    r"\bresums?\b|\bresumming\b": "recompute the sums",
}

#: Modules whose docstrings are not revised yet. It only gets shorter.
_GENERATED = (anomaly_table, commands, exit_codes, gate_files, json_output, setting_table)


def docstrings() -> Iterator[tuple[str, str]]:
    """Yield place and text of every docstring of the program."""
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for path in sorted((ROOT / "mlops").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, kinds) and (text := ast.get_docstring(node)):
                yield f"{path.relative_to(ROOT)}:{node.body[0].lineno}", text


def test_no_docstring_begins_as_a_question() -> None:
    found = [(place, text.splitlines()[0]) for place, text in docstrings() if _QUESTION.match(text)]
    assert found == []


def read_by_users() -> dict[str, str]:
    """Return name to text of everything that users read; code is left out, its names are contracts."""
    texts = dict(pages())
    texts |= {path.name: path.read_text(encoding="utf-8") for path in ROOT.glob("*.md")}
    texts |= {module.__name__: module.page() for module in _GENERATED}
    return {name: re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.DOTALL) for name, text in texts.items()}


@pytest.mark.parametrize("riddle", _RIDDLES)
def test_what_users_read_has_the_words_of_the_field(riddle: str) -> None:
    lines = [f"{name}: {line}" for name, text in read_by_users().items() for line in text.splitlines()]
    found = [line for line in lines if re.search(riddle, line, re.IGNORECASE)]
    assert found == [], f"write: {_RIDDLES[riddle]}"

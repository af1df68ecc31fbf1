"""Modules stay short, folders stay small, and every package says what is in it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = sorted(file.parent for file in (ROOT / "mlops").rglob("__init__.py"))
MAX_LINES, MAX_MODULES = 300, 15


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_no_module_is_longer_than_it_may_be() -> None:
    lines = {
        name_of(file): len(file.read_text(encoding="utf-8").splitlines())
        for file in (ROOT / "mlops").rglob("*.py")
    }
    assert {name: count for name, count in lines.items() if count > MAX_LINES} == {}


@pytest.mark.parametrize("package", PACKAGES, ids=name_of)
def test_a_package_says_what_is_in_it(package: Path) -> None:
    text = ast.get_docstring(ast.parse((package / "__init__.py").read_text(encoding="utf-8"))) or ""
    sentences = re.findall(r"[^.!?]+[.!?](?:\s|$)", text)
    assert len(sentences) >= 3, f"{name_of(package)}: what is in it, what may import it, where to start"
    assert "Start with" in " ".join(text.split())


@pytest.mark.parametrize("package", PACKAGES, ids=name_of)
def test_a_large_folder_says_why(package: Path) -> None:
    modules = [file for file in package.glob("*.py") if file.name != "__init__.py"]
    text = ast.get_docstring(ast.parse((package / "__init__.py").read_text(encoding="utf-8"))) or ""
    if len(modules) > MAX_MODULES:
        assert re.search(
            r"(one|a) (module|file) (for|per) |as many (modules|files) as", " ".join(text.split())
        ), f"{name_of(package)} has {len(modules)} modules and does not say why"

"""Assembled actions: what is committed to a repository is what the Lua sources give, each part once."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from lupa.lua52 import LuaRuntime

from mlops.enforcer import assemble

SCRIPTS = {
    f"{path.stem}/{hook['id']}": hook["properties"]["script"]
    for path, text in assemble.assemble().items()
    for hook in yaml.safe_load(text)["hooks"]
}


def test_files_are_what_the_sources_give() -> None:
    assert assemble.stale() == [], "run python -m mlops.enforcer --write"


def test_a_changed_file_and_one_of_no_folder_are_stale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assemble, "ACTIONS", tmp_path)
    for path, text in assemble.assemble().items():
        path.write_text(text)
    assert assemble.stale() == []
    (tmp_path / "tags.yaml").write_text("name: another\n")
    (tmp_path / "direct.yaml").unlink()
    (tmp_path / "mine.yaml").write_text("name: mine\n")
    assert [path.name for path in assemble.stale()] == ["direct.yaml", "mine.yaml", "tags.yaml"]


def test_check_passes_on_this_checkout() -> None:
    subprocess.run([sys.executable, "-m", "mlops.enforcer", "--check"], check=True)


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_is_lua_without_an_include_left(name: str) -> None:
    lua = LuaRuntime()
    assert lua.compile(SCRIPTS[name]) is not None
    assert "-- include" not in SCRIPTS[name]


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_declares_each_local_function_and_module_once(name: str) -> None:
    declared = re.findall(r"^local (?:function )?(\w+)(?: = require.*|\(.*)$", SCRIPTS[name], re.MULTILINE)
    assert len(declared) == len(set(declared)), declared


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_uses_no_global_but_luas_and_the_action(name: str) -> None:
    code = re.sub(r'--.*|"(?:[^"\\]|\\.)*"', " ", SCRIPTS[name])
    kinds = (r"local (?:function )?([\w, ]+)", r"for ([\w, ]+) (?:in|=)", r"function ?\w*\(([\w, ]*)\)")
    local = {word for kind in kinds for names in re.findall(kind, code) for word in re.findall(r"\w+", names)}
    # Neither a field (after a dot) nor a key of a table (before a single =).
    used = set(re.findall(r"(?<![.\w])[A-Za-z_]\w*\b(?! = (?!=))", code))
    assert used - local - _KEYWORDS - set(LuaRuntime().globals()) <= {"action"}


_KEYWORDS = set(
    re.findall(
        r"\w+",
        """and break do else elseif end false for function if in local nil not or repeat return then
    true until while""",
    )
)


def test_every_source_is_in_a_script() -> None:
    together = "".join(SCRIPTS.values())
    for file in assemble.SOURCES.glob("*/*.lua"):
        source = assemble.read_source(f"{file.parent.name}/{file.name}")
        assert source.body in together, file.name


def test_no_function_is_declared_in_two_sources() -> None:
    declared = [
        name
        for file in assemble.SOURCES.glob("*/*.lua")
        for name in re.findall(r"^local function (\w+)", file.read_text(), re.MULTILINE)
    ]
    assert sorted(declared) == sorted(set(declared))

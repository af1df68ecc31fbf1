"""Assemble each action of the enforcer from its Lua sources into one YAML file.

A script names the files that it includes, relative to this folder, each on a line of its own::

    -- include "shared/read.lua"

An included file stands once in the assembled script, after those that it includes itself. The modules that
script and included files require are declared once, at the top. lakeFS runs each hook's script by itself and
cannot load a file of the repository as a module, so everything must be in the script.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SOURCES = Path(__file__).parent
#: Where the assembled files are, in a checkout.
ACTIONS = SOURCES.parents[1] / "infra" / "lakefs"

_INCLUDE = re.compile(r'-- include "(?P<file>[^"]+)"')
_REQUIRE = re.compile(r'local \w+ = require\("[^"]+"\)')
_SCRIPT = re.compile(r"(?P<indent> *)script: (?P<file>\w+\.lua)")


@dataclass(frozen=True)
class Source:
    """One Lua file, taken apart.

    Attributes:
        about: The comment at its top.
        includes: The files that it includes.
        requires: The declarations of modules that it requires.
        body: All other lines, without empty lines around them.
    """

    about: str
    includes: tuple[str, ...]
    requires: tuple[str, ...]
    body: str


def read_source(file: str) -> Source:
    """Return a Lua file of the enforcer, named relative to its folder."""
    about, _, code = (SOURCES / file).read_text(encoding="utf-8").partition("\n\n")
    lines = code.splitlines()
    included = [match["file"] for line in lines if (match := _INCLUDE.fullmatch(line))]
    required = [line for line in lines if _REQUIRE.fullmatch(line)]
    others = [line for line in lines if not (_INCLUDE.fullmatch(line) or _REQUIRE.fullmatch(line))]
    return Source(about, tuple(included), tuple(required), "\n".join(others).strip("\n"))


def assemble_script(file: str) -> str:
    """Return the script of one hook: its Lua file, with everything that it includes."""
    main, parts = read_source(file), _included(file)
    required = {line for source in (main, *parts.values()) for line in source.requires}
    blocks = [main.about, "\n".join(sorted(required))]
    for part in parts.values():
        blocks += [part.about, part.body]
    return "\n\n".join([*blocks, main.body]) + "\n"


def assemble_action(folder: Path) -> str:
    """Return an action file: the ``action.yaml`` of a folder, with the scripts of its hooks."""
    source = f"mlops/enforcer/{folder.name}/"
    notice = f"# Assembled from {source} by `python -m mlops.enforcer --write`: edit it there."
    text = (folder / "action.yaml").read_text(encoding="utf-8")
    lines = (line for written in text.splitlines() for line in _with_script(folder, written))
    return "\n".join([notice, "#", *lines]) + "\n"


def assemble() -> dict[Path, str]:
    """Return every action file of the enforcer with its text."""
    folders = sorted(file.parent for file in SOURCES.glob("*/action.yaml"))
    return {ACTIONS / f"{folder.name}.yaml": assemble_action(folder) for folder in folders}


def stale() -> list[Path]:
    """Return the action files that differ from what would be written now, or belong to no folder."""
    expected = assemble()
    present = {path: path.read_text(encoding="utf-8") for path in ACTIONS.glob("*.yaml")}
    return sorted(path for path in expected.keys() | present if expected.get(path) != present.get(path))


def _included(file: str) -> dict[str, Source]:
    """Return what a file includes, directly or not; each after what it includes itself."""
    found: dict[str, Source] = {}
    for name in read_source(file).includes:
        found |= {**_included(name), name: read_source(name)}
    return found


def _with_script(folder: Path, line: str) -> Iterator[str]:
    match = _SCRIPT.fullmatch(line)
    if match is None:
        yield line
        return
    yield f"{match['indent']}script: |"
    for written in assemble_script(f"{folder.name}/{match['file']}").splitlines():
        yield f"{match['indent']}  {written}".rstrip()

"""The site builds strictly and fetches nothing; the commands on its pages run in the order of reading."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from infra.docs.json_output import documents
from tests.docs.pages import IN_ORDER, ROOT, blocks, pages

pytestmark = pytest.mark.readme

_FETCHED = {"img": "src", "script": "src", "link": "href", "iframe": "src", "source": "src"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the built site."""
    subprocess.run(["sh", "infra/setup.sh", "docs"], cwd=ROOT, check=True)
    folder = tmp_path_factory.mktemp("site")
    # Whatever asks for an address outside meets a proxy at which nobody listens.
    env = {**os.environ, "NO_MKDOCS_2_WARNING": "1", "HTTPS_PROXY": "http://127.0.0.1:9"}
    env["HTTP_PROXY"] = env["HTTPS_PROXY"]
    command = [str(ROOT / ".venv/bin/python"), "-m", "mkdocs", "build", "--strict", "-d", str(folder)]
    built = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return folder


def test_just_docs_fails_at_a_broken_link_and_at_a_page_outside_the_navigation(tmp_path: Path) -> None:
    # The copy shares this .venv: brought up to date from here, it is not installed into from there.
    subprocess.run([".venv/bin/just", "setup"], cwd=ROOT, check=True)
    for name in ("docs", "infra"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for name in ("justfile", "mkdocs.yml", "requirements.lock", "requirements-docs.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    for name in ("mlops", ".venv"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "docs/orphan.md").write_text("# Orphan\n\n[broken](nowhere.md)\n", encoding="utf-8")
    call = [str(ROOT / ".venv/bin/just"), "docs"]
    built = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert built.returncode != 0
    assert "orphan.md" in built.stderr
    assert "nowhere.md" in built.stderr


class _Fetches(HTMLParser):
    """Collects what a browser would fetch for a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag in _FETCHED and values.get("rel") != "canonical":
            self.found.append(values.get(_FETCHED[tag]) or "")


def test_a_page_fetches_nothing_from_elsewhere(site: Path) -> None:
    for path in site.rglob("*.html"):
        reader = _Fetches()
        reader.feed(path.read_text(encoding="utf-8"))
        assert [address for address in reader.found if re.match(r"(https?:)?//", address)] == [], path
    for path in site.rglob("*.css"):
        assert not re.search(r"url\([\"']?(https?:)?//|@import", path.read_text(encoding="utf-8")), path


def test_pages_that_are_generated_are_there(site: Path) -> None:
    assert "MLOPS_STATE_DIR" in (site / "reference/settings.html").read_text(encoding="utf-8")
    assert "mlops rollback" in (site / "reference/commands.html").read_text(encoding="utf-8")
    assert "PipelineSpec" in (site / "reference/python.html").read_text(encoding="utf-8")


def test_the_search_finds_a_generated_page(site: Path) -> None:
    index = json.loads((site / "search/search_index.json").read_text(encoding="utf-8"))
    assert any(entry["location"].startswith("reference/exit-codes.html") for entry in index["docs"])


class Shell:
    """An empty folder and an empty home, with the program on PATH."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "work"
        self.home = folder / "home"
        self.folder.mkdir()
        self.home.mkdir()

    def run(self, script: str) -> str:
        """Run a script that must succeed, and return what it printed."""
        kept = {name: value for name, value in os.environ.items() if name.startswith("LANG")}
        bin_ = Path(sys.executable).parent
        answer = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self.folder,
            env={**kept, "HOME": str(self.home), "PATH": f"{bin_}:/usr/bin:/bin", "MLOPS_LAKE_PORT": "0"},
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        assert answer.returncode == 0, f"{script}\n{answer.stdout[-3000:]}\n{answer.stderr[-3000:]}"
        assert "Traceback" not in answer.stdout + answer.stderr
        return answer.stdout

    def document(self, command: str) -> dict[str, Any]:
        """Return the JSON document of a command."""
        return json.loads(self.run(f"mlops {command} --json"))


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    made = Shell(tmp_path_factory.mktemp("docs"))
    yield made
    made.run("mlops down")


def test_commands_run_in_the_order_of_reading(shell: Shell) -> None:
    for page in IN_ORDER:
        for block in blocks(pages()[page], "sh"):
            shell.run(block)
    assert {path.name for path in shell.folder.iterdir()} == {".mlops"}


def test_documents_have_the_keys_that_are_listed(shell: Shell) -> None:
    """Runs after the commands of the pages, in the folder that they left."""
    listed = documents()
    every = set(listed["every"])
    for command in (
        "init flights",
        "ingest flights 2013-01",
        "audit flights",
        "policy apply flights --dry-run",
        "lake gc --dry-run",
        "lake verify",
        "lake dump flights flights.zip",
        "lake restore flights.zip copy",
        "down",
    ):
        name = " ".join(command.split()[:2])
        name = name if name in listed else command.split()[0]
        assert set(shell.document(command)) == every | set(listed[name]), command

"""lakeFS's command line against a server: what is told to it, and what it answered."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

R = "lakefs://lakectl"
HOOK = """name: {name}
on: {{{event}: {{branches: [{branch}]}}}}
hooks:
  - id: say
    type: lua
    properties: {{script: "{script}"}}
"""
# What differs from one run to the next.
_VARYING = (
    (re.compile(r"\x1b\[[0-9;?]*[A-Za-z]"), ""),
    (re.compile(r"\b[0-9a-f]{64}\b"), "<commit>"),
    (re.compile(r"\b[0-9a-f]{16}\b|\b[0-9a-f]{12}\b"), "<id>"),
    (re.compile(r"\b[0-9a-v]{20}\b"), "<run>"),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)? [+-]\d{4} \w+"), "<time>"),
    (re.compile(r"timestamp: \d+"), "timestamp: <time>"),
    (re.compile(r"(Physical Address: +).*"), r"\1<address>"),
)


@dataclass(frozen=True)
class Said:
    """What lakectl answered: where it failed, `code` is not 0. What varies from run to run is left out."""

    told: str
    code: int
    text: str


class Lakectl:
    """Runs lakectl in `folder`, against one server.

    Attributes:
        answers: what it said until now.
    """

    def __init__(self, folder: Path, url: str, access_key_id: str, secret_access_key: str) -> None:
        self.folder = folder
        self.answers: list[Said] = []
        (folder / "home").mkdir()
        self._environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder / "home"),
            "TZ": "UTC",
            "NO_COLOR": "1",
            "LAKECTL_SERVER_ENDPOINT_URL": url,
            "LAKECTL_CREDENTIALS_ACCESS_KEY_ID": access_key_id,
            "LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY": secret_access_key,
        }

    def __call__(self, command: str, *more: str) -> str:
        """Runs a command, split at spaces; `R` stands for the repository, `more` is not split."""
        words = [re.sub("^R(?=/|$)", R, word) for word in command.split()]
        done = subprocess.run(
            ["lakectl", *words, *more],
            env=self._environ,
            cwd=self.folder,
            capture_output=True,
            check=False,
            text=True,
            timeout=60,
        )
        told = self._plain(" ".join([command, *more]))
        self.answers.append(Said(told, done.returncode, self._plain(done.stdout + done.stderr)))
        return done.stdout

    def head(self, branch: str) -> str:
        """The commit that a branch leads to."""
        found = re.search("[0-9a-f]{64}", self(f"branch show R/{branch}"))
        assert found is not None, self.answers[-1]
        return found[0]

    def _plain(self, text: str) -> str:
        text = text.replace(str(self.folder), "<here>")
        for pattern, instead in _VARYING:
            text = pattern.sub(instead, text)
        # Files are sent side by side, in whatever order.
        return "\n".join(sorted(text.splitlines())) if "load " in text else text


def play(lakectl: Lakectl, protected: Callable[[], None]) -> list[Said]:
    """Tells lakectl everything that the server must understand; `protected` waits until rules hold."""
    folder = lakectl.folder
    for name, text in {
        "a.txt": "alpha\n",
        "b.txt": "beta\n",
        "dir/x": "x",
        "dir/y": "y",
        "dir/z": "z",
    }.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    gate = HOOK.format(name="gate", event="pre-merge", branch="main", script="print('hello')")
    (folder / "gate.yaml").write_text(gate)
    (folder / "shut.yaml").write_text(
        HOOK.format(name="shut", event="pre-commit", branch="shut", script="error('it is shut')")
    )
    _objects(lakectl)
    _branches(lakectl)
    _merges(lakectl)
    _tags(lakectl)
    _protection(lakectl, protected)
    _local(lakectl, folder / "local")
    for command in ("branch delete R/two -y", "branch delete R/two -y", "branch delete R/main -y"):
        lakectl(command)
    for command in ("annotate R/dev/", "doctor", "gc get-config R", "repo delete R -y", "repo delete R -y"):
        lakectl(command)
    return lakectl.answers


def _objects(lakectl: Lakectl) -> None:
    for command in (
        "repo create R local://lakectl",
        "repo create R local://lakectl-2",
        "repo list",
        "fs upload R/main/a.txt -s a.txt",
        "fs upload R/main/dir/ -s dir --recursive",
        "fs upload R/main/typed.txt -s b.txt --content-type text/plain",
        "fs ls R/main/",
        "fs ls R/main/ --recursive",
        "fs stat R/main/a.txt",
        "fs stat R/main/nosuch",
        "fs cat R/main/a.txt",
        "fs cat R/main/nosuch",
        "diff R/main",
        "commit R/main -m first --meta k=v,l=w",
        "commit R/main -m nothing",
        "log R/main",
        "log R/main --amount 1 --show-meta-range-id",
        "fs download R/main/a.txt got.txt",
        "fs download --recursive R/main/dir/ got",
        "fs rm R/main/nosuch",
    ):
        lakectl(command)
    lakectl(f"show commit R/{lakectl.head('main')}")


def _branches(lakectl: Lakectl) -> None:
    for command in (
        "branch create R/dev -s R/main",
        "branch create R/dev -s R/main",
        "branch show R/nosuch",
        "branch list R",
        "fs upload R/dev/a.txt -s b.txt",
        "fs rm R/dev/dir/x",
        "fs upload R/dev/new.txt -s a.txt",
        "diff R/dev",
        "branch reset R/dev --object new.txt -y",
        "diff R/dev",
        "commit R/dev -m changed",
        "diff R/main R/dev",
        "diff R/main R/dev --two-way",
    ):
        lakectl(command)


def _merges(lakectl: Lakectl) -> None:
    changed = lakectl.head("dev")
    for command in (
        "actions validate gate.yaml",
        "fs upload R/main/_lakefs_actions/gate.yaml -s gate.yaml",
        "commit R/main -m gated",
        "merge R/main R/dev",
        "merge R/dev R/main --meta m=1",
        "merge R/dev R/main",
        "log R/main --amount 2",
    ):
        lakectl(command)
    run = re.search(r"\b[0-9a-v]{20}\b", lakectl("actions runs list R"))
    lakectl(f"actions runs describe R {run[0] if run else 'none'}")
    lakectl("actions runs describe R nosuch")
    lakectl("actions runs list R --branch nosuch")
    merge = lakectl.head("main")
    for command in (
        f"branch revert R/main {merge} -y",
        f"branch revert R/main {merge} -m 1 -y",
        "log R/main --amount 1",
        "fs cat R/main/a.txt",
        f"cherry-pick R/{changed} R/main",
        "fs cat R/main/a.txt",
        "branch create R/one -s R/main",
        "branch create R/two -s R/main",
        "fs upload R/one/c -s a.txt",
        "commit R/one -m 1",
        "fs upload R/two/c -s b.txt",
        "commit R/two -m 2",
        "diff R/one R/two",
        "merge R/one R/two",
        "merge R/one R/two --strategy source-wins",
        "merge R/one R/nosuch",
        "fs rm R/two/dir/ --recursive",
        "fs ls R/two/ --recursive",
        "branch reset R/two -y",
    ):
        lakectl(command)


def _tags(lakectl: Lakectl) -> None:
    for command in (
        "tag create R/v1 R/main",
        "tag create R/v1 R/main",
        "tag create R/v1 R/dev --force",
        "tag list R",
        "tag show R/v1",
        "tag delete R/v1 -y",
        "tag delete R/v1 -y",
        "tag show R/v1",
    ):
        lakectl(command)


def _protection(lakectl: Lakectl, protected: Callable[[], None]) -> None:
    for command in ("branch-protect add R main", "branch-protect add R rel*", "branch-protect list R"):
        lakectl(command)
    protected()
    for command in ("fs upload R/main/p -s a.txt", "commit R/main -m no", "branch-protect delete R main"):
        lakectl(command)
    lakectl("branch-protect delete R nosuch")
    protected()
    for command in (
        "fs upload R/main/_lakefs_actions/shut.yaml -s shut.yaml",
        "commit R/main -m shut",
        "branch create R/shut -s R/main",
        "fs upload R/shut/z -s a.txt",
        "commit R/shut -m refused",
    ):
        lakectl(command)


def _local(lakectl: Lakectl, folder: Path) -> None:
    folder.mkdir()
    lakectl("local init R/dev/dir/ local")
    lakectl("local checkout local --yes")
    lakectl("local status local")
    (folder / "y").write_text("changed here")
    (folder / "n").write_text("new here")
    (folder / "z").unlink()
    for command in (
        "local status local",
        "local commit local -m",
        "local status local",
        "fs ls R/dev/dir/",
        "log R/dev --amount 1",
        "local clone R/dev/dir/ clone",
        "fs upload R/dev/dir/q -s a.txt",
        "commit R/dev -m q",
        "local pull local",
        "local checkout local --ref R/main --yes",
    ):
        lakectl(command, *(["from here"] if command.endswith(" -m") else []))

"""The wheel is the product: installed without the checkout, it runs the main job in an empty folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.readme

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a source distribution, and the wheel that was built from it alone."""
    folder = tmp_path_factory.mktemp("dist")
    _build(ROOT, folder, "sdist")
    archive = next(folder.glob("*.tar.gz"))
    subprocess.run(["tar", "xzf", str(archive), "-C", str(folder)], check=True)
    _build(next(p for p in folder.iterdir() if p.is_dir()), folder, "wheel")
    return folder


def _build(source: Path, target: Path, kind: str) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(target)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)


class Installed:
    """A virtual environment with the wheel, and an empty folder to work in."""

    def __init__(self, folder: Path, wheel: Path) -> None:
        self.python = folder / "env" / "bin" / "python"
        self.work = folder / "work"
        self.work.mkdir()
        subprocess.run([sys.executable, "-m", "venv", str(folder / "env")], check=True)
        # Requirements come from the locked environment of the tests. An editable install there is not seen:
        # Python does not follow the .pth files of a folder that is itself named by a .pth file.
        site = next((folder / "env" / "lib").glob("python3*/site-packages"))
        (site / "locked.pth").write_text(sysconfig.get_path("purelib") + "\n")
        self.install(wheel)

    def install(self, wheel: Path) -> None:
        """Install a wheel without an index."""
        install = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-compile", str(wheel)]
        subprocess.run([str(self.python), *install], check=True)

    def run(self, *arguments: str, code: int | tuple[int, ...] = 0) -> str:
        """Run ``mlops`` in the folder and return what it printed."""
        kept = {name: os.environ[name] for name in ("LANG", "LC_ALL") if name in os.environ}
        answer = subprocess.run(
            [str(self.python.with_name("mlops")), *arguments],
            cwd=self.work,
            env={**kept, "PATH": "/usr/bin:/bin", "HOME": str(self.work.parent)},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        codes = code if isinstance(code, tuple) else (code,)
        assert answer.returncode in codes, f"{arguments}\n{answer.stdout[-3000:]}\n{answer.stderr[-3000:]}"
        assert "Traceback" not in answer.stdout + answer.stderr
        return answer.stdout


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    made = Installed(tmp_path_factory.mktemp("installed"), next(built.glob("*.whl")))
    yield made
    for state in (".mlops", ".mlops/demo"):
        made.run("--state-dir", state, "down")


def test_the_program_does_not_come_from_the_checkout(installed: Installed) -> None:
    ask = "import mlops; print(mlops.__file__)"
    found = subprocess.run(
        [str(installed.python), "-c", ask], cwd=installed.work, capture_output=True, text=True, check=True
    )
    assert str(installed.python.parents[1]) in found.stdout


def test_the_enforcer_and_its_sources_are_in_it(built: Path) -> None:
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        packed = set(wheel.namelist())
    sources = {path.relative_to(ROOT).as_posix() for path in (ROOT / "mlops/enforcer").glob("*/*.*")}
    actions = {f"mlops/shipped/infra/lakefs/{name}.yaml" for name in ("direct", "gate", "tags")}
    assert sources | actions <= packed


def test_the_main_job_runs_in_an_empty_folder(installed: Installed) -> None:
    installed.run("init", "flights")
    installed.run("ingest", "flights", "2013-01..2013-02")
    assert "is promotion 1" in installed.run("run", "flights")
    installed.run("ingest", "flights", "2013-03")
    installed.run("run", "flights", code=(0, 5))
    installed.run("audit", "flights")
    installed.run("rollback", "flights", "--to", "1", "--reason", "tried")
    installed.run("audit", "flights")
    assert {path.name for path in installed.work.iterdir()} == {".mlops"}


def test_a_pipeline_from_a_wheel_of_its_own_runs_beside_the_product(
    installed: Installed, tmp_path: Path
) -> None:
    installed.run("new", "their-prices", "--task", "regression")
    project = installed.work / "their-prices"
    _build(project, tmp_path, "wheel")
    shutil.rmtree(project)
    installed.install(next(tmp_path.glob("*.whl")))
    checked = json.loads(installed.run("check", "their-prices", "--json"))
    assert (checked["declared"], checked["problems"]) == ("entry point of their-prices 0.1.0", [])
    installed.run("init", "their-prices")
    installed.run("ingest", "their-prices", "part-1", "part-2")
    assert "is promotion 1" in installed.run("run", "their-prices")
    installed.run("audit", "their-prices", "--rescore", "--rebuild", "--refit")


def test_the_pages_are_served(installed: Installed) -> None:
    installed.run("up")
    installed.run("down")


def test_the_demonstrations_run(installed: Installed) -> None:
    assert "promotion" in installed.run("demo", "--months", "3")
    installed.run("anomalies", "--only", "direct-write")

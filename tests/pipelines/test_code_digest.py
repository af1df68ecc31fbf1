"""The digest of a run's code: shared code and the pipeline's own package, nothing of other pipelines."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pipelines.test_registry import ROOT, declaring, installed, spec, write

DIGESTS = """
import json, sys
from mlops.pipelines import pipeline
from mlops.steps.run_inputs import code_digest
print(json.dumps({name: code_digest(pipeline(name)) for name in sys.argv[1:]}))
"""


def digests(folder: Path, *names: str, path: Path) -> dict[str, str]:
    answer = subprocess.run(
        [sys.executable, "-P", "-B", "-c", DIGESTS, *names],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(path)},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(answer.stdout)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the program that a test may change."""
    folder = tmp_path_factory.mktemp("program")
    shutil.copytree(ROOT / "mlops", folder / "mlops", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Path:
    files = {"acme/__init__.py": "", "acme/lines.py": spec(), "other.py": spec("other")}
    return write(tmp_path, {**files, "pyproject.toml": declaring(mine="acme.lines:SPEC", other="other:SPEC")})


@pytest.mark.parametrize(
    ("file", "changed"),
    [
        ("mlops/pipelines/flights/new.py", {"flights"}),
        ("mlops/pipelines/__init__.py", set()),
        ("mlops/pipelines/registry/new.py", set()),
        ("mlops/pipelines/tasks/new.py", {"flights", "mine", "other"}),
        ("mlops/pipelines/sources/new.py", {"flights", "mine", "other"}),
        ("mlops/pipelines/spec.py", {"flights", "mine", "other"}),
        ("mlops/steps/new.py", {"flights", "mine", "other"}),
        ("mlops/runs/gate/new.py", {"flights", "mine", "other"}),
        ("mlops/cli/new.py", set()),
    ],
)
def test_a_file_of_the_program_changes_the_digests_of_those_who_use_it(
    program: Path, project: Path, file: str, changed: set[str]
) -> None:
    names = ("flights", "mine", "other")
    before = digests(project, *names, path=program)
    path = program / file
    kept = path.read_bytes() if path.exists() else None
    try:
        path.write_bytes((kept or b"") + b"\n# changed\n")
        after = digests(project, *names, path=program)
    finally:
        path.unlink() if kept is None else path.write_bytes(kept)
    assert {name for name in names if before[name] != after[name]} == changed


@pytest.mark.parametrize(
    ("file", "changed"),
    [
        ("acme/further/features.py", {"mine"}),
        ("acme/notes.txt", set()),
        ("other.py", {"other"}),
        ("beside.py", set()),
    ],
)
def test_a_file_of_a_project_changes_the_digest_of_its_own_pipeline(
    project: Path, file: str, changed: set[str]
) -> None:
    names = ("flights", "mine", "other")
    before = digests(project, *names, path=ROOT)
    path = project / file
    path.parent.mkdir(exist_ok=True)
    path.write_bytes((path.read_bytes() if path.exists() else b"") + b"\n# changed\n")
    after = digests(project, *names, path=ROOT)
    assert {name for name in names if before[name] != after[name]} == changed


def test_another_version_of_an_installed_distribution_is_other_code(tmp_path: Path) -> None:
    found = []
    for version in ("1.0", "1.1"):
        site = installed(tmp_path / version, "acme", "mine = acme:SPEC", version=version)
        write(site, {"acme.py": spec()})
        path = Path(f"{site}{os.pathsep}{ROOT}")
        found.append(digests(tmp_path, "mine", path=path)["mine"])
    assert found[0] != found[1]

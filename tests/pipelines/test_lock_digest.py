"""The digest of a run's libraries: those of the program, and those that a pipeline outside it imports."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path

import pytest

from mlops.pipelines import pipeline
from mlops.pipelines.registry.imports import imported_modules, versions_of
from mlops.pipelines.registry.packages import CodePackage
from mlops.runs.digest import digest_of
from mlops.runs.errors import ConfigError
from mlops.steps.run_inputs import lock_digest
from tests.pipelines.test_registry import ROOT, declaring, installed, spec, write

ASK = """
import json, sys
from mlops.pipelines import pipeline
from mlops.steps.run_inputs import lock_digest
print(json.dumps(lock_digest(pipeline(sys.argv[1]))))
"""
LIBRARIES = ("great-expectations", "mlflow", "numpy", "pandas", "pyarrow", "scikit-learn", "scipy", "skops")


def asked(folder: Path, site: Path) -> str:
    answer = subprocess.run(
        [sys.executable, "-P", "-B", "-c", ASK, "mine"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": f"{site}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(answer.stdout)


def library(folder: Path, version: str) -> Path:
    """Put a library that nobody else has into a folder of the search path."""
    site = installed(folder, "quaint", version=version)
    write(site, {f"quaint-{version}.dist-info/top_level.txt": "quaint_words\n", "quaint_words.py": "A = 1\n"})
    return site


@pytest.mark.parametrize(
    "line",
    ["import quaint_words", "from quaint_words import A", "def late():\n    import quaint_words.parts as p"],
)
def test_the_version_of_an_imported_library_is_part_of_the_digest(tmp_path: Path, line: str) -> None:
    files = {"acme/__init__.py": "", "acme/lines.py": spec(before=f"{line}\n")}
    project = write(tmp_path / "project", {**files, "pyproject.toml": declaring(mine="acme.lines:SPEC")})
    first, again, other = (
        library(tmp_path / name, version) for name, version in zip("abc", "112", strict=True)
    )
    assert asked(project, first) == asked(project, again) != asked(project, other)


def test_a_library_that_is_not_imported_and_one_of_the_program_change_nothing(tmp_path: Path) -> None:
    files = {"acme/__init__.py": "", "acme/lines.py": spec(before="import numpy, sklearn.tree, json\n")}
    project = write(tmp_path / "project", {**files, "pyproject.toml": declaring(mine="acme.lines:SPEC")})
    old = digest_of({name: metadata.version(name) for name in LIBRARIES})
    assert asked(project, library(tmp_path / "a", "1")) == asked(project, library(tmp_path / "b", "2")) == old


@pytest.mark.parametrize("name", ["flights", "movie-ratings", "songs", "tabular-lab"])
def test_pipelines_of_the_program_have_the_digest_that_they_had(name: str) -> None:
    assert lock_digest(pipeline(name)) == digest_of({lib: metadata.version(lib) for lib in LIBRARIES})


def test_a_module_that_is_not_installed_is_named_without_a_version() -> None:
    assert versions_of(["no_such_module_at_all"]) == {"module no_such_module_at_all": ""}
    assert versions_of(["yaml"]) == {"PyYAML": metadata.version("PyYAML")}
    assert versions_of([]) == {}


def test_a_package_does_not_import_itself_or_python(tmp_path: Path) -> None:
    lines = "import acme.other, os.path\nfrom . import x\nfrom .y import z\nfrom acme import q\n"
    write(tmp_path, {"acme/__init__.py": lines, "acme/deep/far.py": "import odd.one\n"})
    assert imported_modules(CodePackage("acme", tmp_path / "acme")) == {"odd"}
    write(tmp_path, {"acme/bad.py": "def (:\n"})
    with pytest.raises(ConfigError, match="cannot be read as Python"):
        imported_modules(CodePackage("acme", tmp_path / "acme"))


def test_a_pipeline_without_further_libraries_costs_next_to_nothing(tmp_path: Path) -> None:
    """The files are parsed, and the lists of all distributions are not read."""
    for number in range(10):
        write(tmp_path, {f"acme/part_{number}.py": spec()})
    begun = time.process_time()
    imported_modules(CodePackage("acme", tmp_path / "acme"))
    assert time.process_time() - begun < 0.1

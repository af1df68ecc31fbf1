"""The inputs of a run: digests of raw data, code and libraries, and the code's git commit."""

from __future__ import annotations

import dataclasses
import functools
import subprocess
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.adapters.identity import who_works
from mlops.pipelines import PIPELINES
from mlops.pipelines.registry import code_of, outside_code_of
from mlops.pipelines.registry.imports import imported_modules, versions_of
from mlops.runs import names
from mlops.runs.digest import digest_of, sha256, tree_digest
from mlops.runs.ports import Author
from mlops.runs.records import RunInputs

if TYPE_CHECKING:
    from mlops.pipelines.registry import CodePackage
    from mlops.pipelines.spec import PipelineSpec
    from mlops.runs.ports import Lake

#: Fits are deterministic given this; it is not configurable, so that nobody can shop for a lucky one.
SEED = 20130101

#: Metadata keys of the digests of code and libraries, where a commit has no other record of them.
CODE_KEY, LOCK_KEY = "code_digest", "lock_digest"

#: Packages whose versions can change what a run computes, and the module that each provides.
_LIBRARIES = {
    "great-expectations": "great_expectations",
    "mlflow": "mlflow",
    "numpy": "numpy",
    "pandas": "pandas",
    "pyarrow": "pyarrow",
    "scikit-learn": "sklearn",
    "scipy": "scipy",
    "skops": "skops",
}

#: Folders below `mlops` whose code computes what a run of any pipeline writes.
_SHARED = ("adapters", "pipelines", "runs", "steps")
#: What only says which pipelines there are: a new line there must not make old runs new.
_REGISTRY = ("pipelines/__init__.py", "pipelines/registry/")

#: Folder of this program.
PACKAGE = Path(__file__).resolve().parent.parent


def inputs_of(spec: PipelineSpec, lake: Lake, commit: str, params: Any) -> RunInputs:
    """Return the inputs of a run that reads ``raw/`` at a commit with these model parameters."""
    raw = lake.list(commit, names.RAW)
    return RunInputs(
        pipeline=spec.name,
        raw_digest=tree_digest((stat.path, stat.checksum) for stat in raw),
        code_digest=code_digest(spec),
        lock_digest=lock_digest(spec),
        params=dataclasses.asdict(params),
        seed=SEED,
    )


def code_digest(spec: PipelineSpec) -> str:
    """Return the digest of the source files that compute what a run of a pipeline writes.

    They are the shared code of this program and the pipeline's own package; other pipelines do not count. The
    version of an installed distribution counts as well.

    Raises:
        ConfigError: The pipeline's code is in no files.
    """
    return _code_digest(code_of(spec))


@functools.cache
def _code_digest(own: CodePackage) -> str:
    files = {**_shared_files(), **{f"own/{name}": path for name, path in own.files()}}
    contents = [(name, sha256(path.read_bytes())) for name, path in sorted(files.items())]
    return tree_digest([*contents, ("own distribution", sha256(own.version.encode()))])


def _shared_files() -> dict[str, Path]:
    """Return name to path of the shared code: all but the registry and the packages of pipelines."""
    found: dict[str, Path] = {}
    built_in = tuple(f"{target.partition(':')[0].rpartition('.')[0]}." for target in PIPELINES.values())
    for folder in _SHARED:
        for path in (PACKAGE / folder).rglob("*.py"):
            name = path.relative_to(PACKAGE).as_posix()
            module = f"mlops.{name.removesuffix('.py').replace('/', '.')}"
            if not name.startswith(_REGISTRY) and not module.startswith(built_in):
                found[name] = path
    return found


def lock_digest(spec: PipelineSpec) -> str:
    """Return the digest of the versions of the libraries that compute.

    For a pipeline declared outside this program they include every library that its package imports by name.

    Raises:
        ConfigError: The pipeline's code is in no files, or no Python.
    """
    return _lock_digest(outside_code_of(spec))


@functools.cache
def _lock_digest(outside: CodePackage | None) -> str:
    versions = {name: metadata.version(name) for name in _LIBRARIES}
    if outside is not None:
        versions.update(versions_of(imported_modules(outside) - {*_LIBRARIES.values(), "mlops"}))
    return digest_of(versions)


@functools.cache
def git_state() -> dict[str, str]:
    """Return the code's git commit and whether its tree was clean; empty where the code is in no checkout.

    An installed program may lie in a virtual environment inside another checkout, which is not its own.
    """
    commit = _git("rev-parse", "HEAD")
    if commit is None or _git("ls-files", "--error-unmatch", "--", str(PACKAGE / "__init__.py")) is None:
        return {}
    dirty = _git("status", "--porcelain", "--untracked-files=no", "--", str(PACKAGE))
    return {"mlops.code_commit": commit, "mlops.code_clean": str(dirty == "").lower()}


def _nobody() -> str:
    return ""


@functools.cache
def author(user: str = "", proven: Callable[[], str] = _nobody) -> Author:
    """Return who is at work, and the git commit of the code.

    Args:
        user: The name from the settings.
        proven: Returns the user whom the lake server authenticated; empty where it has a single account.
    """
    state = git_state()
    clean = state.get("mlops.code_clean") == "true"
    return Author(who_works(user, proven), state.get("mlops.code_commit", ""), clean)


def _git(*arguments: str) -> str | None:
    try:
        answer = subprocess.run(
            ["git", "-C", str(PACKAGE), *arguments], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() if answer.returncode == 0 else None

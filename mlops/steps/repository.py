"""A pipeline's repository: created, with what judges its runs on `main` from the first commit on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mlops.runs import names
from mlops.runs.errors import ConfigError, Conflict
from mlops.runs.reconcile import reconcile
from mlops.runs.setup import is_set_up, set_up

if TYPE_CHECKING:
    from mlops.adapters.lake_connection import Connection
    from mlops.runs.ports import Ports

_ROOT = Path(__file__).resolve().parent.parent.parent
_ACTIONS = _ROOT / "infra" / "lakefs"


def gate_files(pipeline: str) -> dict[str, bytes]:
    """Return path to content of everything that judges a pipeline, from the code base.

    Raises:
        ConfigError: A part is missing; it is named.
    """
    folder = _ROOT / "expectations" / pipeline
    files = {
        names.POLICY: folder / "policy.yaml",
        names.HOLDOUT_RULE: folder / "holdout.yaml",
        names.ENFORCER: _ACTIONS / "gate.yaml",
    }
    suites = {names.suite_path(file.stem): file for file in sorted(folder.glob("*.json"))}
    files |= suites | {f"{names.ACTIONS}{file.name}": file for file in sorted(_ACTIONS.glob("*.yaml"))}
    missing = [file for file in files.values() if not file.is_file()]
    if missing or not suites:
        where = str((missing or [folder / "<table>.json"])[0].relative_to(_ROOT))
        raise ConfigError(
            "a part of the pipeline is missing", where=where, todo="add it, then run init again"
        )
    return {path: file.read_bytes() for path, file in files.items()}


def create_repository(connection: Connection, name: str, storage_namespace: str = "") -> bool:
    """Create the repository unless it exists; return whether it was created."""
    if name in connection.repositories():
        return False
    try:
        connection.create_repository(name, storage_namespace)
    except Conflict:
        return False  # another process was first
    return True


def initialise(ports: Ports, pipeline: str) -> bool:
    """Put gate and enforcer on `main`, prove the enforcer alive, protect `main`; return if any was new."""
    if is_set_up(ports.lake):
        reconcile(ports)
    return set_up(ports, gate_files(pipeline))

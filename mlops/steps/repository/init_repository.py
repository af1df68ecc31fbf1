"""Creation of a pipeline's repository, with the gate configuration in its first commit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mlops import pipelines
from mlops.pipelines.registry import declaration_of
from mlops.runs import names
from mlops.runs.errors import ConfigError, Conflict
from mlops.runs.main.setup import is_set_up, set_up
from mlops.runs.upkeep.reconcile import reconcile
from mlops.steps.repository.gate_agreement import check_holdout_rule, check_policy
from mlops.steps.repository.shipped_files import enforcer, expectations

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    from mlops.adapters.lake.connection import Connection
    from mlops.runs.ports import Ports


def gate_files(pipeline: str) -> dict[str, bytes]:
    """Return path to content of a pipeline's gate configuration, from the code base.

    Raises:
        ConfigError: A part is missing; it is named.
    """
    folder = expectations(pipeline)
    files = {
        names.POLICY: folder.joinpath("policy.yaml"),
        names.HOLDOUT_RULE: folder.joinpath("holdout.yaml"),
    }
    suites = {names.suite_path(Path(f.name).stem): f for f in _files(folder, ".json")}
    missing = [path for path in (names.POLICY, names.HOLDOUT_RULE) if not files[path].is_file()]
    missing += [] if suites else [f"{names.SUITES}<table>.json"]
    if missing:
        raise _lacking(missing[0], folder)
    return {path: file.read_bytes() for path, file in (files | suites).items()} | action_files()


def action_files() -> dict[str, bytes]:
    """Return path to content of the server's actions, which are the same for every pipeline.

    Raises:
        ConfigError: The enforcer is missing.
    """
    folder = enforcer()
    found = {f"{names.ACTIONS}{f.name}": f.read_bytes() for f in _files(folder, ".yaml")}
    if names.ENFORCER not in found:
        raise _lacking(names.ENFORCER, folder)
    return found


def _lacking(path: str, folder: Traversable) -> ConfigError:
    return ConfigError(
        f"a part of the pipeline is missing: {path}", where=str(folder), todo="add it, then run init again"
    )


def checked_gate_files(pipeline: str) -> dict[str, bytes]:
    """Return the gate configuration of a pipeline, parsed so that a typo is found before it reaches a server.

    Raises:
        ConfigError: A part is missing, or the policy or the holdout rule is wrong or names something that the
            pipeline does not record.
    """
    from mlops.adapters.policy.files import parse_holdout_rule, parse_policy

    files = gate_files(pipeline)
    spec = pipelines.pipeline(pipeline)
    policy, rule = (place_of(pipeline, f"{name}.yaml") for name in ("policy", "holdout"))
    check_policy(spec, parse_policy(files[names.POLICY], name=policy), policy)
    check_holdout_rule(spec, parse_holdout_rule(files[names.HOLDOUT_RULE], name=rule), rule)
    return files


def place_of(pipeline: str, file: str) -> str:
    """Return what a file of a pipeline's gate configuration is called in errors: where to correct it."""
    if declaration_of(pipeline).built_in:
        return f"expectations/{pipeline}/{file}"
    return str(expectations(pipeline).joinpath(file))


def _files(folder: Traversable, suffix: str) -> list[Traversable]:
    """Return the files of a folder with this suffix, ascending by name; none where there is no folder."""
    if not folder.is_dir():
        return []
    found = [file for file in folder.iterdir() if file.name.endswith(suffix) and file.is_file()]
    return sorted(found, key=lambda file: file.name)


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
    """Commit gate and enforcer to `main`, prove that it is active, protect `main`; return if any was new."""
    if is_set_up(ports.lake):
        reconcile(ports)
    return set_up(ports, gate_files(pipeline))

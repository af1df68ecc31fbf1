"""Creation of a pipeline's repository, with the gate configuration in its first commit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mlops import pipelines
from mlops.runs import names
from mlops.runs.errors import ConfigError, Conflict
from mlops.runs.main.setup import is_set_up, set_up
from mlops.runs.upkeep.reconcile import reconcile
from mlops.steps.gate_agreement import check_holdout_rule, check_policy
from mlops.steps.shipped_files import enforcer, expectations

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    from mlops.adapters.lake.connection import Connection
    from mlops.runs.ports import Ports


def gate_files(pipeline: str) -> dict[str, bytes]:
    """Return path to content of a pipeline's gate configuration, from the code base.

    Raises:
        ConfigError: A part is missing; it is named.
    """
    folder, actions = expectations(pipeline), enforcer()
    files = {
        names.POLICY: folder.joinpath("policy.yaml"),
        names.HOLDOUT_RULE: folder.joinpath("holdout.yaml"),
    }
    suites = {names.suite_path(Path(f.name).stem): f for f in _files(folder, ".json")}
    files |= suites | {f"{names.ACTIONS}{f.name}": f for f in _files(actions, ".yaml")}
    missing = [path for path in (names.POLICY, names.HOLDOUT_RULE) if not files[path].is_file()]
    missing += [path for path in (names.ENFORCER,) if path not in files]
    missing += [] if suites else [f"{names.SUITES}<table>.json"]
    if missing:
        raise ConfigError(
            f"a part of the pipeline is missing: {missing[0]}",
            where=str(actions if missing[0] == names.ENFORCER else folder),
            todo="add it, then run init again",
        )
    return {path: file.read_bytes() for path, file in files.items()}


def checked_gate_files(pipeline: str) -> dict[str, bytes]:
    """Return the gate configuration of a pipeline, parsed so that a typo is found before it reaches a server.

    Raises:
        ConfigError: A part is missing, or the policy or the holdout rule is wrong or names something that the
            pipeline does not record.
    """
    from mlops.adapters.policy.files import parse_holdout_rule, parse_policy

    files = gate_files(pipeline)
    spec = pipelines.pipeline(pipeline)
    policy, rule = (f"expectations/{pipeline}/{name}.yaml" for name in ("policy", "holdout"))
    check_policy(spec, parse_policy(files[names.POLICY], name=policy), policy)
    check_holdout_rule(spec, parse_holdout_rule(files[names.HOLDOUT_RULE], name=rule), rule)
    return files


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

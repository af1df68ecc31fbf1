"""Checks of suites, policy and holdout rule against the specification."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from mlops.adapters.policy import yaml_subset
from mlops.adapters.policy.files import parse_holdout_rule, parse_policy
from mlops.runs.errors import ConfigError
from mlops.steps.prepare import PROCESSED_SUITE
from mlops.steps.repository.gate_agreement import holdout_rule_problems, policy_problems
from mlops.steps.repository.init_repository import place_of
from mlops.steps.repository.shipped_files import expectations

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    from mlops.pipelines.spec import PipelineSpec
    from mlops.runs.decisions import Policy
    from mlops.runs.records import HoldoutRule
    from mlops.steps.checks.problems import Problems


@dataclass
class Configuration:
    """The part of a gate configuration that could be read.

    Attributes:
        suites: Table to suite.
        policy: The policy, if it can be read.
        rule: The holdout rule, if it can be read.
        rule_document: Tells the line of a key of the rule.
    """

    suites: dict[str, Any] = field(default_factory=dict[str, Any])
    policy: Policy | None = None
    rule: HoldoutRule | None = None
    rule_document: yaml_subset.Document | None = None


def check_configuration(spec: PipelineSpec, problems: Problems) -> Configuration:
    """Read the gate configuration of a pipeline and return it; add what is missing or wrong."""
    folder, found = expectations(spec.name), Configuration()
    if not folder.is_dir():
        todo = "create it with policy.yaml, holdout.yaml and a suite for each table"
        problems.add("the folder with suites, policy and holdout rule is missing", str(folder), todo)
        return found
    for table in (*spec.tables, PROCESSED_SUITE):
        suite = _suite(table, folder, spec, problems)
        if suite is not None:
            found.suites[table] = suite
    known = {f"{table}.json" for table in (*spec.tables, PROCESSED_SUITE)}
    for file in sorted(file.name for file in folder.iterdir() if PurePath(file.name).suffix == ".json"):
        if file not in known:
            todo = f"the tables are {', '.join((*spec.tables, PROCESSED_SUITE))}"
            problems.add(
                "a suite for a table that the pipeline does not have", place_of(spec.name, file), todo
            )
    _read_policy(spec, folder, found, problems)
    _read_rule(spec, folder, found, problems)
    return found


def _suite(table: str, folder: Traversable, spec: PipelineSpec, problems: Problems) -> Any:
    name, place = f"{table}.json", place_of(spec.name, f"{table}.json")
    file = folder.joinpath(name)
    if not file.is_file():
        problems.add(f"there is no suite for {table}", place, "describe which rows are accepted")
        return None
    try:
        suite = json.loads(file.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        problems.add(f"cannot be read as JSON: {error.msg}", f"{place}:{error.lineno}")
        return None
    except (ValueError, RecursionError) as error:
        problems.add(f"cannot be read as JSON: {error}", place)
        return None
    if not isinstance(suite, dict) or suite.get("name") != table:
        problems.add(f"must be an object whose name is {table}", place)
        return None
    return suite


def _read_policy(spec: PipelineSpec, folder: Traversable, found: Configuration, problems: Problems) -> None:
    data, place = _content(spec, folder, "policy.yaml", problems)
    if data is None:
        return
    with problems.collected("policy"):
        found.policy = parse_policy(data, name=place)
        document = yaml_subset.read(data, place)
        problems.found += policy_problems(spec, found.policy, document.at)


def _read_rule(spec: PipelineSpec, folder: Traversable, found: Configuration, problems: Problems) -> None:
    data, place = _content(spec, folder, "holdout.yaml", problems)
    if data is None:
        return
    with problems.collected("holdout rule"):
        found.rule = parse_holdout_rule(data, name=place)
        found.rule_document = yaml_subset.read(data, place)
        problems.found += holdout_rule_problems(spec, found.rule, found.rule_document.at)


def _content(
    spec: PipelineSpec, folder: Traversable, name: str, problems: Problems
) -> tuple[bytes | None, str]:
    file, place = folder.joinpath(name), place_of(spec.name, name)
    if file.is_file():
        return file.read_bytes(), place
    problems.found.append(ConfigError("is missing", where=place))
    return None, place

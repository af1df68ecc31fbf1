"""The agreement of a gate configuration with its pipeline: runs must record what a policy names."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from typing import TYPE_CHECKING

from mlops.pipelines.tasks.rows import RowTask
from mlops.runs.errors import ConfigError
from mlops.runs.evidence import NO_METRIC, metric_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlops.pipelines.spec import PipelineSpec
    from mlops.runs.decisions import Policy
    from mlops.runs.records import HoldoutRule

#: Path of a key in a YAML file to its place, for errors.
At = Callable[[tuple[str | int, ...]], str]


def check_policy(spec: PipelineSpec, policy: Policy, where: str) -> None:
    """Return if runs of the pipeline record all that the policy names.

    Args:
        spec: The pipeline.
        policy: The policy.
        where: What its file is called in errors.

    Raises:
        ConfigError: A metric is not one of the pipeline's task, or a guard is by a column that the pipeline
            does not declare as a slice.
    """
    for problem in policy_problems(spec, policy, lambda _path: where):
        raise problem


def policy_problems(spec: PipelineSpec, policy: Policy, at: At) -> list[ConfigError]:
    """Return everything that a policy names and runs of the pipeline do not record.

    Args:
        spec: The pipeline.
        policy: The policy.
        at: Returns what the place of a key of its file is called in errors.
    """
    if not (spec.has_model and policy.has_model):
        return _other_kind(spec, policy, at(("metric",)))
    metrics = [metric_of(loss) for loss in spec.task.losses]
    found = [_unknown("metric", policy.metric, metrics, at(("metric",)))]
    for number, guard in enumerate(policy.guards):
        place = f"guards[{number}]"
        found.append(_unknown(f"{place}.metric", guard.metric, metrics, at(("guards", number, "metric"))))
        if guard.by:
            found.append(_unknown(f"{place}.by", guard.by, spec.slices, at(("guards", number, "by"))))
    return [problem for problem in found if problem is not None]


def _other_kind(spec: PipelineSpec, policy: Policy, where: str) -> list[ConfigError]:
    """Return the problem of a policy about data alone for a pipeline with a model, or the other way round."""
    if spec.has_model == policy.has_model:
        return []
    if spec.has_model:
        what = f"metric: '{NO_METRIC}' is for data without a model, and the pipeline {spec.name} has one"
        known = ", ".join(metric_of(loss) for loss in spec.task.losses)
        return [ConfigError(what, where=where, todo=f"there are: {known}")]
    what = f"metric: the pipeline {spec.name} holds data without a model, so it records no '{policy.metric}'"
    return [ConfigError(what, where=where, todo=f"write metric: {NO_METRIC}")]


def check_holdout_rule(spec: PipelineSpec, rule: HoldoutRule, where: str) -> None:
    """Return if the pipeline has what the holdout rule needs.

    Args:
        spec: The pipeline.
        rule: The rule.
        where: What its file is called in errors.

    Raises:
        ConfigError: The rule holds out a period of a pipeline whose rows have no time, or nothing although
            there is a model, or something although there is none.
    """
    for problem in holdout_rule_problems(spec, rule, lambda _path: where):
        raise problem


def holdout_rule_problems(spec: PipelineSpec, rule: HoldoutRule, at: At) -> list[ConfigError]:
    """Return everything that a holdout rule needs and the pipeline does not have."""
    if spec.has_model == (rule.kind == "none"):
        has = "has a model, which needs rows to be judged by" if spec.has_model else "has no model to judge"
        todo = "hold out a share of the keys, with kind: hash" if spec.has_model else "write kind: none"
        what = f"kind: {rule.kind} does not fit: the pipeline {spec.name} {has}"
        return [ConfigError(what, where=at(("kind",)), todo=todo)]
    if rule.is_rolling and spec.time and not isinstance(spec.task, RowTask):
        what = f"kind: {rule.kind} judges rows one by one, and the task of the pipeline {spec.name} does not"
        return [
            ConfigError(what, where=at(("kind",)), todo="hold out the newest of them: kind: newest_period")
        ]
    if not rule.is_timed or spec.time:
        return []
    return [
        ConfigError(
            f"kind: {rule.kind} needs rows with a time, and the pipeline {spec.name} declares none",
            where=at(("kind",)),
            todo="hold out a share of the keys, with kind: hash",
        )
    ]


def column_problems(rule: HoldoutRule, columns: Sequence[str], at: At) -> list[ConfigError]:
    """Return the columns that a holdout rule names and joined rows do not have.

    Args:
        rule: The rule.
        columns: Columns of the joined rows.
        at: Returns what the place of a key of the rule's file is called in errors.
    """
    named = [("column", name) for name in (rule.column,) if name] + [("by", name) for name in rule.by]
    return [
        ConfigError(
            f"{key}: the joined rows have no column '{name}'{_guess(name, columns)}", where=at((key,))
        )
        for key, name in named
        if name not in columns
    ]


def _unknown(key: str, name: str, known: Sequence[str], where: str) -> ConfigError | None:
    if name in known:
        return None
    there = ", ".join(known) if known else "none"
    what = f"{key}: the pipeline records no '{name}'{_guess(name, known)}"
    return ConfigError(what, where=where, todo=f"there are: {there}")


def _guess(name: str, known: Sequence[str]) -> str:
    nearest = get_close_matches(name, known, n=1)
    return f"; did you mean '{nearest[0]}'?" if nearest else ""

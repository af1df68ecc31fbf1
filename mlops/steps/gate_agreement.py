"""The agreement of a gate configuration with its pipeline: runs must record what a policy names."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from mlops.runs.errors import ConfigError
from mlops.runs.evidence import metric_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlops.pipelines.spec import PipelineSpec
    from mlops.runs.decisions import Policy
    from mlops.runs.records import HoldoutRule


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
    metrics = [metric_of(loss) for loss in spec.task.losses]
    _check_known("metric", policy.metric, metrics, where)
    for number, guard in enumerate(policy.guards):
        _check_known(f"guards[{number}].metric", guard.metric, metrics, where)
        if guard.by:
            _check_known(f"guards[{number}].by", guard.by, spec.slices, where)


def check_holdout_rule(spec: PipelineSpec, rule: HoldoutRule, where: str) -> None:
    """Return if the pipeline has what the holdout rule needs.

    Args:
        spec: The pipeline.
        rule: The rule.
        where: What its file is called in errors.

    Raises:
        ConfigError: The rule holds out a period of a pipeline whose rows have no time.
    """
    if rule.kind == "newest_period" and not spec.time:
        raise ConfigError(
            f"kind: {rule.kind} needs rows with a time, and the pipeline {spec.name} declares none",
            where=where,
            todo="hold out a share of the keys, with kind: hash",
        )


def _check_known(key: str, name: str, known: Sequence[str], where: str) -> None:
    if name in known:
        return
    nearest = get_close_matches(name, known, n=1)
    guess = f"; did you mean '{nearest[0]}'?" if nearest else ""
    there = ", ".join(known) if known else "none"
    raise ConfigError(
        f"{key}: the pipeline records no '{name}'{guess}", where=where, todo=f"there are: {there}"
    )

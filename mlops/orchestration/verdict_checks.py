"""The verdict as asset checks of `evaluation`: one for the whole of it, one for each guard of the policy.

A refusal is an answer and no error: the checks fail as warnings, and the run goes on to its end. Checks are
declared before any lake is asked, so there is one for each guard of the policy that the pipeline ships. A
guard that only the policy on `main` has is part of the whole.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import dagster as dg

from mlops.adapters.policy.files import parse_policy
from mlops.runs import names
from mlops.runs.errors import MlopsError
from mlops.runs.evidence import Contender
from mlops.steps.repository.shipped_files import expectations

if TYPE_CHECKING:
    from mlops.pipelines.spec import PipelineSpec
    from mlops.runs.decisions import Decision, Guard, Interval

BEATS_CHAMPION = "beats_champion"
_COLUMNS = ("name", "candidate", "other", "difference", "lower", "upper", "bound", "holds")


def verdict_specs(spec: PipelineSpec, asset: dg.AssetKey) -> list[dg.AssetCheckSpec]:
    """Return the checks of a verdict; data without a model has none, there its suites decide."""
    if not spec.has_model:
        return []
    whole = dg.AssetCheckSpec(
        BEATS_CHAMPION, asset=asset, description="The gate promotes the candidate; a refusal is a warning."
    )
    guards = [
        dg.AssetCheckSpec(
            guard_name(guard),
            asset=asset,
            description=f"{guard.metric}{f' by {guard.by}' if guard.by else ''} does not get worse than the "
            "champion's by more than the tolerance, with the uncertainty included.",
        )
        for guard in _shipped_guards(spec)
    ]
    return [whole, *{found.name: found for found in guards}.values()]


def guard_name(guard: Guard) -> str:
    """Return the name of a guard's check, e.g. ``guard_mae_by_origin``."""
    return re.sub(r"\W", "_", f"guard_{guard.metric}{f'_by_{guard.by}' if guard.by else ''}")


def _shipped_guards(spec: PipelineSpec) -> Sequence[Guard]:
    try:
        file = expectations(spec.name).joinpath(names.POLICY.removeprefix(names.GATE))
        return parse_policy(file.read_bytes()).guards
    except (MlopsError, OSError):
        return ()


def verdict_results(spec: PipelineSpec, asset: dg.AssetKey, decision: Decision) -> list[dg.AssetCheckResult]:
    """Return the results of the checks of a verdict, for those that are declared."""
    if not spec.has_model:
        return []
    verdict = decision.verdict
    whole = dg.AssetCheckResult(
        passed=verdict.promotes,
        asset_key=asset,
        check_name=BEATS_CHAMPION,
        severity=dg.AssetCheckSeverity.WARN,
        description=verdict.sentence,
        metadata=_table(verdict.intervals),
    )
    guards = {guard_name(guard): guard for guard in _shipped_guards(spec)}
    return [whole, *(_guard_result(asset, name, guard, decision) for name, guard in guards.items())]


def _guard_result(asset: dg.AssetKey, name: str, guard: Guard, decision: Decision) -> dg.AssetCheckResult:
    verdict = decision.verdict
    found = [interval for interval in verdict.intervals[1:] if _is_of(interval, guard)]
    broken = [interval.name for interval in found if not interval.holds]
    said = (
        f"{', '.join(broken)} may have got too much worse" if broken else f"{len(found)} of {len(found)} hold"
    )
    if not found:
        compared = decision.compared_to.number and verdict.intervals
        said = (
            "the policy on main judged nothing by it" if compared else "nothing was compared with a champion"
        )
    return dg.AssetCheckResult(
        # Where a champion could not be compared at all, nothing shows that the guard holds.
        passed=not broken and bool(verdict.intervals),
        asset_key=asset,
        check_name=name,
        severity=dg.AssetCheckSeverity.WARN,
        description=said,
        metadata=_table(found),
    )


def _is_of(interval: Interval, guard: Guard) -> bool:
    """Return whether an interval, none of the first one, is a guard's; only guards follow it."""
    if interval.against != Contender.CHAMPION:
        return False
    prefix = f"{guard.metric} {guard.by}="
    return interval.name.startswith(prefix) if guard.by else interval.name == guard.metric


def _table(intervals: Sequence[Interval]) -> dict[str, dg.TableMetadataValue]:
    if not intervals:
        return {}
    rows = [dg.TableRecord({name: getattr(interval, name) for name in _COLUMNS}) for interval in intervals]
    return {"compared": dg.MetadataValue.table(rows)}

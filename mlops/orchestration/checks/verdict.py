"""The verdict as asset checks of `evaluation`: one for the whole of it, one for each guard of the policy.

A refusal is an answer and no error: the checks fail as warnings, and the run goes on to its end. Checks are
declared before any lake is asked, so there is one for each guard of the policy that the pipeline ships. A
guard that only the policy on `main` has is part of the whole.

An event of Dagster costs several milliseconds. The check of the whole is a step's; those of the guards are
not part of the job: the command that ran it reports them afterwards, and the pages can execute them any time.
"""


# The annotations of checks name classes that Dagster looks up, so they are evaluated as they stand.

import re
from collections.abc import Iterator, Sequence

import dagster as dg

from mlops.adapters.policy.files import parse_policy
from mlops.orchestration.checks.expectations import record_results
from mlops.orchestration.workspaces import Workspaces
from mlops.pipelines.spec import PipelineSpec
from mlops.runs import names
from mlops.runs.decisions import Decision, Guard, Interval, Verdict
from mlops.runs.errors import ConfigError, MlopsError
from mlops.runs.evidence import Contender
from mlops.runs.main.state import read_json
from mlops.steps.repository.shipped_files import expectations

BEATS_CHAMPION = "beats_champion"
_COLUMNS = ("name", "candidate", "other", "difference", "lower", "upper", "bound", "holds")


def verdict_specs(spec: PipelineSpec, asset: dg.AssetKey) -> list[dg.AssetCheckSpec]:
    """Return the check of the whole verdict; data without a model has none, there its suites decide."""
    said = "The gate promotes the candidate; a refusal is a warning."
    return [dg.AssetCheckSpec(BEATS_CHAMPION, asset=asset, description=said)] if spec.has_model else []


def guard_specs(spec: PipelineSpec, asset: dg.AssetKey) -> list[dg.AssetCheckSpec]:
    """Return a check for each guard of the policy that the pipeline ships."""
    guards = {guard_name(guard): guard for guard in _shipped_guards(spec)} if spec.has_model else {}
    return [
        dg.AssetCheckSpec(
            name,
            asset=asset,
            description=f"{guard.metric}{f' by {guard.by}' if guard.by else ''} does not get worse than the "
            "champion's by more than the tolerance, with the uncertainty included.",
        )
        for name, guard in guards.items()
    ]


def guard_name(guard: Guard) -> str:
    """Return the name of a guard's check, e.g. ``guard_mae_by_origin``."""
    return re.sub(r"\W", "_", f"guard_{guard.metric}{f'_by_{guard.by}' if guard.by else ''}")


def _shipped_guards(spec: PipelineSpec) -> Sequence[Guard]:
    try:
        file = expectations(spec.name).joinpath(names.POLICY.removeprefix(names.GATE))
        return parse_policy(file.read_bytes()).guards
    except (MlopsError, OSError):
        return ()


def verdict_results(spec: PipelineSpec, asset: dg.AssetKey, verdict: Verdict) -> list[dg.AssetCheckResult]:
    """Return the result of the check of the whole verdict."""
    return [
        dg.AssetCheckResult(
            passed=verdict.promotes,
            asset_key=check.asset_key,
            check_name=check.name,
            severity=dg.AssetCheckSeverity.WARN,
            description=verdict.sentence,
            metadata=_table(verdict.intervals),
        )
        for check in verdict_specs(spec, asset)
    ]


def guard_results(spec: PipelineSpec, asset: dg.AssetKey, decision: Decision) -> list[dg.AssetCheckResult]:
    """Return the results of the checks of guards."""
    guards = {guard_name(guard): guard for guard in _shipped_guards(spec)} if spec.has_model else {}
    return [_guard_result(asset, name, guard, decision) for name, guard in guards.items()]


def report_guards(instance: dg.DagsterInstance, spec: PipelineSpec, decision: Decision) -> None:
    """Record the results of the checks of guards in Dagster, after the run that they are about."""
    record_results(instance, guard_results(spec, dg.AssetKey([spec.name, "evaluation"]), decision))


def guard_checks(spec: PipelineSpec, asset: dg.AssetKey, name: str) -> list[dg.AssetChecksDefinition]:
    """Return the definition of the checks of guards, about the newest evaluation; none without guards."""
    specs = guard_specs(spec, asset)
    if not specs:
        return []

    @dg.multi_asset_check(name=name, specs=specs, can_subset=True)
    def guards(
        context: dg.AssetCheckExecutionContext, workspaces: dg.ResourceParam[Workspaces]
    ) -> Iterator[dg.AssetCheckResult]:
        newest = context.instance.get_latest_materialization_event(asset)
        found = newest.asset_materialization if newest is not None else None
        if found is None:
            raise ConfigError("no run was evaluated yet", where=spec.name, todo="launch the job")
        lake = workspaces.of(spec.name, context.log.info).lake
        commit = str(found.metadata["evidence commit"].value)
        decision = Decision.from_json(read_json(lake, commit, names.DECISION))
        wanted = {key.name for key in context.selected_asset_check_keys}
        yield from (r for r in guard_results(spec, asset, decision) if r.check_name in wanted)

    return [guards]


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

"""Guards of a policy as results of asset checks."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from mlops.orchestration.checks import verdict as verdict_checks
from mlops.orchestration.home import open_instance
from mlops.pipelines import pipeline
from mlops.runs.comparisons import Interval
from mlops.runs.decisions import Decision, Finding, Guard, Outcome, Reason, Verdict
from mlops.runs.records import ComparedTo
from mlops.steps.run import run_all
from mlops.steps.workspace import Workspace
from tests.orchestration.jobs import Current, current
from tests.orchestration.tiny import SPEC

FLIGHTS = pipeline("flights")
ASSET = dg.AssetKey(["flights", "evaluation"])


def interval(name: str, upper: float, *, holds: bool, against: str = "champion") -> Interval:
    return Interval(name, against, 10.0, 11.0, 1.0, 0.5, upper, 30, 0.025, 0.5, holds)


def decided(*intervals: Interval, number: int = 1) -> Decision:
    verdict = Verdict(Outcome.REFUSE, (Finding(Reason.GUARD_FAILED, "A guard failed."),), intervals)
    return Decision("0" * 12, "1" * 64, ComparedTo(number), "", "", "", "", "", verdict)


def results(decision: Decision) -> dict[str, dg.AssetCheckResult]:
    found = [
        *verdict_checks.verdict_results(FLIGHTS, ASSET, decision.verdict),
        *verdict_checks.guard_results(FLIGHTS, ASSET, decision),
    ]
    declared = [*verdict_checks.verdict_specs(FLIGHTS, ASSET), *verdict_checks.guard_specs(FLIGHTS, ASSET)]
    assert {result.check_name for result in found} == {check.name for check in declared}
    return {str(result.check_name): result for result in found}


def test_a_guard_fails_as_a_warning_and_names_the_slice() -> None:
    found = results(
        decided(
            interval("mae", 1.0, holds=True),
            interval("mae", 1.0, holds=True, against="baseline"),
            interval("rmse", 0.2, holds=True),
            interval("mae origin=EWR", 0.2, holds=True),
            interval("mae origin=JFK", 0.9, holds=False),
        )
    )

    assert not found["beats_champion"].passed
    assert found["guard_rmse"].passed
    assert not found["guard_mae_by_origin"].passed
    assert found["guard_mae_by_origin"].severity is dg.AssetCheckSeverity.WARN
    assert "mae origin=JFK" in (found["guard_mae_by_origin"].description or "")
    assert found["guard_bias"].passed
    assert found["guard_bias"].description == "the policy on main judged nothing by it"


def test_the_first_model_has_nothing_to_be_guarded_against() -> None:
    found = results(decided(interval("mae", 1.0, holds=True, against="baseline"), number=0))

    assert found["guard_rmse"].passed
    assert found["guard_rmse"].description == "nothing was compared with a champion"


def test_guards_that_were_not_compared_do_not_hold() -> None:
    assert not any(result.passed for result in results(decided()).values())


@pytest.mark.parametrize("name", ["tabular-lab"])
def test_data_without_a_model_has_no_such_checks(name: str) -> None:
    assert verdict_checks.verdict_specs(pipeline(name), ASSET) == []
    assert verdict_checks.verdict_results(pipeline(name), ASSET, decided().verdict) == []
    assert verdict_checks.guard_specs(pipeline(name), ASSET) == []
    assert verdict_checks.guard_results(pipeline(name), ASSET, decided()) == []


def test_guards_are_recorded_in_dagster_after_the_run(tmp_path: Path) -> None:
    decision = decided(interval("mae", 1.0, holds=True), interval("rmse", 0.9, holds=False))

    with open_instance(tmp_path) as instance:
        verdict_checks.report_guards(instance, FLIGHTS, decision)
        keys = [dg.AssetCheckKey(ASSET, check.name) for check in verdict_checks.guard_specs(FLIGHTS, ASSET)]
        found = instance.event_log_storage.get_latest_asset_check_execution_by_key(keys)
        passed = {key.name: record.evaluation.passed for key, record in found.items() if record.evaluation}
    assert passed == {"guard_rmse": False, "guard_bias": True, "guard_mae_by_origin": True}


def test_the_pages_can_check_the_guards_of_the_newest_evaluation(
    workspace: Workspace, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verdict_checks, "_shipped_guards", lambda _spec: (Guard("mae", 1.0),))
    ended = run_all(workspace, SPEC.parameters({}))
    asset = dg.AssetKey([SPEC.name, "evaluation"])
    current.append(workspace)
    (checks,) = verdict_checks.guard_checks(SPEC, asset, "guards_alone")
    commit = {"evidence commit": ended.evidence_commit}
    instance.report_runless_asset_event(dg.AssetMaterialization(asset, metadata=commit))
    definitions = dg.Definitions(
        assets=[dg.AssetSpec(asset)], asset_checks=[checks], resources={"workspaces": Current()}
    )

    done = definitions.resolve_implicit_global_asset_job_def().execute_in_process(instance=instance)

    (result,) = done.get_asset_check_evaluations()
    assert (result.check_name, result.passed) == ("guard_mae", True)

"""The sensor: one run for each arrival, decided from what `main` holds."""

from __future__ import annotations

import dagster as dg
import pytest

from mlops.orchestration.arrivals import look
from mlops.orchestration.building import build
from mlops.orchestration.workspaces import Workspaces
from mlops.runs import names
from mlops.runs.errors import LakeDenied, LakeUnavailable
from mlops.runs.promotion.opening import open_run
from mlops.runs.rollback.rollback import freeze, plan_rollback, resume
from mlops.runs.upkeep.reconcile import reconcile
from mlops.runs.upkeep.sweep import sweep
from mlops.steps import run
from mlops.steps.run_inputs import inputs_of
from mlops.steps.workspace import Workspace
from tests.orchestration.tiny import SPEC, arrive, inputs_at_head, tiny_workspace


def tick(workspace: Workspace, cursor: str | None = None) -> tuple[object, str | None]:
    sensor = build(SPEC).resolve_sensor_def("tiny_line_arrivals")
    resources = {"workspaces": Workspaces(lambda _name, _tell: workspace)}
    with (
        dg.DagsterInstance.ephemeral() as instance,
        dg.build_sensor_context(instance=instance, cursor=cursor, resources=resources) as context,
    ):
        return sensor(context), context.cursor


def test_an_arrival_makes_a_run_due(workspace: Workspace) -> None:
    request, _ = tick(workspace)
    assert isinstance(request, dg.RunRequest)
    assert request.run_key == inputs_at_head(workspace).digest


def test_two_ticks_ask_for_the_same_run(workspace: Workspace) -> None:
    first, second = tick(workspace)[0], tick(workspace)[0]
    assert isinstance(first, dg.RunRequest)
    assert isinstance(second, dg.RunRequest)
    assert first.run_key == second.run_key


def test_nothing_is_due_once_a_run_has_begun_even_without_a_cursor(workspace: Workspace) -> None:
    run.open_(workspace, SPEC.parameters({}))
    skipped, cursor = tick(workspace)
    assert isinstance(skipped, dg.SkipReason)
    assert cursor == inputs_at_head(workspace).raw_digest


def test_the_cursor_saves_looking_again(workspace: Workspace) -> None:
    seen = inputs_at_head(workspace).raw_digest
    assert look(workspace, seen).reason == "nothing has arrived since the last run"


def test_a_run_with_other_parameters_does_not_take_an_arrival(workspace: Workspace) -> None:
    params = SPEC.parameters({"shrinkage": 1.0})
    open_run(workspace.ports, lambda commit: inputs_of(SPEC, workspace.lake, commit, params))
    assert look(workspace).due is not None


def test_a_champion_has_taken_its_arrivals_whatever_its_parameters(workspace: Workspace) -> None:
    run.run_all(workspace, SPEC.parameters({"shrinkage": 1.0}))
    assert look(workspace).due is None


def test_the_next_arrival_is_due_again(workspace: Workspace) -> None:
    run.run_all(workspace, SPEC.parameters({}))
    _, cursor = tick(workspace)
    arrive(workspace, "2020-04")
    assert isinstance(tick(workspace, cursor)[0], dg.RunRequest)


def test_a_refused_run_is_remembered_after_its_branch_was_swept(workspace: Workspace) -> None:
    run.run_all(workspace, SPEC.parameters({}))
    arrive(workspace, "2020-04")
    assert run.run_all(workspace, SPEC.parameters({})).number == 0
    sweep(workspace.ports, dry_run=False)
    assert not workspace.lake.branches("run-")
    assert look(workspace).due is None


def test_other_code_does_not_make_old_data_new(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    run.open_(workspace, SPEC.parameters({}))
    monkeypatch.setattr("mlops.steps.run_inputs.code_digest", lambda _spec: "other code")
    assert look(workspace).due is None


def test_one_month_is_not_enough() -> None:
    assert look(tiny_workspace("2020-01")).reason.startswith("not enough data")
    assert look(tiny_workspace()).reason.startswith("not enough data")


def test_nothing_starts_while_a_rollback_holds_or_freezes_main(workspace: Workspace) -> None:
    run.run_all(workspace, SPEC.parameters({"shrinkage": 300.0}))
    arrive(workspace, "2020-04")
    assert run.run_all(workspace, SPEC.parameters({})).number == 2
    arrive(workspace, "2020-05")
    plan = plan_rollback(workspace.ports, "it was wrong", 1)
    assert plan is not None
    freeze(workspace.ports, plan)
    assert look(workspace).reason == "a rollback is under way"
    reconcile(workspace.ports)
    assert names.HOLD_TAG in workspace.lake.tags()
    assert "resume" in look(workspace).reason
    resume(workspace.ports, "looked at it")
    assert look(workspace).due is None  # the older champion was made from what main holds again


@pytest.mark.parametrize(("error", "skipped"), [(LakeUnavailable, True), (LakeDenied, False)])
def test_a_lake_that_is_down_is_tried_again_and_other_errors_are_shown(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, error: type[Exception], skipped: bool
) -> None:
    def broken(_branch: str) -> str:
        raise error("no answer")

    monkeypatch.setattr(workspace.lake, "head", broken)
    if skipped:
        assert isinstance(tick(workspace)[0], dg.SkipReason)
    else:
        with pytest.raises(error):
            tick(workspace)

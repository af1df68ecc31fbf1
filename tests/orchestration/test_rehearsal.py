"""A rollback tried out on a branch of its own, and what it would mean for predictions."""

from __future__ import annotations

import copy

import pytest

from mlops.runs.errors import InputError
from mlops.runs.main.state import read_main
from mlops.runs.rollback.rollback import plan_rollback
from mlops.steps import run
from mlops.steps.rollback.rehearse import changed_predictions, rehearse
from mlops.steps.workspace import Workspace
from tests.orchestration.tiny import SPEC, arrive, tiny_workspace


@pytest.fixture(scope="module")
def prototype() -> Workspace:
    """Three promotions on three months."""
    made = tiny_workspace("2020-01", "2020-02")
    for shrinkage in (300.0, 150.0):
        run.run_all(made, SPEC.parameters({"shrinkage": shrinkage}))
    arrive(made, "2020-03")
    assert run.run_all(made, SPEC.parameters({})).number == 3
    return made


@pytest.fixture
def workspace(prototype: Workspace) -> Workspace:
    return copy.deepcopy(prototype)


class TestChangedPredictions:
    @pytest.mark.parametrize("to", [1, 2])
    def test_every_row_that_gets_another_one_is_counted(self, workspace: Workspace, to: int) -> None:
        plan = plan_rollback(workspace.ports, "look", to)
        assert plan is not None
        told = changed_predictions(workspace, plan)
        assert (told.rows, told.changed) == (100, 100)
        assert told.mean_change > 0

    def test_what_is_read_and_what_is_asked_agree(
        self, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        plan = plan_rollback(workspace.ports, "look", 2)
        assert plan is not None
        read = changed_predictions(workspace, plan)
        monkeypatch.setattr("mlops.steps.rollback.rehearse.read_json", lambda *_: _not_compared(workspace))
        assert changed_predictions(workspace, plan) == read

    def test_none_where_only_data_goes(self, workspace: Workspace) -> None:
        arrive(workspace, "2020-04")
        plan = plan_rollback(workspace.ports, "look", 3)
        assert plan is not None
        assert changed_predictions(workspace, plan).changed == 0


def _not_compared(workspace: Workspace) -> dict[str, object]:
    from mlops.runs import names
    from mlops.runs.main.state import read_json

    decision = read_json(workspace.lake, "main", names.DECISION)
    return {**decision, "compared_to": {**decision["compared_to"], "number": 0}}


class TestRehearse:
    def test_loads_and_scores_what_a_rollback_would_bring(self, workspace: Workspace) -> None:
        told = rehearse(workspace)
        assert told.to_number == 2
        assert told.rows == 100
        assert told.value > 0
        assert told.metric == "mae"
        assert len(told.seconds) == 6
        assert told.objects == len(workspace.lake.list(told.to_commit))

    def test_changes_nothing(self, workspace: Workspace) -> None:
        lake = workspace.lake
        before = (lake.head("main"), lake.tags(), lake.branches(), lake.protection())
        rehearse(workspace, 1)
        assert (lake.head("main"), lake.tags(), lake.branches(), lake.protection()) == before

    def test_removes_its_branch_where_it_fails(
        self, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("mlops.steps.rollback.rehearse._scored", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            rehearse(workspace, 1)
        assert not workspace.lake.branches("rehearsal-")

    def test_of_a_single_promotion_is_of_that(self) -> None:
        workspace = tiny_workspace("2020-01", "2020-02")
        with pytest.raises(InputError, match="nothing has been promoted"):
            rehearse(workspace)
        run.run_all(workspace, SPEC.parameters({}))
        assert rehearse(workspace).to_commit == read_main(workspace.lake).head

    def test_of_what_main_does_not_stand_on_is_refused(self, workspace: Workspace) -> None:
        with pytest.raises(InputError, match="choose one of: 1, 2, 3"):
            rehearse(workspace, 7)

"""``mlops sweep-params``: what it prints, that the best is run once, and what it refuses."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from infra.docs.json_output import documents
from mlops.orchestration.runner import Executed
from mlops.steps.run import run_all
from tests.cli.conftest import PIPELINE, Answer, Desk
from tests.orchestration.tiny import SPEC, tiny_workspace

GRID = ("--grid", "shrinkage=2,200,20000")


class Play:
    """The command on rows in memory; runs are executed by the steps themselves."""

    def __init__(self, mlops: Desk) -> None:
        self.workspace = tiny_workspace("2020-01", "2020-02", "2020-03")
        self.executed: list[dict[str, Any]] = []
        self._mlops = mlops

    def __call__(self, *arguments: str) -> Answer:
        workspace = self.workspace
        return self._mlops(
            "sweep-params",
            PIPELINE,
            *arguments,
            open_workspace=lambda _settings, _name, tell: replace(
                workspace, ports=replace(workspace.ports, tell=tell)
            ),
            execute_run=self._execute,
        )

    def _execute(self, workspace: Any, params: dict[str, Any], **_: Any) -> Executed:
        self.executed.append(params)
        return Executed(run_all(workspace, SPEC.parameters(params)), "")


@pytest.fixture
def play(mlops: Desk) -> Play:
    return Play(mlops)


def test_the_best_is_judged_on_the_holdout_once(play: Play) -> None:
    answer = play(*GRID, "--param", "intercept=true", "--json")
    assert answer.code == 0, answer.err
    assert set(answer.document) == set(documents()["every"]) | set(documents()["sweep-params"])
    assert answer.document["best"] == {"intercept": True, "shrinkage": 2}
    assert play.executed == [{"intercept": True, "shrinkage": 2}]
    assert answer.document["run"]["promoted"]
    assert len(play.workspace.lake.tags("decision-")) == 1


def test_ranking_alone_changes_nothing(play: Play) -> None:
    before = play.workspace.lake.tags()
    answer = play(*GRID, "--no-run")
    assert answer.code == 0
    assert play.executed == []
    assert play.workspace.lake.tags() == before
    lines = answer.out.splitlines()
    assert lines[0] == "mae in 3 folds of 200 training rows, the best first:"
    assert [line.split()[-1] for line in lines[1:]] == ["shrinkage=2", "shrinkage=200", "shrinkage=20000"]
    assert "trial 3 of 3: shrinkage=20000" in answer.err


def test_a_refused_best_has_the_exit_code_of_a_refusal(play: Play) -> None:
    run_all(play.workspace, SPEC.parameters({}))
    assert play("--grid", "shrinkage=2000,3000").code == 5


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "nothing to try"),
        (("--grid", "shrinkage"), "not of the form NAME=VALUE,VALUE"),
        (("--range", "shrinkage=1..2"), "a range has no end of values"),
        (("--range", "shrinkage=2..1", "--random", "3"), "the range is empty"),
        ((*GRID, "--random", "2", "--optuna", "2"), "choose one of the two"),
        ((*GRID, "--random", "501"), "501 trials"),
        (("--grid", "no_such=1"), "no such parameter"),
        ((*GRID, "--range", "shrinkage=1..2", "--random", "2"), "the parameter is given twice"),
        ((*GRID, "--folds", "60"), "--folds"),
    ],
)
def test_what_cannot_be_tried_is_an_error_of_one_line(
    play: Play, arguments: tuple[str, ...], said: str
) -> None:
    answer = play(*arguments)
    assert answer.code in {2, 3}
    assert said in answer.error

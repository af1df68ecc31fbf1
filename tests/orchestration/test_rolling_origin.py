"""A holdout of several periods through the whole protocol: each judges models that were trained before it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pandas as pd
import pytest

from mlops.adapters.policy.files import parse_holdout_rule
from mlops.runs import names
from mlops.runs.decisions import Reason
from mlops.runs.errors import ConfigError, NotPromoted
from mlops.runs.evidence import Paired
from mlops.runs.gate.holdouts import identity_of
from mlops.runs.main.policy import apply_policy
from mlops.runs.main.state import read_json, read_main
from mlops.steps import run as running
from mlops.steps.audit.audit import Depth, audit_pipeline
from mlops.steps.evaluation.judge import CommittedJudge
from mlops.steps.repository.gate_agreement import check_holdout_rule
from mlops.steps.rollback import rehearse, restore, roll_back
from mlops.steps.rolling.fold_models import folder, read_index
from mlops.steps.workspace import Workspace
from tests.orchestration.playlists import SPEC as PLAYLISTS
from tests.orchestration.test_classification import _Seeing
from tests.orchestration.tiny import NEWEST_MONTH, SPEC, arrive, tiny_workspace
from tests.support.auditing import texts

RULE = b"kind: rolling_origin\ncolumn: day\nperiod: month\nperiods: 3\n"
DEEP = Depth(rescore=True, rebuild=True, refit=True)
MONTHS = ("2020-01", "2020-02", "2020-03", "2020-04", "2020-05")


def rolling(*arrivals: str, rule: bytes = RULE) -> Workspace:
    made = tiny_workspace(*arrivals, rule=rule)
    ports = dataclasses.replace(made.ports, tracker=_Seeing(made.ports.tracker))  # type: ignore[arg-type]
    return Workspace(made.spec, made.lake, ports, made.links)


def audited(workspace: Workspace, folder: Path, depth: Depth = DEEP) -> list[str]:
    steps = audit_pipeline(workspace, folder, depth=depth, from_start=True)
    return texts([finding for step in steps for finding in step.findings])


def evidence(workspace: Workspace, ref: str = names.MAIN) -> Paired:
    return Paired.from_json(read_json(workspace.lake, ref, names.PAIRED))


@pytest.fixture
def workspace() -> Workspace:
    """The first promotion, judged by March, April and May."""
    made = rolling(*MONTHS)
    first = running.run_all(made, SPEC.parameters({"shrinkage": 300.0}))
    assert first.number == 1, first.decision.verdict.sentence
    return made


def test_each_period_judges_a_model_that_ends_before_it(workspace: Workspace, tmp_path: Path) -> None:
    paired = evidence(workspace)
    assert [fold.begins[:7] for fold in paired.folds] == ["2020-03", "2020-04", "2020-05"]
    assert [fold.candidate_trained_until[:7] for fold in paired.folds] == ["2020-02", "2020-03", "2020-04"]
    assert paired.holdout_from == paired.folds[-1].begins
    assert (paired.rows, paired.train_overlap) == (sum(fold.rows for fold in paired.folds), 0)
    champion = read_main(workspace.lake).champion
    assert champion is not None
    assert champion.trained_until[:7] == "2020-04"
    assert audited(workspace, tmp_path) == []


def test_predictions_are_those_of_models_of_their_time(workspace: Workspace) -> None:
    frames, lake = workspace.frames, workspace.lake
    head, train = lake.head(names.MAIN), frames.read(names.MAIN, names.TRAIN)
    predictions = frames.read(names.MAIN, names.PREDICTIONS)
    holdout = frames.read(names.MAIN, names.HOLDOUT)
    assert set(train["day"].dt.month) == {1, 2, 3, 4}
    for month in (3, 4, 5):
        model = SPEC.model(SPEC.parameters({"shrinkage": 300.0}), 0)
        earlier = train[train["day"].dt.month < month]
        model.fit(earlier[["x"]], earlier["y"])
        rows = (holdout["day"].dt.month == month).to_numpy()
        assert predictions["candidate"][rows].tolist() == pytest.approx(
            model.predict(holdout[["x"]][rows]).tolist()
        )
    index = read_index(lake, head)
    assert index is not None
    assert [fold.before for fold in index.folds] == ["2020-03-01", "2020-04-01"]
    paths = {stat.path for stat in lake.list(head, names.MODEL)}
    assert {f"{folder(1)}model.skops", f"{folder(2)}model.skops", f"{names.MODEL}model.skops"} <= paths


def test_candidate_and_champion_are_compared_model_by_model(workspace: Workspace, tmp_path: Path) -> None:
    arrive(workspace, "2020-06")
    better = running.run_all(workspace, SPEC.parameters({}))
    assert better.number == 2, better.decision.verdict.sentence
    paired = evidence(workspace)
    assert [fold.begins[:7] for fold in paired.folds] == ["2020-04", "2020-05", "2020-06"]
    assert [fold.candidate_trained_until[:7] for fold in paired.folds] == ["2020-03", "2020-04", "2020-05"]
    # The champion's newest model knew April, and nothing later.
    assert [fold.champion_trained_until[:7] for fold in paired.folds] == ["2020-03", "2020-04", "2020-04"]
    assert audited(workspace, tmp_path) == []
    assert rehearse.rehearse(workspace).metric == "mae"
    worse = running.run_all(workspace, SPEC.parameters({"shrinkage": 500.0}))
    assert not worse.number
    assert roll_back.roll_back(workspace.ports, "too good to be true") is not None
    assert audited(workspace, tmp_path) == []


def test_a_dropped_promotion_returns_through_the_gate(workspace: Workspace, tmp_path: Path) -> None:
    arrive(workspace, "2020-06")
    running.run_all(workspace, SPEC.parameters({}))
    roll_back.roll_back(workspace.ports, "by mistake")
    workspace.lake.delete_tag(names.HOLD_TAG)
    ended = restore.restore(workspace, 2, "it was right")
    assert ended.number == 4, ended.decision.verdict.sentence
    assert [line for line in audited(workspace, tmp_path) if "hold" not in line] == []


def test_too_few_periods_are_on_record(tmp_path: Path) -> None:
    few = rolling(*MONTHS[:3])
    with pytest.raises(NotPromoted, match=r"data of 3 periods \(month\), of which 3 are held out"):
        running.run_all(few, SPEC.parameters({}))


def test_a_champion_of_another_rule_is_judged_where_it_has_seen_nothing(tmp_path: Path) -> None:
    workspace = rolling(*MONTHS, rule=NEWEST_MONTH)
    assert running.run_all(workspace, SPEC.parameters({"shrinkage": 900.0})).number == 1
    apply_policy(workspace.ports, {names.HOLDOUT_RULE: RULE}, "the series is short")
    ended = running.run_all(workspace, SPEC.parameters({}))
    assert ended.number == 2, ended.decision.verdict.sentence
    # It was trained until April: of the three periods it may only be judged by May.
    assert [fold.begins[:7] for fold in evidence(workspace).folds] == ["2020-05"]
    apply_policy(workspace.ports, {names.HOLDOUT_RULE: NEWEST_MONTH}, "it is long enough now")
    arrive(workspace, "2020-06")
    plain = running.run_all(workspace, SPEC.parameters({"intercept": False}))
    assert plain.decision.compared_to.number == 2
    assert (
        not plain.decision.verdict.has(Reason.HOLDOUT_LEAKED)
        if hasattr(plain.decision.verdict, "has")
        else True
    )
    assert audited(workspace, tmp_path) == []


def test_evaluations_are_counted_by_blocks_of_periods() -> None:
    rule = parse_holdout_rule(RULE)
    paired = dataclasses.replace(evidence(rolling_first()), holdout_id="")

    def at(time: str) -> str:
        return identity_of(rule, dataclasses.replace(paired, holdout_from=time))

    months = [f"2020-{month:02d}-15T00:00:00" for month in range(1, 13)]
    assert len({at(month) for month in months}) in (4, 5)
    assert all(at(month) == at(month.replace("15T", "28T")) for month in months)
    assert at(months[0]) != at(months[3]) != at(months[6])


def rolling_first() -> Workspace:
    made = rolling(*MONTHS)
    running.run_all(made, SPEC.parameters({}))
    return made


def test_an_index_that_does_not_follow_from_the_rows_is_found(workspace: Workspace, tmp_path: Path) -> None:
    """A model of an earlier period that claims less training than it had would be judged by what it knows."""
    head = workspace.lake.head(names.MAIN)
    champion = read_main(workspace.lake).champion
    assert champion is not None
    honest = workspace.lake.read
    claimed = json.loads(honest(head, names.FOLD_INDEX))
    claimed["folds"][1]["trained_until"] = "2020-01-25T00:00:00"

    def read(ref: str, path: str) -> bytes:
        return json.dumps(claimed).encode() if path == names.FOLD_INDEX else honest(ref, path)

    workspace.lake.read = read  # type: ignore[method-assign]
    rule = parse_holdout_rule(RULE)
    with pytest.raises(NotPromoted, match=r"not \d+ until 2020-01-25|not the file that was recorded"):
        CommittedJudge(workspace).judged_model((head, champion), rule)
    assert any("periods of its evidence" in line for line in audited(workspace, tmp_path, Depth()))


@pytest.mark.parametrize("text", [b"periods: 1", b"periods: 53", b"periods: x", b"fraction: 0.3"])
def test_a_rule_out_of_range_is_refused(text: bytes) -> None:
    with pytest.raises(ConfigError):
        parse_holdout_rule(RULE.replace(b"periods: 3", text))


def test_a_pipeline_that_cannot_be_judged_so_is_refused() -> None:
    rule = parse_holdout_rule(RULE)
    with pytest.raises(ConfigError, match="declares none"):
        check_holdout_rule(dataclasses.replace(SPEC, time=""), rule, "holdout.yaml")
    with pytest.raises(ConfigError, match="judges rows one by one"):
        check_holdout_rule(dataclasses.replace(PLAYLISTS, time="day"), rule, "holdout.yaml")
    check_holdout_rule(SPEC, rule, "holdout.yaml")


def test_the_newest_model_is_what_is_served(workspace: Workspace) -> None:
    head = workspace.lake.head(names.MAIN)
    champion = read_main(workspace.lake).champion
    assert champion is not None
    model = CommittedJudge(workspace).promoted_model((head, champion))
    train = workspace.frames.read(head, names.TRAIN)
    again = SPEC.model(SPEC.parameters({"shrinkage": 300.0}), 0).fit(train[["x"]], train["y"])
    rows = pd.DataFrame({"x": [0.0, 3.0, 9.0]})
    assert model.predict(rows).tolist() == pytest.approx(again.predict(rows).tolist())

"""A pipeline without a model through the whole protocol: suites decide, promotions are versions of data."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

import mlops
from mlops.adapters.policy.files import parse_holdout_rule, parse_policy
from mlops.orchestration.building import build
from mlops.runs import names
from mlops.runs.decisions import Policy, Reason
from mlops.runs.errors import ConfigError, Corrupt, InputError, NotFound, ValidationFailed
from mlops.runs.evidence import Paired
from mlops.runs.main.policy import apply_policy
from mlops.runs.main.state import read_json, read_main
from mlops.runs.main.versions import versions
from mlops.runs.promotion.promoted import unverified
from mlops.runs.records import Champion, Step
from mlops.runs.rollback.target import target_number
from mlops.runs.upkeep.forget import forget
from mlops.runs.upkeep.reconcile import reconcile
from mlops.steps import run as running
from mlops.steps.audit.audit import Depth, audit_pipeline
from mlops.steps.repository.gate_agreement import check_holdout_rule, check_policy
from mlops.steps.rollback import rehearse, restore, roll_back
from mlops.steps.version_details import details_of
from mlops.steps.workspace import Workspace
from tests.orchestration.measurements import POLICY, RULE, SPEC, data_workspace, suite
from tests.orchestration.tiny import SPEC as LINE
from tests.orchestration.tiny import arrive, memory_workspace
from tests.orchestration.tiny import gate_files as line_files
from tests.support.auditing import MemoryWitness, texts

DEEP = Depth(rescore=True, rebuild=True, refit=True)


class _Seeing(MemoryWitness):
    """The tracker in memory, which also tells what it saw."""

    def __getattr__(self, name: str) -> object:
        return getattr(self.tracker, name)


@pytest.fixture
def workspace() -> Workspace:
    """The first version of the data on `main`."""
    made = data_workspace("part-1", "part-2")
    ports = dataclasses.replace(made.ports, tracker=_Seeing(made.ports.tracker))  # type: ignore[arg-type]
    made = Workspace(made.spec, made.lake, ports, made.links)
    first = running.run_all(made, SPEC.parameters({}))
    assert first.number == 1, first.decision.verdict.sentence
    return made


def audited(workspace: Workspace, folder: Path, depth: Depth = DEEP) -> list[str]:
    steps = audit_pipeline(workspace, folder, depth=depth, from_start=True)
    return texts([finding for step in steps for finding in step.findings])


def champion(workspace: Workspace) -> Champion:
    found = read_main(workspace.lake).champion
    assert found is not None
    return found


def test_rows_that_their_suite_accepts_become_a_version(workspace: Workspace, tmp_path: Path) -> None:
    ended = running.run_all(workspace, SPEC.parameters({"most": 50.0}))
    assert ended.number == 2
    assert [f.reason for f in ended.decision.verdict.findings] == [Reason.SUITES_HOLD]
    assert ended.decision.verdict.intervals == ()
    rows = workspace.frames.read(names.MAIN, names.ROWS)
    assert rows["value"].max() == 50.0
    assert read_json(workspace.lake, names.MAIN, names.METRICS)["rows"] == len(rows) == 51
    assert read_json(workspace.lake, names.MAIN, names.PROFILE)["rows"] == 51
    assert b"51 rows, 3 columns" in workspace.lake.read(names.MAIN, names.PROFILE_PAGE)
    paths = {stat.path for stat in workspace.lake.list(names.MAIN)}
    assert not {p for p in paths if p.startswith(names.MODEL)} | (paths & {names.TRAIN, names.HOLDOUT})
    paired = Paired.from_json(read_json(workspace.lake, names.MAIN, names.PAIRED))
    assert (paired.rows, paired.series, paired.has_champion) == (51, (), False)
    assert not champion(workspace).has_model
    assert audited(workspace, tmp_path) == []


def test_a_rollback_brings_the_old_rows_back(workspace: Workspace, tmp_path: Path) -> None:
    before = workspace.lake.read(names.MAIN, names.ROWS)
    running.run_all(workspace, SPEC.parameters({"most": 50.0}))
    done = roll_back.roll_back(workspace.ports, "too few rows")
    assert done is not None
    assert done.record.to_number == 1
    assert workspace.lake.read(names.MAIN, names.ROWS) == before
    assert audited(workspace, tmp_path) == []


def test_dropped_rows_return_through_the_gate(workspace: Workspace, tmp_path: Path) -> None:
    running.run_all(workspace, SPEC.parameters({"most": 50.0}))
    roll_back.roll_back(workspace.ports, "too few rows")
    workspace.lake.delete_tag(names.HOLD_TAG)
    with pytest.raises(InputError, match="main holds the rows of promotion 1"):
        restore.restore(workspace, 1, "again")
    ended = restore.restore(workspace, 2, "they were enough")
    assert ended.number == 4, ended.decision.verdict.sentence
    assert len(workspace.frames.read(names.MAIN, names.ROWS)) == 51
    assert [f for f in audited(workspace, tmp_path) if "hold" not in f] == []


def test_rows_that_break_their_suite_are_not_promoted(workspace: Workspace) -> None:
    strict = data_workspace("part-1", largest=50.0)
    with pytest.raises(ValidationFailed, match="expect_column_values_to_be_between"):
        running.run_all(strict, SPEC.parameters({}))
    assert read_main(strict.lake).champion is None
    ended = running.run_all(strict, SPEC.parameters({"most": 50.0}))
    assert ended.number == 1


def test_another_suite_on_main_asks_for_another_run(workspace: Workspace, tmp_path: Path) -> None:
    params = SPEC.parameters({"most": 50.0})
    run = running.evaluate(workspace, running.open_(workspace, params))
    assert run.step is Step.DECIDED
    apply_policy(workspace.ports, {names.suite_path("processed"): suite(50.0)}, "values are smaller now")
    ended = running.promote(workspace, run)
    assert not ended.number
    assert [f.reason for f in ended.decision.verdict.findings] == [Reason.GATE_CHANGED]
    again = running.run_all(workspace, params, again=1)
    assert again.number == 2, again.decision.verdict.sentence
    assert audited(workspace, tmp_path) == []


def test_a_new_arrival_makes_a_new_version(workspace: Workspace, tmp_path: Path) -> None:
    arrive(workspace, "part-3")
    ended = running.run_all(workspace, SPEC.parameters({}))
    assert ended.number == 2
    assert len(workspace.frames.read(names.MAIN, names.ROWS)) == 151
    assert audited(workspace, tmp_path) == []


def test_the_tracker_has_the_run_and_no_model(workspace: Workspace) -> None:
    tracker, head = workspace.ports.tracker, workspace.lake.head(names.MAIN)
    found = tracker.tracker.runs[champion(workspace).run_id]  # type: ignore[attr-defined]
    assert found["mlops.merge_commit"] == head
    assert found["mlops.reason"] == "suites_hold"
    assert tracker.alias(SPEC.name, "champion") is None
    assert reconcile(workspace.ports) == []


def test_versions_are_counted_and_never_given_twice(workspace: Workspace, tmp_path: Path) -> None:
    second = running.run_all(workspace, SPEC.parameters({"most": 50.0}))
    roll_back.roll_back(workspace.ports, "too few rows")
    workspace.lake.delete_tag(names.HOLD_TAG)
    third = running.run_all(workspace, SPEC.parameters({"most": 60.0}))
    found = [(v.name, v.event.number, v.event.on_main) for v in versions(workspace.lake)]  # type: ignore[union-attr]
    assert found == [("v1", 1, True), ("v2", 2, False), ("v3", 4, True)]
    tags = workspace.lake.tags()
    assert (tags["v2"], tags["v3"]) == (second.merge_commit, third.merge_commit)
    assert target_number(workspace.lake, "v3") == 4
    with pytest.raises(InputError, match="no such version"):
        target_number(workspace.lake, "v4")
    details = details_of(workspace.lake, versions(workspace.lake)[2].event)  # type: ignore[arg-type]
    assert (details.rows, details.parameters, details.paths) == (61, {"most": 60.0}, (names.ROWS,))
    assert [line for line in audited(workspace, tmp_path, Depth()) if "hold" not in line] == []


def test_a_version_tag_that_was_moved_leads_nobody_astray(workspace: Workspace) -> None:
    running.run_all(workspace, SPEC.parameters({"most": 50.0}))
    lake = workspace.lake
    first = lake.tags()["v1"]
    lake.delete_tag("v2")
    lake.create_tag("v2", first)
    assert target_number(lake, "v2") == 2
    assert len(reconcile(workspace.ports)) == 1
    assert lake.tags()["v2"] == lake.tags()[names.promotion_tag(2)] != first
    assert reconcile(workspace.ports) == []


def test_a_forgotten_version_keeps_its_number_and_no_rows(workspace: Workspace) -> None:
    dropped = running.run_all(workspace, SPEC.parameters({"most": 50.0}))
    roll_back.roll_back(workspace.ports, "asked to be forgotten")
    done = forget(workspace.ports, dropped.run.run_id, "erasure request")
    assert "v2" in done.tags
    assert names.ROWS not in {stat.path for stat in workspace.lake.list("v2")}
    assert reconcile(workspace.ports) == []
    assert [type(version.event).__name__ for version in versions(workspace.lake)] == ["Promoted", "Forgotten"]


def test_rows_are_loaded_as_they_were_promoted(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = workspace.lake
    running.run_all(workspace, SPEC.parameters({"most": 50.0}))
    monkeypatch.setattr("mlops.steps.version.pipeline", lambda _name: SPEC)
    monkeypatch.setattr("mlops.steps.version.open_lake", lambda *_: (lake, unverified))
    assert [len(mlops.load("tiny-data", v)) for v in (None, "v1", 1, "2", lake.tags()["v1"][:9])] == [
        51,
        101,
        101,
        51,
        101,
    ]
    with pytest.raises(NotFound, match="no such version"):
        mlops.load("tiny-data", "v3")
    with pytest.raises(InputError, match="names no version"):
        mlops.load("tiny-data", "latest")
    honest = lake.read
    monkeypatch.setattr(
        lake, "read", lambda ref, path: honest(ref, path) + b"x" * path.endswith(".parquet"), raising=False
    )
    with pytest.raises(Corrupt, match="not the bytes that were promoted"):
        mlops.load("tiny-data")


def test_a_version_registered_as_a_model_is_found_and_removed(workspace: Workspace, tmp_path: Path) -> None:
    tracker, head = workspace.ports.tracker, workspace.lake.head(names.MAIN)
    tracker.register(SPEC.name, f"lakefs://{SPEC.name}/{head}/model", "", {})
    tracker.set_alias(SPEC.name, "champion", "1")
    found = audited(workspace, tmp_path, Depth())
    assert any("is registered, but main holds data without a model" in line for line in found), found
    assert reconcile(workspace.ports) == ["removed the champion alias: main holds no model"]


@pytest.mark.parametrize("metric", ["mae", "bias"])
def test_a_policy_about_a_model_fits_no_pipeline_without_one(metric: str) -> None:
    with pytest.raises(ConfigError, match=f"records no '{metric}'") as raised:
        check_policy(SPEC, Policy(metric=metric), "policy.yaml")
    assert raised.value.todo == "write metric: none"
    check_policy(SPEC, parse_policy(POLICY), "policy.yaml")
    check_holdout_rule(SPEC, parse_holdout_rule(RULE), "holdout.yaml")
    with pytest.raises(ConfigError, match="has no model to judge"):
        check_holdout_rule(SPEC, parse_holdout_rule(b"kind: hash\nfraction: 0.3\n"), "holdout.yaml")


def test_a_policy_without_a_metric_fits_no_pipeline_with_a_model() -> None:
    with pytest.raises(ConfigError, match="'none' is for data without a model") as raised:
        check_policy(LINE, parse_policy(POLICY), "policy.yaml")
    assert raised.value.todo == "there are: mae, rmse, bias"
    with pytest.raises(ConfigError, match="has a model, which needs rows"):
        check_holdout_rule(LINE, parse_holdout_rule(RULE), "holdout.yaml")
    workspace = memory_workspace(LINE, {**line_files(), names.POLICY: POLICY}, "2020-01", "2020-02")
    ended = running.run_all(workspace, LINE.parameters({}))
    assert not ended.number
    assert [f.reason for f in ended.decision.verdict.findings] == [Reason.MISSING_EVIDENCE]


@pytest.mark.parametrize("guard", ["{metric: mae, tolerance: 1}", "{metric: none, tolerance: 1}"])
def test_nothing_can_be_guarded_without_a_model(guard: str) -> None:
    with pytest.raises(ConfigError, match="nothing can be guarded"):
        parse_policy(f"metric: none\nguards: [{guard}]\n".encode())


def test_there_is_no_model_to_load(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlops.steps.champion.pipeline", lambda _name: SPEC)
    with pytest.raises(ConfigError, match="holds data alone and has no model"):
        mlops.load_champion("tiny-data")


def test_the_orchestrator_has_no_asset_of_a_model() -> None:
    keys = {tuple(key.path) for asset in build(SPEC).assets or () for key in asset.keys}  # type: ignore[union-attr]
    assert keys == {
        ("tiny-data", name) for name in ("arrivals", "raw", "processed", "evaluation", "promotion")
    }


def test_a_rehearsal_reads_the_rows(workspace: Workspace) -> None:
    done = rehearse.rehearse(workspace)
    assert (done.rows, done.metric, done.value) == (101, "none", None)

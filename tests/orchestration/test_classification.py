"""A pipeline of another kind through the whole protocol: classes, no time, a holdout by hash of a column."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from mlops.adapters.policy.files import parse_policy
from mlops.runs import names
from mlops.runs.decisions import Reason
from mlops.runs.digest import document
from mlops.runs.errors import ConfigError, InputError
from mlops.runs.evidence import Paired
from mlops.runs.main.state import read_json, read_main
from mlops.steps import run as running
from mlops.steps.audit.audit import Depth, audit_pipeline
from mlops.steps.audit.details import unproved_details
from mlops.steps.repository.gate_agreement import check_policy
from mlops.steps.rollback import rehearse, roll_back
from mlops.steps.workspace import Workspace
from tests.orchestration.genres import CLASSES, POLICY, SPEC, genre_workspace, tracks
from tests.support.auditing import MemoryWitness, texts


class _Seeing(MemoryWitness):
    """The tracker in memory, which also tells what it saw."""

    def __getattr__(self, name: str) -> object:
        return getattr(self.tracker, name)


@pytest.fixture
def workspace() -> Workspace:
    """A champion that is easily beaten."""
    made = genre_workspace("part-1", "part-2")
    ports = dataclasses.replace(made.ports, tracker=_Seeing(made.ports.tracker))  # type: ignore[arg-type]
    made = Workspace(made.spec, made.lake, ports, made.links)
    first = running.run_all(made, SPEC.parameters({"c": 1e-5}))
    assert first.number == 1, first.decision.verdict.sentence
    return made


def test_a_better_classifier_is_promoted_and_rolled_back(workspace: Workspace, tmp_path: Path) -> None:
    ended = running.run_all(workspace, SPEC.parameters({"c": 1.0}))
    assert ended.number == 2, ended.decision.verdict.sentence
    metrics = read_json(workspace.lake, names.MAIN, names.METRICS)
    assert metrics["log_loss"] < metrics["champion_log_loss"] <= metrics["baseline_log_loss"] + 0.01
    names_of = [interval.name for interval in ended.decision.verdict.intervals]
    assert names_of == ["log_loss", "log_loss", "error_rate", *(f"brier genre={c}" for c in CLASSES)]

    steps = audit_pipeline(
        workspace, tmp_path, depth=Depth(rescore=True, rebuild=True, refit=True), from_start=True
    )
    assert texts([f for step in steps for f in step.findings]) == []

    done = roll_back.roll_back(workspace.ports, "too loud")
    assert done is not None
    assert done.record.to_number == 1
    assert read_json(workspace.lake, names.MAIN, names.METRICS)["log_loss"] == metrics["champion_log_loss"]


def test_the_worse_classifier_is_refused(workspace: Workspace) -> None:
    running.run_all(workspace, SPEC.parameters({"c": 1.0}))
    ended = running.run_all(workspace, SPEC.parameters({"c": 1e-4}))
    assert not ended.number
    assert Reason.NO_GAIN in {finding.reason for finding in ended.decision.verdict.findings}
    assert "Log loss" in ended.decision.verdict.sentence


def test_predictions_are_one_probability_per_class(workspace: Workspace) -> None:
    frame = workspace.frames.read(names.MAIN, names.PREDICTIONS)
    columns = [f"{who}:{label}" for who in ("candidate", "champion", "baseline") for label in CLASSES]
    assert list(frame.columns) == ["track", "cluster", "target", *columns]
    assert frame[[f"candidate:{label}" for label in CLASSES]].sum(axis=1).to_numpy() == pytest.approx(1.0)
    assert frame["champion:pop"].isna().all()


def test_evidence_of_rows_without_a_time_names_none(workspace: Workspace) -> None:
    paired = Paired.from_json(read_json(workspace.lake, names.MAIN, names.PAIRED))
    assert (paired.holdout_from, paired.candidate_trained_until, paired.train_overlap) == ("", "", 0)
    assert read_main(workspace.lake).champion is not None


def test_tracks_that_are_delivered_again_stay_on_their_side(workspace: Workspace) -> None:
    train, holdout = (workspace.frames.read(names.MAIN, path) for path in (names.TRAIN, names.HOLDOUT))
    assert not set(train["track"]) & set(holdout["track"])
    assert 0.2 < len(holdout) / (len(train) + len(holdout)) < 0.4


def test_a_rehearsal_measures_what_the_policy_is_about(workspace: Workspace) -> None:
    done = rehearse.rehearse(workspace)
    assert done.metric == "log_loss"
    assert done.value == pytest.approx(read_json(workspace.lake, names.MAIN, names.METRICS)["log_loss"])


def test_a_genre_that_nobody_declared_stops_the_run(workspace: Workspace) -> None:
    strange = tracks("part-3").assign(genre="jazz")
    suite = names.suite_path("tracks")
    assert suite in {stat.path for stat in workspace.lake.list(names.MAIN)}
    with pytest.raises(InputError, match="jazz"):
        SPEC.task.targets(strange["genre"])


def test_a_policy_about_something_else_is_refused_at_once() -> None:
    check_policy(SPEC, parse_policy(POLICY), "policy.yaml")
    with pytest.raises(ConfigError, match="metric: the pipeline records no 'mae'") as raised:
        check_policy(SPEC, parse_policy(b"metric: mae"), "policy.yaml")
    assert "log_loss, brier, error_rate" in raised.value.todo
    with pytest.raises(ConfigError, match=r"guards\[0\].metric: .*'log_los'; did you mean 'log_loss'"):
        check_policy(
            SPEC, parse_policy(b"metric: brier\nguards: [{metric: log_los, tolerance: 1}]"), "policy.yaml"
        )
    with pytest.raises(ConfigError, match=r"guards\[0\].by: the pipeline records no 'artist'"):
        check_policy(
            SPEC,
            parse_policy(b"metric: brier\nguards: [{metric: brier, tolerance: 1, by: artist}]"),
            "policy.yaml",
        )


def test_a_policy_about_a_metric_that_no_run_records_promotes_nothing() -> None:
    workspace = genre_workspace("part-1", policy=b"metric: mae\n")
    ended = running.run_all(workspace, SPEC.parameters({}))
    assert not ended.number
    assert {finding.reason for finding in ended.decision.verdict.findings} == {Reason.MISSING_EVIDENCE}


def test_confusion_calibration_and_areas_are_part_of_the_evidence(workspace: Workspace) -> None:
    running.run_all(workspace, SPEC.parameters({"c": 1.0}))
    details = read_json(workspace.lake, names.MAIN, names.DETAILS)
    metrics = read_json(workspace.lake, names.MAIN, names.METRICS)
    page = workspace.lake.read(names.MAIN, names.DETAILS_PAGE).decode()

    assert set(details) == {"candidate", "champion", "baseline"}
    confusion = details["candidate"]["confusion"]
    rows = sum(map(sum, confusion))
    wrong = rows - sum(row[at] for at, row in enumerate(confusion))
    assert wrong / rows == pytest.approx(metrics["error_rate"])
    assert details["candidate"]["auc"]["low"] > details["baseline"]["auc"]["high"]
    assert "auc" not in metrics, "what does not decide stands apart from what does"
    assert page.count("Rows by true class") == 3


def test_an_audit_finds_details_that_do_not_follow_from_the_predictions(workspace: Workspace) -> None:
    predictions = workspace.frames.read(names.MAIN, names.PREDICTIONS)
    stated = read_json(workspace.lake, names.MAIN, names.DETAILS)

    assert list(unproved_details(SPEC.task, _Stating(stated), predictions)) == []
    stated["candidate"]["auc"]["value"] += 1e-6
    assert list(unproved_details(SPEC.task, _Stating(stated), predictions)) == [
        "reports/details.json does not follow from the predictions"
    ]


class _Stating:
    """The subject of an audit, as far as it has details."""

    def __init__(self, details: object) -> None:
        self._details = document(details)

    def read(self, _path: str) -> bytes:
        return self._details

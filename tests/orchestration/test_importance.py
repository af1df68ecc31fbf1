"""The importance of columns in a report: what it finds, that it repeats, and where there is none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mlops.runs import names
from mlops.runs.evidence import Footprint
from mlops.runs.promotion.promote import Promotion
from mlops.steps.report.evidence import Evidence, read_evidence
from mlops.steps.report.importance import MOST_UNITS, importances
from mlops.steps.report.make import make_report
from mlops.steps.workspace import Workspace
from tests.orchestration import genres, measurements, playlists, tiny
from tests.orchestration.test_explain import promoted


def line() -> tuple[Workspace, Promotion]:
    workspace = tiny.tiny_workspace("2020-01", "2020-02")
    return workspace, promoted(workspace, {})


def of_genres() -> tuple[Workspace, Promotion]:
    workspace = genres.genre_workspace("part-1", "part-2")
    return workspace, promoted(workspace, {"c": 1.0})


def of_playlists() -> tuple[Workspace, Promotion]:
    workspace = playlists.playlist_workspace("part-1", "part-2")
    return workspace, promoted(workspace, {})


def evidence_of(runs: tuple[Workspace, Promotion]) -> tuple[Workspace, Evidence]:
    workspace, ended = runs
    return workspace, read_evidence(workspace, ended.evidence_commit)


def measured(evidence: Evidence, prediction_ms: float) -> Evidence:
    footprint = Footprint(1_000, prediction_ms, "this machine")
    return replace(evidence, paired=replace(evidence.paired, footprint=footprint))


def test_is_the_growth_of_the_metric_when_values_are_exchanged() -> None:
    workspace, evidence = evidence_of(line())
    [found] = importances(workspace, measured(evidence, 1.0))
    holdout = workspace.frames.read(evidence.commit, names.HOLDOUT)
    assert len(holdout) <= MOST_UNITS
    # Each exchanged value is any of the others: the mean over all pairs is what is estimated.
    slope = np.polyfit(holdout["x"], holdout["y"], 1)
    anybody = np.polyval(slope, holdout["x"].to_numpy())[None, :]
    expected = np.abs(anybody - holdout["y"].to_numpy()[:, None]).mean()
    plain = np.abs(np.polyval(slope, holdout["x"]) - holdout["y"]).mean()
    assert found.column == "x"
    assert found.value == pytest.approx(expected - plain, rel=0.1)
    assert 0 < found.lower < found.value < found.upper


@pytest.mark.parametrize("runs", [line, of_genres, of_playlists])
def test_every_kind_of_model_has_one_for_each_column_and_it_repeats(
    runs: Callable[[], tuple[Workspace, Promotion]],
) -> None:
    workspace, found = evidence_of(runs())
    evidence = measured(found, 1.0)
    first = importances(workspace, evidence)
    assert {each.column for each in first} == set(evidence.spec.task.unit_input(evidence.spec))
    assert [each.value for each in first] == sorted((each.value for each in first), reverse=True)
    assert importances(workspace, evidence) == first


def test_a_model_that_predicts_too_slowly_has_none() -> None:
    workspace, evidence = evidence_of(line())
    assert importances(workspace, measured(evidence, 60_000.0)) == ()
    assert importances(workspace, replace(evidence, paired=replace(evidence.paired, footprint=None))) == ()


def test_a_model_that_cannot_be_loaded_has_none() -> None:
    workspace, evidence = evidence_of(line())
    strange = replace(evidence, spec=replace(evidence.spec, trusted_types=()))
    assert importances(workspace, measured(strange, 1.0)) == ()


def test_data_alone_has_none() -> None:
    workspace = measurements.data_workspace("part-1")
    ended = promoted(workspace, {})
    assert importances(workspace, read_evidence(workspace, ended.evidence_commit)) == ()


def test_the_report_shows_it(tmp_path: Path) -> None:
    workspace, ended = line()
    page = make_report(workspace, ended.evidence_commit, tmp_path)
    assert b"Importance of columns" in page
    assert b"The column that the candidate needs most is x." in page

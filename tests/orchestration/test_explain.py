"""The parts of a gain: against models fitted here, whatever changed, and what the report shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlops.runs import names
from mlops.runs.errors import InputError
from mlops.runs.promotion.promote import Promotion
from mlops.steps import run as running
from mlops.steps.explain import combinations
from mlops.steps.explain.effects import Explanation, notes, sentences
from mlops.steps.explain.explain import explain
from mlops.steps.report.keep import keep_explanation, remove_report
from mlops.steps.report.make import make_report
from mlops.steps.workspace import Workspace
from tests.orchestration import genres, measurements, playlists
from tests.orchestration.tiny import SPEC, arrive, tiny_workspace

MONTHS = ("2020-01", "2020-02", "2020-03")
OLD, NEW = {"shrinkage": 300.0}, {"shrinkage": 2.0}


def promoted(workspace: Workspace, params: Mapping[str, Any]) -> Promotion:
    return running.run_all(workspace, workspace.spec.parameters(params))


def both_changed() -> tuple[Workspace, Promotion]:
    workspace = tiny_workspace(*MONTHS)
    promoted(workspace, OLD)
    arrive(workspace, "2020-04")
    return workspace, promoted(workspace, NEW)


def rows_of(workspace: Workspace, commit: str, path: str) -> pd.DataFrame:
    return workspace.frames.read(commit, path)


def champions_commit(workspace: Workspace) -> str:
    return workspace.lake.tags()["promotion-000001"]


def fits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that has the number of training rows of each model that is fitted."""
    found: list[int] = []
    fitted = combinations.fitted

    def counted(spec: Any, params: Any, seed: int, rows: list[pd.DataFrame]) -> Any:
        found.extend(len(each) for each in rows)
        return fitted(spec, params, seed, rows)

    monkeypatch.setattr(combinations, "fitted", counted)
    return found


def test_every_combination_is_measured_on_the_rows_that_judged_the_run() -> None:
    workspace, ended = both_changed()
    found = explain(workspace, ended.evidence_commit)

    holdout = rows_of(workspace, ended.evidence_commit, names.HOLDOUT)
    data = [
        rows_of(workspace, commit, names.TRAIN)
        for commit in (champions_commit(workspace), ended.evidence_commit)
    ]
    expected = {}
    for rows, which in zip(data, ("old", "new"), strict=True):
        for params, model in ((OLD, "old"), (NEW, "new")):
            fit = SPEC.model(SPEC.parameters(params), 0).fit(rows[["x"]], rows["y"])
            errors = np.abs(fit.predict(holdout[["x"]]) - holdout["y"])
            expected[f"{which} data, {model} model"] = float(errors.mean())
    assert dict(found.metrics) == pytest.approx(expected)
    gains = {part.name: part.gain for part in found.parts}
    old, new = (expected[f"old data, {model} model"] for model in ("old", "new"))
    assert gains["model"] == pytest.approx(old - new)
    assert gains["data"] == pytest.approx(old - expected["new data, old model"])
    assert gains["all"] == pytest.approx(gains["data"] + gains["model"] + gains["both"])
    assert all(part.lower < part.gain < part.upper for part in found.parts)


def test_the_whole_is_the_difference_that_the_gate_measured() -> None:
    workspace, ended = both_changed()
    found = explain(workspace, ended.evidence_commit)
    decided = next(i for i in ended.decision.verdict.intervals if i.against == "champion")
    [whole] = [part for part in found.parts if part.name == "all"]
    assert whole.gain == pytest.approx(decided.difference)
    assert (found.against, found.metric, found.unit) == (1, "mae", "m")


def test_of_equal_rows_only_the_model_counts_and_nothing_is_fitted(monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = tiny_workspace(*MONTHS)
    promoted(workspace, OLD)
    ended = promoted(workspace, NEW)
    fitted = fits(monkeypatch)
    found = explain(workspace, ended.evidence_commit)
    gains = {part.name: part.gain for part in found.parts}
    assert fitted == []
    assert (gains["data"], gains["both"]) == (0, 0)
    assert gains["model"] == gains["all"] > 0
    assert found.same == ("data",)
    assert [meaning for _, meaning in sentences(found)] == [
        "in all, against promotion 1",
        "from new parameters, on the old rows",
    ]


def test_with_equal_parameters_only_the_data_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = tiny_workspace(*MONTHS)
    promoted(workspace, OLD)
    arrive(workspace, "2020-04")
    ended = promoted(workspace, OLD)
    fitted = fits(monkeypatch)
    found = explain(workspace, ended.evidence_commit)
    gains = {part.name: part.gain for part in found.parts}
    assert fitted == []
    assert found.same == ("model",)
    assert gains["data"] == gains["all"]
    assert gains["model"] == gains["both"] == 0


def test_another_code_is_counted_to_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = tiny_workspace(*MONTHS)
    with monkeypatch.context() as patched:
        patched.setattr("mlops.steps.run_inputs.code_digest", lambda _spec: "0" * 64)
        promoted(workspace, OLD)
    arrive(workspace, "2020-04")
    ended = promoted(workspace, NEW)
    fitted = fits(monkeypatch)
    found = explain(workspace, ended.evidence_commit)
    assert fitted == [len(rows_of(workspace, champions_commit(workspace), names.TRAIN))]
    gains = {part.name: part.gain for part in found.parts}
    assert set(gains) == {"data", "model", "all"}
    assert gains["data"] + gains["model"] == pytest.approx(gains["all"])
    assert found.code_changed
    assert any("not fitted on the new rows" in note for note in notes(found))


def test_an_explanation_by_other_code_than_the_runs_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    workspace, ended = both_changed()
    monkeypatch.setattr("mlops.steps.explain.explain.code_digest", lambda _spec: "1" * 64)
    assert "not the run's" in notes(explain(workspace, ended.evidence_commit))[-1]


def genre_runs() -> tuple[Workspace, Promotion]:
    workspace = genres.genre_workspace("part-1", "part-2")
    promoted(workspace, {"c": 1e-5})
    arrive(workspace, "part-3")
    return workspace, promoted(workspace, {"c": 1.0})


def playlist_runs() -> tuple[Workspace, Promotion]:
    workspace = playlists.playlist_workspace("part-1", "part-2")
    promoted(workspace, {"by_taste": True})
    return workspace, promoted(workspace, {})


@pytest.mark.parametrize("runs", [genre_runs, playlist_runs])
def test_of_other_tasks(runs: Callable[[], tuple[Workspace, Promotion]]) -> None:
    workspace, ended = runs()
    found = explain(workspace, ended.evidence_commit)
    gains = {part.name: part.gain for part in found.parts}
    assert gains["all"] == pytest.approx(gains["data"] + gains["model"] + gains["both"])
    assert gains["all"] != 0


def test_what_cannot_be_explained_is_said() -> None:
    workspace = tiny_workspace(*MONTHS)
    first = promoted(workspace, OLD)
    with pytest.raises(InputError, match="compared with no champion"):
        explain(workspace, first.evidence_commit)
    data = measurements.data_workspace("part-1")
    ended = promoted(data, {})
    with pytest.raises(InputError, match="has no model"):
        explain(data, ended.evidence_commit)


def test_a_model_that_cannot_be_fitted_on_the_old_rows_is_an_error_of_one_line() -> None:
    workspace, ended = both_changed()

    def model(_params: Any, _seed: int) -> Any:
        raise RuntimeError("no such column\nin these rows")

    broken = replace(workspace, spec=replace(workspace.spec, model=model))
    with pytest.raises(InputError, match="old data, new model: cannot be fitted: RuntimeError"):
        explain(broken, ended.evidence_commit)


def test_nothing_on_the_lake_changes_and_no_evaluation_is_spent() -> None:
    workspace, ended = both_changed()
    before = (dict(workspace.lake.branches("")), dict(workspace.lake.tags()))
    explain(workspace, ended.evidence_commit)
    assert (dict(workspace.lake.branches("")), dict(workspace.lake.tags())) == before


def test_it_is_kept_shown_by_the_report_and_goes_with_it(tmp_path: Path) -> None:
    workspace, ended = both_changed()
    heading = b"Why it differs from the champion"
    assert heading not in make_report(workspace, ended.evidence_commit, tmp_path)
    found = explain(workspace, ended.evidence_commit)
    file = keep_explanation(workspace, found, tmp_path)
    page = make_report(workspace, ended.evidence_commit, tmp_path)
    assert heading in page
    for value, meaning in sentences(found):
        assert value.encode() in page
        assert meaning.encode() in page
    remove_report(tmp_path, SPEC.name, found.run_id)
    assert not file.exists()


def test_one_that_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    workspace, ended = both_changed()
    file = keep_explanation(workspace, explain(workspace, ended.evidence_commit), tmp_path)
    file.write_bytes(b'{"parts": 3}')
    assert b"Why it differs" not in make_report(workspace, ended.evidence_commit, tmp_path)


def test_json_gives_the_same_value_back() -> None:
    workspace, ended = both_changed()
    found = explain(workspace, ended.evidence_commit)
    assert Explanation.from_json(found.to_json()) == found

"""Search of parameters: what is tried, on which rows, and that the holdout is neither seen nor spent."""

from __future__ import annotations

import random
import sys
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops.adapters.policy.files import parse_holdout_rule
from mlops.runs import names
from mlops.runs.errors import ConfigError, InputError
from mlops.runs.records import HoldoutRule
from mlops.steps.prepare import processed_frames
from mlops.steps.run import run_all
from mlops.steps.tuning import folds, tune
from mlops.steps.tuning.search_space import (
    MOST_TRIALS,
    Choice,
    Range,
    check_count,
    check_names,
    drawn,
    grid,
    parse_choice,
    parse_range,
)
from mlops.steps.workspace import Workspace
from tests.orchestration import genres, measurements, playlists, tiny

TINY = Choice("shrinkage", (2.0, 200.0, 20000.0))


def rule_of(workspace: Workspace) -> HoldoutRule:
    return parse_holdout_rule(workspace.lake.read("main", names.HOLDOUT_RULE))


class TestSearchSpace:
    def test_values_are_json_or_text(self) -> None:
        assert parse_choice("loss=squared,absolute") == Choice("loss", ("squared", "absolute"))
        assert parse_choice("depth=3,null,true,0.5").values == (3, None, True, 0.5)

    @pytest.mark.parametrize("text", ["", "x", "x=", "=1", "x=1,1"])
    def test_other_forms_of_values_are_refused(self, text: str) -> None:
        with pytest.raises(ConfigError):
            parse_choice(text)

    def test_a_range_of_whole_numbers_gives_whole_numbers(self) -> None:
        assert parse_range("depth=2..8") == Range("depth", 2, 8, whole=True, log=False)
        assert parse_range("rate=log:0.01..0.3") == Range("rate", 0.01, 0.3, whole=False, log=True)

    @pytest.mark.parametrize(
        "text", ["x", "x=1", "x=1..", "x=2..1", "x=1..1", "x=a..b", "x=log:0..1", "x=true..3", "x=1..1e999"]
    )
    def test_other_forms_of_ranges_are_refused(self, text: str) -> None:
        with pytest.raises(ConfigError):
            parse_range(text)

    def test_a_grid_is_every_combination(self) -> None:
        assert grid([Choice("a", (1, 2)), Choice("b", ("x", "y"))]) == [
            {"a": 1, "b": "x"},
            {"a": 1, "b": "y"},
            {"a": 2, "b": "x"},
            {"a": 2, "b": "y"},
        ]

    def test_a_grid_has_an_end(self) -> None:
        with pytest.raises(ConfigError, match="a range has no end of values"):
            grid([Range("a", 0, 1, whole=False, log=False)])
        with pytest.raises(ConfigError, match="nothing to try"):
            grid([])
        with pytest.raises(ConfigError, match="trials"):
            grid([Choice("a", tuple(range(MOST_TRIALS + 1)))])
        with pytest.raises(ConfigError, match="0 trials"):
            check_count(0)

    def test_a_parameter_has_one_dimension(self) -> None:
        with pytest.raises(ConfigError, match="a: the parameter is given twice"):
            check_names([Choice("a", (1,)), Range("a", 0, 1, whole=False, log=False)])

    @given(
        low=st.integers(1, 1_000), width=st.integers(1, 1_000), log=st.booleans(), whole=st.booleans(),
        seed=st.integers(0, 2**32),
    )  # fmt: skip
    def test_what_is_drawn_is_between_the_ends(
        self, low: int, width: int, log: bool, whole: bool, seed: int
    ) -> None:
        dimension = Range("a", low, low + width, whole=whole, log=log)
        value = dimension.draw(random.Random(seed))
        assert low - 1e-9 <= value <= low + width + 1e-9
        assert isinstance(value, int) is whole

    def test_equal_seeds_draw_equal_combinations(self) -> None:
        dimensions = (Range("a", 0, 1, whole=False, log=False), Choice("b", (1, 2, 3)))
        assert list(drawn(dimensions, 5, 7)) == list(drawn(dimensions, 5, 7))


class TestFolds:
    def test_each_is_judged_by_what_follows(self) -> None:
        workspace = tiny.tiny_workspace("2020-01", "2020-02", "2020-03")
        rows = tiny.SPEC.rows({"points": workspace.frames.deliveries("main", "points")}, None).rows
        found = folds.folds_of(tiny.SPEC, rule_of(workspace), rows, 3)
        assert len(found) == 3
        for fold in found:
            assert fold.fitted_on["day"].max() < fold.units["day"].min()
        judged = pd.concat([fold.units for fold in found])
        assert not judged.duplicated(list(tiny.SPEC.key)).any()
        assert judged["day"].max() == rows["day"].max()

    def test_without_times_rows_are_dealt_as_the_holdout_is(self) -> None:
        workspace = genres.genre_workspace("part-1", "part-2")
        spec, rule = genres.SPEC, HoldoutRule("hash", fraction=0.25, by=("artist",))
        rows = spec.rows({"tracks": workspace.frames.deliveries("main", "tracks")}, None).rows
        found = folds.folds_of(spec, rule, rows, 4)
        for fold in found:
            assert not set(fold.fitted_on["artist"]) & set(fold.units["artist"])
        assert sum(len(fold.units) for fold in found) == len(rows)

    def test_too_few_times_are_said(self) -> None:
        workspace = tiny.tiny_workspace("2020-01")
        rows = tiny.SPEC.rows({"points": workspace.frames.deliveries("main", "points")}, None).rows
        with pytest.raises(InputError, match="30 folds need more different values of day"):
            folds.folds_of(tiny.SPEC, rule_of(workspace), rows, 30)


class TestTune:
    def test_ranks_by_the_metric_and_sees_no_holdout(self, monkeypatch: pytest.MonkeyPatch) -> None:
        workspace = tiny.tiny_workspace("2020-01", "2020-02", "2020-03")
        seen: list[pd.DataFrame] = []
        real = folds.folds_of

        def noted(spec: Any, rule: HoldoutRule, train: pd.DataFrame, count: int) -> Any:
            seen.append(train)
            return real(spec, rule, train, count)

        monkeypatch.setattr(tune, "folds_of", noted)
        before = (dict(workspace.lake.branches("")), dict(workspace.lake.tags()))
        found = tune.tune(workspace, tune.Search((TINY,)))
        assert [trial.params["shrinkage"] for trial in found.trials] == [2.0, 200.0, 20000.0]
        assert [trial.metric for trial in found.trials] == sorted(t.metric or 0 for t in found.trials)
        assert all(len(trial.by_fold) == 3 for trial in found.trials)
        assert seen[0]["day"].max() < pd.Timestamp("2020-03-01")
        assert (dict(workspace.lake.branches("")), dict(workspace.lake.tags())) == before

    def test_rows_are_those_that_a_run_trains_on(self) -> None:
        workspace = tiny.tiny_workspace("2020-01", "2020-02", "2020-03")
        ended = run_all(workspace, tiny.SPEC.parameters({}))
        found = tune.tune(workspace, tune.Search((TINY,)))
        assert found.rows == len(workspace.frames.read(ended.evidence_commit, "processed/train.parquet"))

    @pytest.mark.parametrize(
        ("make", "dimension"),
        [
            (lambda: genres.genre_workspace("part-1", "part-2"), Choice("c", (1e-5, 1.0))),
            (lambda: playlists.playlist_workspace("part-1", "part-2"), Choice("by_taste", (True, False))),
        ],
    )
    def test_of_other_tasks(self, make: Any, dimension: Choice) -> None:
        found = tune.tune(make(), tune.Search((dimension,), folds=2))
        assert len(found.trials) == 2
        assert found.trials[0].metric != found.trials[1].metric

    def test_random_combinations_repeat(self) -> None:
        workspace = tiny.tiny_workspace("2020-01", "2020-02")
        search = tune.Search((Range("shrinkage", 0.1, 1e4, whole=False, log=True),), trials=4)
        first = tune.tune(workspace, search)
        assert len(first.trials) == 4
        assert tune.tune(workspace, search) == first

    def test_what_cannot_be_tried_is_refused_before_anything_is_fitted(self) -> None:
        workspace = tiny.tiny_workspace("2020-01", "2020-02")
        for dimension in (Choice("no_such", (1,)), Choice("shrinkage", (-1.0,)), Choice("shrinkage", ("a",))):
            with pytest.raises(ConfigError):
                tune.tune(workspace, tune.Search((dimension,)))
        with pytest.raises(ConfigError, match="both fixed and varied"):
            tune.tune(workspace, tune.Search((TINY,), fixed={"shrinkage": 1.0}))
        with pytest.raises(ConfigError, match="has no model"):
            tune.tune(measurements.data_workspace("part-1"), tune.Search((TINY,)))

    def test_a_trial_that_fails_is_last_and_all_failing_is_an_error(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        workspace = tiny.tiny_workspace("2020-01", "2020-02")
        real = tiny.SPEC.model

        def model(params: Any, seed: int) -> Any:
            if params.shrinkage == 2.0:
                raise MemoryError("too large")
            return real(params, seed)

        object.__setattr__(workspace, "spec", tune.dataclasses.replace(tiny.SPEC, model=model))
        found = tune.tune(workspace, tune.Search((TINY,)))
        assert found.trials[-1].metric is None
        assert "MemoryError: too large" in found.trials[-1].error
        with pytest.raises(InputError, match="every trial fails"):
            tune.tune(workspace, tune.Search((Choice("shrinkage", (2.0,)),)))


class TestOptuna:
    SEARCH = tune.Search(
        (Range("shrinkage", 0.1, 1e4, whole=False, log=True), Choice("intercept", (True, False))),
        trials=5,
        sampler=tune.OPTUNA,
    )

    def test_is_named_where_it_is_not_installed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "optuna", None)
        with pytest.raises(ConfigError, match="Optuna is not installed"):
            tune.tune(tiny.tiny_workspace("2020-01", "2020-02"), self.SEARCH)

    def test_chooses_from_the_results(self) -> None:
        pytest.importorskip("optuna", reason="optuna, an optional extra, is not installed")
        workspace = tiny.tiny_workspace("2020-01", "2020-02")
        found = tune.tune(workspace, self.SEARCH)
        assert len(found.trials) == 5
        assert tune.tune(workspace, self.SEARCH) == found


def test_the_split_is_that_of_the_pipeline() -> None:
    workspace = tiny.tiny_workspace("2020-01", "2020-02")
    assert processed_frames is tune.processed_frames
    assert tune.tune(workspace, tune.Search((TINY,))).commit == workspace.lake.head("main")

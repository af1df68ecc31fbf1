"""Values of a run's steps: on its branch by the run protocol, or in a folder without any lake."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest

from mlops.orchestration import assets
from mlops.orchestration.building import build
from mlops.orchestration.local_values import LocalValues
from mlops.orchestration.names import key
from mlops.orchestration.values import FINISHED, RunValues, Values
from mlops.orchestration.workspaces import RUN_TAG, Workspaces
from mlops.pipelines import pipeline
from mlops.pipelines.spec import PipelineSpec
from mlops.runs import names
from mlops.runs.digest import sha256
from mlops.runs.errors import ConfigError, Fenced, LakeUnavailable
from mlops.runs.promotion import attempts
from mlops.runs.records import Run, Step
from mlops.steps import run as running
from mlops.steps import train
from mlops.steps.workspace import Workspace
from tests.orchestration.test_runner import QUIET
from tests.orchestration.tiny import SPEC, elsewhere, gate_files, tiny_workspace

STEPS = ("raw", "processed", "model", "evaluation")


def definitions_of(spec: PipelineSpec) -> list[dg.AssetsDefinition]:
    model = [assets.model(spec)] if spec.has_model else []
    return [assets.raw(spec), assets.processed(spec), *model, assets.evaluation(spec)]


def materialized(
    spec: PipelineSpec, values: Values, config: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Materialize raw to evaluation; return the metadata of each."""
    raw = key(spec, "raw").to_python_identifier()
    with dg.DagsterInstance.ephemeral(settings={"telemetry": {"enabled": False}}) as instance:
        done = dg.materialize(
            definitions_of(spec),
            resources={"values": values},
            run_config={**QUIET, "ops": {raw: {"config": dict(config or {})}}},
            instance=instance,
        )
    found = [event.event_specific_data.materialization for event in done.get_asset_materialization_events()]
    return {each.asset_key.path[-1]: {n: v.value for n, v in each.metadata.items()} for each in found}


def launched(workspace: Workspace) -> Run:
    """Execute a whole run as the pages do; return its newest attempt."""
    job = build(SPEC, Workspaces(lambda _name, _tell: workspace)).resolve_job_def("tiny_line_run")
    with dg.DagsterInstance.ephemeral(settings={"telemetry": {"enabled": False}}) as instance:
        done = job.execute_in_process(run_config=QUIET, instance=instance)
        tagged = instance.get_run_by_id(done.run_id)
    assert tagged is not None
    return running.reopen(workspace, tagged.tags[RUN_TAG])


def _raising(error: Exception) -> Callable[..., Any]:
    def fail(*_args: object) -> None:
        raise error

    return fail


class TestInAFolder:
    def test_a_pipeline_runs_from_raw_to_evaluation_without_any_lake(self, tmp_path: Path) -> None:
        values = LocalValues(SPEC, tmp_path, arrivals=["2020-01", "2020-02"], gate=gate_files())
        shown = materialized(SPEC, values)
        assert list(shown) == list(STEPS)
        assert shown["evaluation"]["verdict"] == "promote"
        assert shown["evaluation"]["mae"] < shown["evaluation"]["baseline_mae"]
        assert shown["evaluation"]["holdout_rows"] == 100
        assert {path.name for path in (tmp_path / "tiny-line").iterdir()} == {
            "raw.zip", "processed.zip", "model.skops"
        }  # fmt: skip

    def test_it_gives_the_same_numbers_as_a_run(self, tmp_path: Path) -> None:
        params = {"shrinkage": 300.0, "intercept": False}
        months = ["2020-01", "2020-02"]
        local = materialized(SPEC, LocalValues(SPEC, tmp_path, arrivals=months, gate=gate_files()), params)
        ended = running.run_all(tiny_workspace(*months), SPEC.parameters(params))
        metrics = ended.decision.metrics
        assert {n: local["evaluation"][n] for n in ("mae", "baseline_mae")} == {
            n: metrics[n] for n in ("mae", "baseline_mae")
        }

    def test_parameters_are_checked_there_too(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="at least 0"):
            materialized(SPEC, LocalValues(SPEC, tmp_path, gate=gate_files()), {"shrinkage": -1.0})

    def test_a_pipeline_without_a_model_runs_too(self, tmp_path: Path) -> None:
        spec = pipeline("tabular-lab")
        shown = materialized(spec, LocalValues(spec, tmp_path))
        assert list(shown) == ["raw", "processed", "evaluation"]
        assert shown["evaluation"]["data rows"] > 0


class TestOnTheBranch:
    def test_a_step_hands_over_its_value_and_the_manager_finishes_it(
        self, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        handed: dict[str, Any] = {}
        handle = RunValues.handle_output

        def watched(self: RunValues, context: dg.OutputContext, obj: Any) -> None:
            handed[context.asset_key.path[-1]] = obj
            handle(self, context, obj)

        monkeypatch.setattr(RunValues, "handle_output", watched)
        run = launched(workspace)
        assert handed["raw"] is FINISHED
        stored = workspace.lake.read(run.head, names.TRAIN)
        pd.testing.assert_frame_equal(
            handed["processed"].frames[names.TRAIN], pd.read_parquet(io.BytesIO(stored)), check_dtype=False
        )
        assert run.outputs[names.TRAIN] == sha256(stored)
        assert type(handed["model"]).__name__ == "Ridge"

    def test_steps_that_are_finished_hand_over_nothing_and_read_nothing(
        self, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        running.train(workspace, running.open_(workspace, SPEC.parameters({})))

        def unexpected(*_args: object, **_kwargs: object) -> None:
            raise AssertionError("a finished step was done again")

        for name in ("rows_of", "keep_rows"):
            monkeypatch.setattr(running.prepare, name, unexpected)
        for name in ("fit", "keep_model"):
            monkeypatch.setattr(train, name, unexpected)
        monkeypatch.setattr(assets, "rows_of", unexpected)
        assert launched(workspace).reached(Step.DECIDED)

    def test_what_fails_while_a_value_is_written_is_retried_from_there(
        self, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(train, "keep_model", _raising(LakeUnavailable("no answer")))
            with pytest.raises(LakeUnavailable):
                launched(workspace)
        (branch,) = workspace.lake.branches("run-")
        stopped = attempts.load_run(workspace.lake, branch)
        assert stopped is not None
        assert (stopped.step, stopped.fork) == (Step.VALIDATED, workspace.lake.head("main"))
        assert launched(elsewhere(workspace)).attempt == 2

    def test_a_fenced_attempt_writes_no_value(
        self, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fit = train.fit

        def overtaken(*args: Any) -> Any:
            run_id = next(iter(workspace.lake.branches("run-"))).split("-")[1]
            running.reopen(elsewhere(workspace), run_id)
            return fit(*args)

        monkeypatch.setattr(train, "fit", overtaken)
        with pytest.raises(Fenced):
            launched(workspace)
        assert not workspace.lake.tags("promotion-")

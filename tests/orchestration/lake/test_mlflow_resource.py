"""One MLflow run for a Dagster run and its retries."""

import threading
from pathlib import Path
from typing import Any
from unittest import mock

import dagster as dg
import pytest
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run

from mlops.orchestration.lake import MLflowResource, StorageUnavailable, mlflow_resource

FAIL = {"now": False}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow') / 'mlflow.db'}"


@pytest.fixture
def mlflow(address: str, request: pytest.FixtureRequest) -> MLflowResource:
    FAIL["now"] = False
    return MLflowResource(tracking_uri=address, experiment=request.node.name)


@dg.op(out=dg.Out(dg.Nothing))
def fit(context: dg.OpExecutionContext, mlflow: MLflowResource) -> None:
    with mlflow.run(context) as run:
        run.log_params({"depth": 3})


@dg.op(ins={"start": dg.In(dg.Nothing)})
def score(context: dg.OpExecutionContext, mlflow: MLflowResource) -> None:
    with mlflow.run(context) as run:
        run.log_metrics({"rmse": 1.5})
        run.set_tags({"note": "x"})
        if FAIL["now"]:
            raise RuntimeError("in the step")


def job(mlflow: MLflowResource) -> dg.JobDefinition:
    @dg.job(resource_defs={"mlflow": mlflow}, executor_def=dg.in_process_executor)
    def train() -> None:
        score(fit())

    return train


def runs(mlflow: MLflowResource) -> list[tuple[str, str]]:
    experiment = mlflow.client.get_experiment_by_name(mlflow.experiment)
    assert experiment
    found = mlflow.client.search_runs([experiment.experiment_id])
    return [(run.info.run_id, run.info.status) for run in found]


def test_all_steps_of_a_run_use_one_mlflow_run(mlflow: MLflowResource, instance: dg.DagsterInstance) -> None:
    mlflow.check_health()
    done = job(mlflow).execute_in_process(instance=instance)
    [(run_id, status)] = runs(mlflow)
    run = mlflow.client.get_run(run_id)
    assert status == "FINISHED"
    assert (run.data.params, run.data.metrics) == ({"depth": "3"}, {"rmse": 1.5})
    assert run.data.tags["dagster.root_run_id"] == done.run_id
    found = instance.get_run_by_id(done.run_id)
    assert found
    assert found.tags["mlflow/run_id"] == run_id


def test_a_retry_from_failure_goes_on_in_the_same_mlflow_run(
    mlflow: MLflowResource, instance: dg.DagsterInstance
) -> None:
    FAIL["now"] = True
    failed = job(mlflow).execute_in_process(instance=instance, raise_on_error=False)
    [(run_id, status)] = runs(mlflow)
    assert status == "FAILED"
    FAIL["now"] = False
    # What `ReexecutionOptions.from_failure` makes of a job that can be loaded by name.
    tags = {"dagster/is_resume_retry": "true"}
    again = instance.create_run_for_job(
        job(mlflow), parent_run_id=failed.run_id, root_run_id=failed.run_id, tags=tags
    )
    assert execute_run(InMemoryJob(job(mlflow)), again, instance).success
    assert runs(mlflow) == [(run_id, "FINISHED")]


def test_two_steps_that_begin_together_agree_on_one_run(
    mlflow: MLflowResource, instance: dg.DagsterInstance
) -> None:
    context = step_of(instance, "1")
    begin, used = threading.Barrier(4), set[str]()
    mlflow.check_health()

    def step() -> None:
        begin.wait()
        own = MLflowResource(tracking_uri=mlflow.tracking_uri, experiment=mlflow.experiment)
        with own.run(context) as run:
            used.add(run.run_id)

    threads = [threading.Thread(target=step) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [(run_id, "FINISHED") for run_id in used] == runs(mlflow)


def step_of(instance: dg.DagsterInstance, run_id: str) -> mock.Mock:
    return mock.Mock(instance=instance, run=mock.Mock(run_id=run_id, parent_run_id=None, job_name="train"))


def test_a_run_that_began_earlier_and_became_visible_later_is_not_used(
    mlflow: MLflowResource, instance: dg.DagsterInstance
) -> None:
    """The slow step read that there is no run, and its own appears when the fast one is at work already."""
    fast, slow = (
        MLflowResource(tracking_uri=mlflow.tracking_uri, experiment=mlflow.experiment) for _ in range(2)
    )
    context, used, create = step_of(instance, "2"), list[str](), slow.client.create_run

    def create_late(*args: Any, **kwargs: Any) -> Any:
        with fast.run(context) as run:
            used.append(run.run_id)
        return create(*args, start_time=1, **kwargs)

    with mock.patch.object(slow.client, "create_run", create_late), slow.run(context) as run:
        used.append(run.run_id)
    assert runs(mlflow) == [(used[0], "FINISHED")]
    assert used[0] == used[1]


def test_a_step_that_ended_before_it_said_what_it_found_holds_nobody_up_twice(
    mlflow: MLflowResource, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed = MLflowResource(tracking_uri=mlflow.tracking_uri, experiment=mlflow.experiment)
    context, now = step_of(instance, "3"), [0.0]
    monkeypatch.setattr(mlflow_resource.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(mlflow_resource.time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    with (
        mock.patch.object(killed.client, "set_tag", side_effect=KeyboardInterrupt),
        pytest.raises(KeyboardInterrupt),
        killed.run(context),
    ):
        pass
    with mlflow.run(context) as first:
        pass
    assert now[0] == pytest.approx(mlflow_resource.WAIT_FOR_OTHERS_S, abs=1)
    waited_s = now[0]
    with mlflow.run(context) as second:
        pass
    assert (now[0], second.run_id) == (waited_s, first.run_id)
    assert runs(mlflow) == [(first.run_id, "FINISHED")]


def test_a_run_that_a_person_deleted_is_made_again(
    mlflow: MLflowResource, instance: dg.DagsterInstance
) -> None:
    context = step_of(instance, "4")
    with mlflow.run(context) as first:
        pass
    mlflow.client.delete_run(first.run_id)
    with mlflow.run(context) as second:
        pass
    assert runs(mlflow) == [(second.run_id, "FINISHED")]


def test_a_store_that_does_not_answer_is_said_to_without_its_address(tmp_path: Path) -> None:
    away = MLflowResource(tracking_uri="http://me:secret@127.0.0.1:9")
    with (
        mock.patch.dict("os.environ", {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}),
        pytest.raises(StorageUnavailable, match="does not answer") as error,
    ):
        away.check_health()
    assert error.value.__cause__ is None
    for said in (str(error.value), repr(away)):
        assert "secret" not in said

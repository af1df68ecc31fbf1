"""One MLflow run for a Dagster run and its retries."""

import threading
from pathlib import Path
from unittest import mock

import dagster as dg
import pytest
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run

from mlops.orchestration.lake import MLflowResource, StorageUnavailable

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
    context = mock.Mock(instance=instance)
    context.run = mock.Mock(run_id="1", parent_run_id=None, job_name="train")
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

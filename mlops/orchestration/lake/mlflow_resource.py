"""MLflow runs that follow Dagster runs: one for a run and all its retries from failure."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field, PrivateAttr

from mlops.orchestration.lake.chains import run_of
from mlops.orchestration.lake.errors import StorageUnavailable

if TYPE_CHECKING:
    from mlflow import MlflowClient

#: Tags of MLflow runs.
ROOT_RUN, FAILED_IN = "dagster.root_run_id", "dagster.failed_in"
#: Tags of an MLflow run: runs that its maker found, the one used in its place, that its maker ended early.
FOUND, GIVEN_UP, SILENT = "dagster.found", "dagster.given_up_for", "dagster.silent"
#: Tag of Dagster runs.
MLFLOW_RUN_TAG = "mlflow/run_id"
#: How long to wait for a step that began at the same time and has not said what it found; and between looks.
WAIT_FOR_OTHERS_S, POLL_S = 10.0, 0.05


@dataclass(frozen=True)
class OpenMLflowRun:
    """An MLflow run that is open while a step works.

    Attributes:
        client: MLflow's client, for everything that is not below.
        run_id: The run.
    """

    client: MlflowClient
    run_id: str

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Record parameters."""
        for name, value in params.items():
            self.client.log_param(self.run_id, name, value)

    def log_metrics(self, metrics: Mapping[str, float], *, step: int = 0) -> None:
        """Record metrics."""
        for name, value in metrics.items():
            self.client.log_metric(self.run_id, name, value, step=step)

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Set tags."""
        for name, value in tags.items():
            self.client.set_tag(self.run_id, name, value)


class MLflowResource(dg.ConfigurableResource):
    """An MLflow tracking server or store, and the experiment of the runs.

    Nothing global of MLflow is changed: neither its tracking address nor its active run. Several steps of a
    Dagster run may be at work at the same time, in several processes; all of them find the same MLflow run.
    """

    tracking_uri: str = Field(
        description="Address of MLflow's store, such as sqlite:///mlflow.db", repr=False
    )
    experiment: str = Field(default="Default", description="Created where there is none")

    _client: Any = PrivateAttr(default=None)

    @property
    def client(self) -> MlflowClient:
        """MLflow's client for the tracking address."""
        if self._client is None:
            from mlflow import MlflowClient

            self._client = MlflowClient(tracking_uri=self.tracking_uri)
        return self._client

    def check_health(self) -> None:
        """Ask the store for its experiments.

        Raises:
            StorageUnavailable: It does not answer.
        """
        try:
            self.client.search_experiments(max_results=1)
        except Exception as error:
            # The address may hold a password, and so may what MLflow says of it.
            raise StorageUnavailable(f"MLflow does not answer ({type(error).__name__})") from None

    @contextmanager
    def run(self, context: dg.AssetExecutionContext | dg.OpExecutionContext) -> Iterator[OpenMLflowRun]:
        """Open the MLflow run of a Dagster run, and close it when the step ends.

        It is FINISHED when the last step that used it ended well, FAILED if one of them did not; a retry from
        failure opens it again.

        Args:
            context: Of the step.
        """
        root = run_of(context.run, context.instance).root_run_id
        run_id = self._agreed(root) or self._create(context, root)
        self.client.update_run(run_id, status="RUNNING")
        if context.instance.has_run(context.run.run_id):
            context.instance.add_run_tags(context.run.run_id, {MLFLOW_RUN_TAG: run_id})
        try:
            yield OpenMLflowRun(self.client, run_id)
        except BaseException:
            self.client.set_tag(run_id, FAILED_IN, context.run.run_id)
            self.client.set_terminated(run_id, "FAILED")
            raise
        # Another step of this run may have failed meanwhile; one of an earlier attempt does not count.
        failed_in = self.client.get_run(run_id).data.tags.get(FAILED_IN)
        self.client.set_terminated(run_id, "FAILED" if failed_in == context.run.run_id else "FINISHED")

    def _experiment_id(self) -> str:
        from mlflow.exceptions import MlflowException

        found = self.client.get_experiment_by_name(self.experiment)
        if found is None:
            try:
                return self.client.create_experiment(self.experiment)
            except MlflowException:
                # Another step was first, if it is there now.
                found = self.client.get_experiment_by_name(self.experiment)
                if found is None:
                    raise
        return found.experiment_id

    def _agreed(self, root: str) -> str | None:
        """Return the MLflow run that all steps of a Dagster run agree on, or None where there is none yet.

        Waits for a step that has made a run and not yet said which others it found: two requests.
        """
        known = self._candidates(root)
        waited_until = time.monotonic() + WAIT_FOR_OTHERS_S
        while any(seen is None for seen in known.values()) and time.monotonic() < waited_until:
            time.sleep(POLL_S)
            known = self._candidates(root)
        for run_id in [run_id for run_id, seen in known.items() if seen is None]:
            # Its step ended between two requests; nobody waits for it again.
            self.client.set_tag(run_id, SILENT, "true")
            self.client.delete_run(run_id)
        return min(min((seen for seen in known.values() if seen), key=len, default=()), default=None)

    def _candidates(self, root: str) -> dict[str, tuple[str, ...] | None]:
        """Return the MLflow runs made for a Dagster run, each with what its maker found, if it said so."""
        from mlflow.entities import ViewType

        found = self.client.search_runs(
            [self._experiment_id()], filter_string=f"tags.`{ROOT_RUN}` = '{root}'", run_view_type=ViewType.ALL
        )
        # One that its maker gave up counts as well; one that a person deleted does not.
        counted = [
            each
            for each in found
            if (each.info.lifecycle_stage == "active" or GIVEN_UP in each.data.tags)
            and SILENT not in each.data.tags
        ]
        said = {each.info.run_id: each.data.tags.get(FOUND) for each in counted}
        return {run_id: tuple(text.split(",")) if text else None for run_id, text in said.items()}

    def _create(self, context: dg.AssetExecutionContext | dg.OpExecutionContext, root: str) -> str:
        """Make an MLflow run, and give it up if another step that began at the same time made the one to use.

        MLflow has no way to create a run only if there is none. So every step makes its own, reads which ones
        there are, and writes that down. Of two such readings one holds the other, since each is a query made
        after its reader's run: the smallest is the same for everybody, and so is its first run.
        """
        tags = {ROOT_RUN: root, "dagster.job": context.run.job_name}
        made = self.client.create_run(self._experiment_id(), tags=tags, run_name=f"dagster-{root[:8]}")
        own = made.info.run_id
        self.client.set_tag(own, FOUND, ",".join(sorted({own, *self._candidates(root)})))
        agreed = self._agreed(root) or own
        if agreed != own:
            self.client.set_tag(own, GIVEN_UP, agreed)
            self.client.delete_run(own)
        return agreed

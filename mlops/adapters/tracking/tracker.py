"""MLflow as the core's `Tracker`: runs found by tag, models found by source, nothing logged twice.

Only `MlflowClient` is used, never the fluent interface with its state of the whole process. MLflow itself is
imported with the first call (two seconds), and a SQLite store is opened then (another one or two).

Tags of a run, beside what callers set: ``mlops.run_id``, ``mlops.attempt``, ``mlops.repository``,
``mlops.branch``, ``mlops.fork_commit``, and the digests ``mlops.inputs_digest``, ``mlops.raw_digest``,
``mlops.code_digest``, ``mlops.lock_digest``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mlops.adapters.tracking.seen import (
    is_damage,
    next_step,
    pages,
    registered_model,
    seen_version,
    tracked_run,
    version_of,
)
from mlops.adapters.tracking.store import artifacts_of, make_folder, quieten, reason_of, redacted
from mlops.adapters.tracking.writes import create_model, description_of, log, log_dataset, tags_of
from mlops.runs.errors import TrackerDamaged, TrackerUnavailable
from mlops.runs.promotion.tracked import RECORDED_AGAIN, TrackedRun, Version
from mlops.runs.records import Run

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run as MlflowRun

RUN_ID = "mlops.run_id"
CODE_COMMIT = "mlops.code_commit"
#: How much is asked for at a time.
_PAGE = 1000


class MLflowTracker:
    """The runs and the registered model of one pipeline; implements `mlops.runs.ports.Tracker`.

    Args:
        tracking_uri: Any MLflow tracking URI, such as ``sqlite:///…/mlflow.db``.
        experiment: Name of the experiment that holds the pipeline's runs.
    """

    def __init__(self, tracking_uri: str, experiment: str) -> None:
        self._uri = tracking_uri
        self._experiment = experiment
        self._client_: MlflowClient | None = None
        self._experiment_id = ""

    @property
    def address(self) -> str:
        """Return the readable address of the tracker, without credentials."""
        return redacted(self._uri)

    def begin(self, run: Run, tags: Mapping[str, str]) -> str:
        """Find or create the run of ``run.run_id``, with parameters, dataset and tags set; return its id."""
        with self._calls() as client:
            found = self._find(client, run.run_id)
            begun = found or client.create_run(
                self._known_experiment(client) or self._create_experiment(client),
                run.opened_at_s * 1000,
                {RUN_ID: run.run_id},
                run.run_id,
            )
            tracker_run = begun.info.run_id
            params = {**run.inputs.params, "seed": run.inputs.seed}
            log(client, tracker_run, params=params, tags={**tags_of(run), **tags})
            log_dataset(client, begun, run, tags.get(RECORDED_AGAIN, ""))
            if begun.info.status in {"FAILED", "KILLED"}:
                client.update_run(tracker_run, status="RUNNING")
            return tracker_run

    def record(
        self,
        tracker_run: str,
        *,
        metrics: Mapping[str, float] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Set metrics and tags of a run; a metric that has this value already is not logged again."""
        with self._calls() as client:
            known = client.get_run(tracker_run).data.metrics if metrics else {}
            new = {key: value for key, value in (metrics or {}).items() if known.get(key) != value}
            step = next_step(client, tracker_run, [key for key in new if key in known])
            described = description_of(tags or {})
            log(client, tracker_run, metrics=new, tags={**described, **(tags or {})}, step=step)

    def finish(self, tracker_run: str, *, failed: bool) -> None:
        """End a run as finished or failed; one that has ended so keeps its end time."""
        status = "FAILED" if failed else "FINISHED"
        with self._calls() as client:
            if client.get_run(tracker_run).info.status != status:
                client.set_terminated(tracker_run, status)

    def attach(self, run_id: str, file: str, folder: str) -> None:
        """Log a file of this machine as an artifact of a run; where MLflow has no such run, do nothing.

        Args:
            run_id: The run.
            file: The file.
            folder: Folder among the run's artifacts.
        """
        with self._calls() as client:
            found = self._find(client, run_id)
            if found is not None:
                client.log_artifact(found.info.run_id, file, folder)

    def find(self, run_id: str) -> str | None:
        """Return MLflow's run of a run id, or None; the first one, should there be several."""
        with self._calls() as client:
            found = self._find(client, run_id)
            return found.info.run_id if found else None

    def register(self, model: str, uri: str, tracker_run: str, tags: Mapping[str, str]) -> str:
        """Find or create the registered version whose source is ``uri`` and return its number as text."""
        with self._calls() as client:
            version = version_of(client, model, uri)
            if version is None:
                create_model(client, model)
                client.create_model_version(model, uri, tracker_run or None, dict(tags), await_creation_for=0)
                # Had another process done the same meanwhile, both agree on the lower number.
                version = version_of(client, model, uri)
            if version is None:
                raise TrackerUnavailable("a registered version cannot be found again", where=self.address)
            return version

    def version_of(self, model: str, uri: str) -> str | None:
        """Return the registered version whose source is ``uri``, or None; the lowest of several."""
        with self._calls() as client:
            return version_of(client, model, uri)

    def alias(self, model: str, alias: str) -> str | None:
        """Return the version that an alias names, or None."""
        with self._calls() as client:
            found = registered_model(client, model)
            version = None if found is None else found.aliases.get(alias)
            return None if version is None else str(version)

    def set_alias(self, model: str, alias: str, version: str | None) -> None:
        """Set an alias to a version, or remove it with None; a missing alias or model is no error then."""
        with self._calls() as client:
            if version is not None:
                client.set_registered_model_alias(model, alias, version)
                return
            found = registered_model(client, model)
            if found is not None and alias in found.aliases:
                client.delete_registered_model_alias(model, alias)

    def note(self, model: str, key: str, value: str) -> None:
        """Set a tag of a registered model, which is created where there is none."""
        with self._calls() as client:
            create_model(client, model)
            client.set_registered_model_tag(model, key, value)

    def noted(self, model: str) -> dict[str, str] | None:
        """Return the tags of a registered model; None where there is none of that name."""
        with self._calls() as client:
            found = client.search_registered_models(f"name = '{model}'", max_results=1)
            return dict(found[0].tags) if found else None

    def seen_runs(self) -> dict[str, Mapping[str, str]]:
        """Return run id to tags, for every run of the pipeline; the first one, should there be several."""
        with self._calls() as client:
            tags = [row.data.tags for row in self._rows(client)]
            return {found[RUN_ID]: found for found in tags if RUN_ID in found}

    def seen_versions(self, model: str) -> list[Version]:
        """Return every registered version of a model, the lowest first; none where there is no such model."""
        with self._calls() as client:
            rows = pages(
                lambda token: client.search_model_versions(
                    f"name = '{model}'", max_results=_PAGE, page_token=token
                )
            )
            found = sorted(rows, key=lambda row: int(row.version))
            return [seen_version(client, row) for row in found]

    def tracked_runs(self) -> dict[str, TrackedRun]:
        """Return run id to run, for every run of the pipeline; the first one, should there be several."""
        with self._calls() as client:
            found = [tracked_run(row) for row in self._rows(client)]
            return {run.tags[RUN_ID]: run for run in found if RUN_ID in run.tags}

    def aliases(self, model: str) -> dict[str, str]:
        """Return alias to version; none where there is no such model."""
        with self._calls() as client:
            found = registered_model(client, model)
            return {} if found is None else {key: str(value) for key, value in found.aliases.items()}

    def unregister(self, model: str, version: str) -> None:
        """Remove a registered version; one that does not exist is no error."""
        from mlflow.exceptions import MlflowException

        with self._calls() as client:
            try:
                client.delete_model_version(model, version)
            except MlflowException as error:
                if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                    raise

    def discard(self, tracker_run: str) -> None:
        """Remove a run, so that another one can be recorded under its run id; MLflow keeps it as deleted."""
        with self._calls() as client:
            client.delete_run(tracker_run)

    @contextmanager
    def _calls(self) -> Iterator[MlflowClient]:
        try:
            yield self._client()
        except TrackerUnavailable:
            raise
        except Exception as error:
            if is_damage(error):
                raise TrackerDamaged(
                    "is not a database, or a damaged one",
                    where=self.address,
                    todo="restore it from a copy, or move it away and run `mlops reconcile`",
                ) from error
            raise TrackerUnavailable(
                reason_of(error),
                where=self.address,
                todo="check MLFLOW_TRACKING_URI, then run the same command again",
            ) from error

    def _client(self) -> MlflowClient:
        if self._client_ is None:
            quieten()
            from mlflow import MlflowClient

            make_folder(self._uri)
            self._client_ = MlflowClient(tracking_uri=self._uri)
        return self._client_

    def _known_experiment(self, client: MlflowClient) -> str:
        if not self._experiment_id:
            found = client.get_experiment_by_name(self._experiment)
            self._experiment_id = "" if found is None else found.experiment_id
            if found is not None and found.lifecycle_stage == "deleted":
                client.restore_experiment(found.experiment_id)
        return self._experiment_id

    def _create_experiment(self, client: MlflowClient) -> str:
        from mlflow.exceptions import MlflowException

        try:
            return client.create_experiment(self._experiment, artifacts_of(self._uri, self._experiment))
        except MlflowException as error:
            found = client.get_experiment_by_name(self._experiment)
            if error.error_code != "RESOURCE_ALREADY_EXISTS" or found is None:
                raise
            return found.experiment_id

    def _rows(self, client: MlflowClient) -> list[Any]:
        """Return all runs, the oldest last: it is the one that counts."""
        experiment = self._known_experiment(client)
        if not experiment:
            return []
        order = ["attributes.start_time DESC", "attributes.run_id DESC"]
        return list(
            pages(
                lambda token: client.search_runs(
                    [experiment], "", max_results=_PAGE, order_by=order, page_token=token
                )
            )
        )

    def _find(self, client: MlflowClient, run_id: str) -> MlflowRun | None:
        wanted = f"tags.`{RUN_ID}` = '{run_id}'"
        order = ["attributes.start_time ASC", "attributes.run_id ASC"]
        experiment = self._known_experiment(client)
        if not experiment:
            return None
        found = client.search_runs([experiment], wanted, max_results=1, order_by=order)
        return found[0] if found else None

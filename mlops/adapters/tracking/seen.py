"""MLflow's runs and registered versions as values of the core."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from mlops.runs.promotion.tracked import DatasetInput, TrackedRun, Version

if TYPE_CHECKING:
    from mlflow import MlflowClient

#: What SQLite says of a file that is no database, or of one that is damaged.
_DAMAGED = ("file is not a database", "database disk image is malformed", "malformed database schema")


def is_damage(error: Exception) -> bool:
    """Return whether a call failed because the store is damaged, so that trying again cannot help."""
    text = str(error)
    return any(words in text for words in _DAMAGED)


def tracked_run(row: Any) -> TrackedRun:
    """Return a run of MLflow's."""
    inputs = row.inputs.dataset_inputs if row.inputs else []
    return TrackedRun(
        id=row.info.run_id,
        tags=dict(row.data.tags),
        params=dict(row.data.params),
        metrics=dict(row.data.metrics),
        inputs=tuple(_input(entry.dataset) for entry in inputs),
    )


def _input(dataset: Any) -> DatasetInput:
    try:
        source = json.loads(dataset.source)
        uri = str(source["uri"])
    except (ValueError, TypeError, KeyError):
        uri = str(dataset.source)
    return DatasetInput(dataset.name, dataset.digest, uri)


def seen_version(client: MlflowClient, row: Any) -> Version:
    """Return a registered version with its storage location, which needs a request of its own."""
    stage = row.current_stage or ""
    return Version(
        version=str(row.version),
        uri=row.source or "",
        tags=dict(row.tags),
        stored_at=_stored_at(client, row),
        tracker_run=row.run_id or "",
        stage="" if stage == "None" else stage,
    )


def _stored_at(client: MlflowClient, row: Any) -> str:
    # `MlflowClient.get_model_version_download_uri` looks up the whole model each time, to see whether the
    # name is a prompt's: for a thousand versions that takes longer than everything else.
    registry = client._get_registry_client()
    return registry.get_model_version_download_uri(row.name, row.version) or ""


def pages(search: Callable[[str | None], Any]) -> Iterator[Any]:
    """Yield the rows of every page of a search."""
    token = None
    while True:
        page = search(token)
        yield from page
        token = page.token
        if not token:
            return


def registered_model(client: MlflowClient, model: str) -> Any:
    """Return a registered model, or None."""
    from mlflow.exceptions import MlflowException

    try:
        return client.get_registered_model(model)
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return None
        raise


def version_of(client: MlflowClient, model: str, uri: str) -> str | None:
    """Return the lowest version whose source is ``uri``, or None."""
    wanted = f"name = '{model}' and source_path = '{uri}'"
    rows = pages(lambda token: client.search_model_versions(wanted, page_token=token))
    found = [int(row.version) for row in rows if row.source == uri]
    return str(min(found)) if found else None


def next_step(client: MlflowClient, tracker_run: str, metrics: list[str]) -> int:
    """Return the step after all values of these metrics: MLflow shows the value of the highest one."""
    steps = [entry.step for key in metrics for entry in client.get_metric_history(tracker_run, key)]
    return max(steps, default=-1) + 1

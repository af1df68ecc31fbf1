"""Writes to MLflow: a run's values, the data it reads, and registered models; `seen` reads them back."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mlops.adapters.tracking.seen import registered_model
from mlops.runs.names import RAW
from mlops.runs.promotion.tracked import identity_tags
from mlops.runs.records import Run

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run as MlflowRun

#: MLflow's limits, in characters.
MAX_TAG = 5000
MAX_DIGEST = 36
#: The tag that MLflow shows as the description of a run.
DESCRIPTION = "mlflow.note.content"


def tags_of(run: Run) -> dict[str, str]:
    """Return the tags that tell which attempt of which run this is."""
    return {
        **identity_tags(run),
        "mlops.attempt": str(run.attempt),
        "mlops.branch": run.branch,
        "mlops.fork_commit": run.fork,
    }


def description_of(tags: Mapping[str, str]) -> dict[str, str]:
    """Return the tag that MLflow shows as a run's description: its verdict in words; none without one."""
    sentence = tags.get("mlops.sentence")
    if not sentence:
        return {}
    word = {"promote": "Passed", "refuse": "Refused"}.get(tags.get("mlops.verdict", ""), "Stopped")
    if tags.get("mlops.number"):
        word = f"Promoted as number {tags['mlops.number']}"
    return {DESCRIPTION: f"**{word}.** {sentence}"}


def log(
    client: MlflowClient,
    tracker_run: str,
    *,
    metrics: Mapping[str, float] | None = None,
    params: Mapping[str, Any] | None = None,
    tags: Mapping[str, str] | None = None,
    step: int = 0,
) -> None:
    """Write metrics, parameters and tags of a run in one call."""
    from mlflow.entities import Metric, Param, RunTag

    now_ms = int(time.time() * 1000)
    client.log_batch(
        tracker_run,
        metrics=[Metric(key, float(value), now_ms, step) for key, value in (metrics or {}).items()],
        params=[Param(key, str(value)) for key, value in (params or {}).items()],
        tags=[RunTag(key, str(value)[:MAX_TAG]) for key, value in (tags or {}).items()],
        synchronous=True,
    )


def log_dataset(client: MlflowClient, begun: MlflowRun, run: Run, again: str) -> None:
    """Write down which raw data a run reads, once."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    uri = f"lakefs://{run.inputs.pipeline}/{run.fork}/{RAW}"
    digest = run.inputs.raw_digest[:MAX_DIGEST]
    # MLflow has one entry per name and digest; one that was changed cannot be corrected.
    name = f"{run.inputs.pipeline}/raw" + (f" {again}" if again else "")
    dataset = Dataset(name, digest, "lakefs", json.dumps({"uri": uri}))
    known = begun.inputs.dataset_inputs if begun.inputs else []
    if all(entry.dataset.digest != digest for entry in known):
        context = InputTag("mlflow.data.context", "training")
        client.log_inputs(begun.info.run_id, [DatasetInput(dataset, [context])])


def create_model(client: MlflowClient, model: str) -> None:
    """Create a registered model where there is none of that name."""
    from mlflow.exceptions import MlflowException

    if registered_model(client, model) is not None:
        return
    try:
        client.create_registered_model(model)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise

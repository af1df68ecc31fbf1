"""A classifier small enough for a test: three genres, tracks of artists, no time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mlops.pipelines.sources import FunctionSource
from mlops.pipelines.spec import Deliveries, Joined, PipelineSpec
from mlops.pipelines.tasks import Classification
from mlops.runs import names
from mlops.runs.saved_types import objects
from mlops.steps.workspace import Workspace
from tests.orchestration.tiny import memory_workspace
from tests.support.protocol import GATE_FILES

CLASSES = ("edm", "pop", "rock")
PARTS = ("part-1", "part-2", "part-3")


@dataclass(frozen=True)
class Params:
    """Parameters of the classifier.

    Attributes:
        c: Inverse of its shrinkage, above 0.
    """

    c: float = 1.0


def tracks(arrival: str) -> pd.DataFrame:
    """Return the tracks of a part: id, artist, loudness and genre."""
    part = PARTS.index(arrival)
    rng = np.random.default_rng(part)
    count = 400
    genre = rng.integers(0, 3, count)
    return pd.DataFrame(
        {
            "track": [f"t{part}-{n}" for n in range(count)],
            "artist": [f"artist {a}" for a in rng.integers(0, 60, count)],
            "loudness": genre * 2.0 + rng.normal(0, 1.0, count),
            "genre": [CLASSES[g] for g in genre],
        }
    )


def _join(deliveries: Mapping[str, Deliveries]) -> Joined:
    rows = pd.concat(deliveries["tracks"].values(), ignore_index=True)
    return Joined(rows.sort_values("track", ignore_index=True), {}, {"tracks read": len(rows)})


def _model(params: Params, _seed: int) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=params.c)


def frequencies(train: pd.DataFrame, rows: pd.DataFrame) -> np.ndarray:
    """Return the share of each class in the training rows, for every row."""
    shares = train["genre"].value_counts(normalize=True).reindex(CLASSES, fill_value=0.0)
    return np.tile(shares.to_numpy(), (len(rows), 1))


SPEC = PipelineSpec(
    name="tiny-genres",
    title="Genre of tracks",
    tables=("tracks",),
    key=("track",),
    table_keys={"tracks": ("track",)},
    time="",
    cluster="artist",
    target="genre",
    unit="nats",
    model_input=("loudness",),
    excluded={},
    slices=("genre",),
    params=Params,
    trusted_types=objects("sklearn.linear_model._logistic.LogisticRegression"),
    source=lambda _options: FunctionSource(lambda: PARTS, lambda arrival: {"tracks": tracks(arrival)}),
    parse=lambda _table, frame: frame,
    join=_join,
    model=_model,
    baseline=frequencies,
    baseline_reads=("genre",),
    task=Classification(CLASSES),
)

POLICY = b"""metric: log_loss
min_gain: 0
min_clusters: 20
guards:
  - {metric: error_rate, tolerance: 0.05}
  - {metric: brier, tolerance: 0.2, by: genre}
"""
RULE = b"kind: hash\nfraction: 0.3\nby: [track]\n"


def gate_files(policy: bytes = POLICY, rule: bytes = RULE) -> dict[str, bytes]:
    """Return the gate configuration."""
    suite = {
        "name": "tracks",
        "expectations": [
            {
                "type": "expect_column_values_to_be_in_set",
                "kwargs": {"column": "genre", "value_set": list(CLASSES)},
            }
        ],
    }
    content = json.dumps(suite).encode()
    return {
        names.POLICY: policy,
        names.HOLDOUT_RULE: rule,
        names.suite_path("tracks"): content,
        names.suite_path("processed"): content,
        names.ENFORCER: GATE_FILES[names.ENFORCER],
    }


def genre_workspace(*arrivals: str, policy: bytes = POLICY, rule: bytes = RULE) -> Workspace:
    """Return a workspace in memory whose `main` holds the arrivals."""
    return memory_workspace(SPEC, gate_files(policy, rule), *arrivals)

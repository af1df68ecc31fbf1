"""A recommender small enough for a test: songs of playlists, three of each held out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mlops.pipelines.sources import FunctionSource
from mlops.pipelines.spec import Deliveries, Joined, PipelineSpec
from mlops.pipelines.tasks import Ranking
from mlops.runs import names
from mlops.runs.saved_types import objects
from mlops.steps.workspace import Workspace
from tests.orchestration.tiny import memory_workspace
from tests.support.protocol import GATE_FILES

PARTS = ("part-1", "part-2")
TASTES, PER_TASTE = 5, 30


@dataclass(frozen=True)
class Params:
    """Parameters of the recommender.

    Attributes:
        by_taste: Whether it recommends what playlists with the same songs hold, not what all of them hold.
    """

    by_taste: bool = False


class Recommender:
    """Recommends songs of playlists that share one, or the most frequent songs of all playlists.

    Attributes:
        by_taste: See `Params`.
        together: Song to the songs that stand with it, most frequent first; fitted.
        popular: All songs, most frequent first; fitted.
    """

    def __init__(self, by_taste: bool = False) -> None:
        self.by_taste = by_taste
        self.together: dict[str, list[str]] = {}
        self.popular: list[str] = []

    def fit(self, rows: pd.DataFrame) -> Recommender:
        pairs = rows.merge(rows, on="playlist", suffixes=("", "_other"))
        counted = pairs[pairs["song"] != pairs["song_other"]].groupby(["song", "song_other"]).size()
        for (song, other), _ in sorted(counted.items(), key=lambda item: (-item[1], item[0])):
            self.together.setdefault(song, []).append(other)
        self.popular = most_popular(rows)
        return self

    def predict(self, units: pd.DataFrame) -> list[list[str]]:
        return [self._one(json.loads(known)) for known in units["known"]]

    def _one(self, known: list[str]) -> list[str]:
        near = [other for song in known for other in self.together.get(song, [])] if self.by_taste else []
        return [song for song in dict.fromkeys([*near, *self.popular]) if song not in set(known)]


def most_popular(rows: pd.DataFrame) -> list[str]:
    """Return all songs, the most frequent first."""
    counts = rows["song"].value_counts()
    return sorted(counts.index, key=lambda song: (-counts[song], song))


def playlists(arrival: str) -> pd.DataFrame:
    """Return the songs of the playlists of a part: playlist and song."""
    part = PARTS.index(arrival)
    rng = np.random.default_rng(part)
    rows = [
        (f"p{part}-{number}", f"song {taste}-{song:02d}")
        for number in range(60)
        for taste in [number % TASTES]
        for song in rng.choice(PER_TASTE, 12, replace=False)
    ]
    return pd.DataFrame(rows, columns=["playlist", "song"])


def _join(deliveries: Mapping[str, Deliveries]) -> Joined:
    rows = pd.concat(deliveries["songs"].values(), ignore_index=True)
    return Joined(rows.sort_values(["playlist", "song"], ignore_index=True), {}, {"songs read": len(rows)})


def _baseline(train: pd.DataFrame, units: pd.DataFrame) -> Any:
    return [most_popular(train)] * len(units)


SPEC = PipelineSpec(
    name="tiny-playlists",
    title="Songs for playlists",
    tables=("songs",),
    key=("playlist", "song"),
    table_keys={"songs": ("playlist", "song")},
    time="",
    cluster="playlist",
    target="song",
    unit="share",
    model_input=("playlist", "song"),
    excluded={},
    slices=(),
    params=Params,
    trusted_types=objects(f"{Recommender.__module__}.{Recommender.__qualname__}"),
    source=lambda _options: FunctionSource(lambda: PARTS, lambda arrival: {"songs": playlists(arrival)}),
    parse=lambda _table, frame: frame,
    join=_join,
    model=lambda params, _seed: Recommender(params.by_taste),
    baseline=_baseline,
    baseline_reads=("song",),
    task=Ranking(query="playlist", item="song", k=5),
)


def playlist_workspace(*arrivals: str) -> Workspace:
    """Return a workspace in memory whose `main` holds the arrivals."""
    suite = {
        "name": "songs",
        "expectations": [{"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "song"}}],
    }
    content = json.dumps(suite).encode()
    files = {
        names.POLICY: b"metric: one_minus_ndcg_at_5\nmin_clusters: 20\nmust_beat_baseline: false\n"
        b"guards: [{metric: miss_at_5, tolerance: 0.1}]\n",
        names.HOLDOUT_RULE: b"kind: hash\nfraction: 0.25\n",
        names.suite_path("songs"): content,
        names.suite_path("processed"): content,
        names.ENFORCER: GATE_FILES[names.ENFORCER],
    }
    return memory_workspace(SPEC, files, *arrivals)

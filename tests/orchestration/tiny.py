"""A pipeline small enough for a test: a hundred points a month, a straight line through them."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import pandas as pd

from mlops.adapters.page_links import Links
from mlops.pipelines.sources import FunctionSource
from mlops.pipelines.spec import Deliveries, Joined, PipelineSpec
from mlops.runs import names
from mlops.runs.errors import ConfigError
from mlops.runs.main.setup import set_up
from mlops.runs.ports import ObjectStat
from mlops.runs.records import RunInputs
from mlops.runs.saved_types import objects
from mlops.steps.arrivals import ingest
from mlops.steps.workspace import Workspace
from tests.support.enforcer import enforce
from tests.support.fakes import fake_ports
from tests.support.memory_lake import MemoryLake
from tests.support.protocol import GATE_FILES

SUITE = {
    "name": "points",
    "expectations": [
        {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "x"}},
        {
            "type": "expect_column_values_to_be_between",
            "kwargs": {"column": "x", "min_value": 0, "max_value": 10},
        },
        {
            "type": "expect_column_values_to_be_between",
            "kwargs": {"column": "x", "max_value": 9},
            "severity": "warning",
        },
    ],
}


@dataclass(frozen=True)
class Params:
    """Parameters of the line.

    Attributes:
        shrinkage: How much flatter than the points the line is, at least 0.
        intercept: Whether the line may miss the origin.
    """

    shrinkage: float = 0.0
    intercept: bool = True

    def __post_init__(self) -> None:
        if self.shrinkage < 0:
            raise ConfigError("must be at least 0", where="shrinkage")


def _extract(arrival: str) -> Mapping[str, pd.DataFrame]:
    days = pd.date_range(f"{arrival}-01", periods=25, freq="D")
    rows = [
        (day, n, float(n * 2 + day.day % 2), float(n * 4 + (n * day.day) % 3))
        for day in days
        for n in range(4)
    ]
    return {"points": pd.DataFrame(rows, columns=["day", "n", "x", "y"])}


def _join(deliveries: Mapping[str, Deliveries]) -> Joined:
    rows = pd.concat(deliveries["points"].values(), ignore_index=True).sort_values(
        ["day", "n"], ignore_index=True
    )
    return Joined(rows, {"no target": 0}, {"points read": len(rows)})


def _model(params: Params, _seed: int) -> Any:
    from sklearn.linear_model import Ridge

    return Ridge(alpha=params.shrinkage, fit_intercept=params.intercept)


SPEC = PipelineSpec(
    name="tiny-line",
    title="Height of points",
    tables=("points",),
    key=("day", "n"),
    table_keys={"points": ("day", "n")},
    time="day",
    cluster="day",
    target="y",
    unit="m",
    model_input=("x",),
    excluded={},
    slices=(),
    params=Params,
    trusted_types=objects("sklearn.linear_model._ridge.Ridge"),
    source=lambda _options: FunctionSource(lambda: [f"2020-{month:02d}" for month in range(1, 13)], _extract),
    parse=lambda _table, frame: frame,
    join=_join,
    model=_model,
    baseline=lambda _train, rows: rows["x"].to_numpy(dtype="float64"),
)


class FileLake(MemoryLake):
    """The lake in memory, with the streams that steps use besides the port."""

    def chunks(self, ref: str, path: str) -> Iterator[bytes]:
        yield self.read(ref, path)

    def open_read(self, ref: str, path: str) -> IO[bytes]:
        return io.BytesIO(self.read(ref, path))

    def upload(
        self, branch: str, path: str, local_file: Path, metadata: Mapping[str, str] | None = None
    ) -> ObjectStat:
        self.write(branch, path, local_file.read_bytes(), metadata)
        return self.stat(branch, path)

    def download(self, ref: str, path: str, local_file: Path) -> None:
        local_file.parent.mkdir(parents=True, exist_ok=True)
        local_file.write_bytes(self.read(ref, path))


NEWEST_MONTH = b"kind: newest_period\ncolumn: day\nperiod: month\n"


def gate_files(suite: Mapping[str, Any] = SUITE, rule: bytes = NEWEST_MONTH) -> dict[str, bytes]:
    raw = {**SUITE, "expectations": SUITE["expectations"][:1]}
    return {
        names.POLICY: b"metric: mae\nmin_gain: 0\nmin_clusters: 20\n",
        names.HOLDOUT_RULE: rule,
        names.suite_path("points"): json.dumps(raw).encode(),
        names.suite_path("processed"): json.dumps(suite).encode(),
        names.ENFORCER: GATE_FILES[names.ENFORCER],
    }


def tiny_workspace(*arrivals: str, suite: Mapping[str, Any] = SUITE, rule: bytes = NEWEST_MONTH) -> Workspace:
    """Return a workspace in memory whose `main` holds the arrivals."""
    return memory_workspace(SPEC, gate_files(suite, rule), *arrivals)


def memory_workspace(spec: PipelineSpec, files: Mapping[str, bytes], *arrivals: str) -> Workspace:
    """Return a workspace in memory of any pipeline, whose `main` holds the arrivals."""
    lake = FileLake(repository=spec.name, enforcer=enforce)
    lines: list[str] = []
    links = Links("http://lake", spec.name, mlflow="http://mlflow", dagster="http://dagster")
    workspace = Workspace(spec, lake, fake_ports(lake, tell=lines.append), links)  # type: ignore[arg-type]
    set_up(workspace.ports, dict(files))
    for arrival in arrivals:
        arrive(workspace, arrival)
    return workspace


def arrive(workspace: Workspace, arrival: str) -> None:
    source, frames = ingest.from_source(workspace, arrival)
    ingest.deliver(workspace, arrival, source, frames)


def elsewhere(workspace: Workspace, name: str = "host:2:2", **living: Any) -> Workspace:
    """Return the same lake and tracker as another process sees them."""
    from tests.support.fakes import FakeProcesses

    ports = replace(workspace.ports, processes=FakeProcesses(name, **living), proved={})
    return Workspace(workspace.spec, workspace.lake, ports, workspace.links)


def inputs_at_head(workspace: Workspace) -> RunInputs:
    from mlops.steps.run_inputs import inputs_of

    head = workspace.lake.head("main")
    return inputs_of(workspace.spec, workspace.lake, head, workspace.spec.parameters({}))

"""Compare two commits of a repository: objects, rows of tables by key, and metrics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops.runs import names
from mlops.runs.errors import InputError
from mlops.runs.main.state import parse_json, read_optional

if TYPE_CHECKING:
    import pyarrow as pa

    from mlops.adapters.lake.lake import LakeFSLake
    from mlops.pipelines.spec import PipelineSpec
    from mlops.runs.ports import Change, Lake
    from mlops.steps.workspace import Workspace
    from mlops.table_diff.comparison import Comparison

_PARQUET = ".parquet"


@dataclass(frozen=True)
class ObjectDifference:
    """An object that differs between two commits.

    Attributes:
        change: Its path, and whether it was added, removed or changed.
        rows: Number of rows of a table that was added or removed.
        comparison: How the rows of a changed table differ.
        not_compared: Why the rows of a table were not compared; empty if they were, or for other objects.
    """

    change: Change
    rows: int | None = None
    comparison: Comparison | None = None
    not_compared: str = ""


@dataclass(frozen=True)
class MetricDifference:
    """A metric at two commits; a value is None where the commit does not have the metric.

    Attributes:
        name: Name of the metric.
        old: Its value at the old commit.
        new: Its value at the new commit.
    """

    name: str
    old: float | None
    new: float | None

    @property
    def difference(self) -> float | None:
        """New value minus old value; None if one of them is missing."""
        return None if self.new is None or self.old is None else self.new - self.old


def object_differences(
    workspace: Workspace, old: str, new: str, *, read_tables: bool = True
) -> list[ObjectDifference]:
    """Return the objects that differ from one commit to another, ascending by path.

    Args:
        workspace: The pipeline.
        old: A commit id.
        new: A commit id.
        read_tables: Whether tables are read and their rows compared.
    """
    return [
        _object_difference(workspace, change, old, new)
        if read_tables and change.path.endswith(_PARQUET)
        else ObjectDifference(change)
        for change in workspace.lake.diff(old, new)
    ]


def _object_difference(workspace: Workspace, change: Change, old: str, new: str) -> ObjectDifference:
    workspace.ports.tell(f"reading {change.path}")
    try:
        return _table_difference(workspace, change, old, new)
    except InputError as error:
        return ObjectDifference(change, not_compared=error.what)


def _table_difference(workspace: Workspace, change: Change, old: str, new: str) -> ObjectDifference:
    from mlops.adapters.tables import compare_tables

    if change.type in {"added", "removed"}:
        ref = new if change.type == "added" else old
        return ObjectDifference(change, rows=_table(workspace.lake, ref, change.path).num_rows)
    before, after = (_table(workspace.lake, ref, change.path) for ref in (old, new))
    key = key_of(workspace.spec, change.path)
    return ObjectDifference(change, comparison=compare_tables(before, after, key))


def _table(lake: LakeFSLake, ref: str, path: str) -> pa.Table:
    from mlops.adapters.tables import read_arrow

    with lake.open_read(ref, path) as file:
        return read_arrow(file, where=f"{ref[:12]}:{path}")


def key_of(spec: PipelineSpec, path: str) -> Sequence[str]:
    """Return the columns that identify a row of a table of this pipeline; empty if it declares none."""
    raw = names.parse_raw_path(path)
    return spec.table_keys.get(raw.table, ()) if raw else spec.key


def metric_differences(lake: Lake, old: str, new: str) -> list[MetricDifference]:
    """Return every metric of either commit, ascending by name."""
    left, right = (_metrics_at(lake, ref) for ref in (old, new))
    return [MetricDifference(name, left.get(name), right.get(name)) for name in sorted({*left, *right})]


def _metrics_at(lake: Lake, ref: str) -> dict[str, float | None]:
    data = read_optional(lake, ref, names.METRICS)
    return dict(parse_json(data, f"{ref[:12]}:{names.METRICS}")) if data is not None else {}

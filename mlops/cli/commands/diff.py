"""``diff``: what differs between two commits, down to rows, columns and metrics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mlops.cli.output.results import Result
from mlops.cli.output.text import columns, count, number, short
from mlops.cli.session import Session
from mlops.runs import names
from mlops.runs.errors import InputError
from mlops.runs.promotion.lookup import resolved
from mlops.table_diff import WHOLE_ROWS

if TYPE_CHECKING:
    import pyarrow as pa

    from mlops.adapters.lake.lake import LakeFSLake
    from mlops.pipelines.spec import PipelineSpec
    from mlops.runs.ports import Change, Lake
    from mlops.steps.workspace import Workspace
    from mlops.table_diff.comparison import Comparison

_LETTERS = {"added": "A", "removed": "R", "changed": "C"}
_PARQUET = ".parquet"


def diff(session: Session, pipeline: str, left: str, right: str, *, objects_only: bool) -> Result:
    """Show what differs from one commit to another; both are read by commit id."""
    workspace = session.workspace(pipeline)
    old, new = (resolved(workspace.lake, ref) for ref in (left, right))
    changes = workspace.lake.diff(old, new)
    objects = [
        {
            "type": change.type,
            "path": change.path,
            **_inside(session, workspace, change, old, new, objects_only),
        }
        for change in changes
    ]
    compared = [] if objects_only else _metrics(workspace.lake, old, new)
    document = {
        "pipeline": pipeline,
        "left": {"ref": left, "commit": old},
        "right": {"ref": right, "commit": new},
        "objects": objects,
        "metrics": compared,
        "link": _link(workspace, old if left.isdigit() else left, new if right.isdigit() else right),
    }
    return Result(document, _lines(document))


def _inside(
    session: Session, workspace: Workspace, change: Change, old: str, new: str, objects_only: bool
) -> dict[str, Any]:
    """Return how the rows of a table differ; nothing for other objects."""
    if objects_only or not change.path.endswith(_PARQUET):
        return {}
    session.tell(f"reading {change.path}")
    try:
        return _rows(workspace, change, old, new)
    except InputError as error:
        return {"not_compared": error.what}


def _rows(workspace: Workspace, change: Change, old: str, new: str) -> dict[str, Any]:
    from mlops.adapters.tables import compare_tables

    if change.type == "added":
        count_new = _table(workspace.lake, new, change.path).num_rows
        return {"rows": {"rows_old": 0, "rows_new": count_new, "added": count_new, "removed": 0}}
    if change.type == "removed":
        count_old = _table(workspace.lake, old, change.path).num_rows
        return {"rows": {"rows_old": count_old, "rows_new": 0, "added": 0, "removed": count_old}}
    before, after = (_table(workspace.lake, ref, change.path) for ref in (old, new))
    found = compare_tables(before, after, key_of(workspace.spec, change.path))
    return {"key": list(found.key), "rows": found.diff.to_json(), "summary": _summary(found)}


def _table(lake: LakeFSLake, ref: str, path: str) -> pa.Table:
    from mlops.adapters.tables import read_arrow

    with lake.open_read(ref, path) as file:
        return read_arrow(file, where=f"{ref[:12]}:{path}")


def key_of(spec: PipelineSpec, path: str) -> Sequence[str]:
    """Return the columns that identify a row of a table of this pipeline; none where it declares none."""
    raw = names.parse_raw_path(path)
    return spec.table_keys.get(raw.table, ()) if raw else spec.key


def _summary(comparison: Comparison) -> str:
    found = comparison.diff
    changed = f", {found.changed:,} changed" if comparison.key else ""
    parts = [
        f"rows {found.rows_old:,} -> {found.rows_new:,}: {found.added:,} added, {found.removed:,} removed"
        f"{changed}"
    ]
    if found.changed_by_column:
        most = sorted(found.changed_by_column.items(), key=lambda item: (-item[1], item[0]))
        parts.append(", ".join(f"{column} {rows:,}" for column, rows in most))
    if found.columns_added:
        parts.append(f"new columns {', '.join(found.columns_added)}")
    if found.columns_removed:
        parts.append(f"lost columns {', '.join(found.columns_removed)}")
    if found.types_changed:
        parts.append(", ".join(f"{name} {was} -> {now}" for name, (was, now) in found.types_changed.items()))
    if not comparison.key:
        parts.append(WHOLE_ROWS)
    return "; ".join(parts)


def _metrics(lake: Lake, old: str, new: str) -> list[dict[str, Any]]:
    """Return old value, new value and difference of every metric of either commit, ascending by name."""
    left, right = (_metrics_at(lake, ref) for ref in (old, new))
    return [
        {
            "metric": name,
            "old": left.get(name),
            "new": right.get(name),
            "difference": _minus(right, left, name),
        }
        for name in sorted({*left, *right})
    ]


def _metrics_at(lake: Lake, ref: str) -> dict[str, float | None]:
    from mlops.runs.main.state import parse_json, read_optional

    data = read_optional(lake, ref, names.METRICS)
    return dict(parse_json(data, f"{ref[:12]}:{names.METRICS}")) if data is not None else {}


def _minus(right: dict[str, float | None], left: dict[str, float | None], name: str) -> float | None:
    new, old = right.get(name), left.get(name)
    return None if new is None or old is None else new - old


def _link(workspace: Workspace, left: str, right: str) -> str:
    return workspace.links.compare(left, right)


def _lines(document: dict[str, Any]) -> list[str]:
    left, right, objects = document["left"], document["right"], document["objects"]
    counts = [f"{sum(o['type'] == kind for o in objects)} {kind}" for kind in _LETTERS]
    total = f"{count(len(objects), 'object')}: {', '.join(counts)}" if objects else "no object differs"
    lines = [f"{left['ref']} ({short(left['commit'])}) -> {right['ref']} ({short(right['commit'])}): {total}"]
    for entry in objects:
        lines.append(f"{_LETTERS.get(entry['type'], '?')} {entry['path']}{_detail(entry)}")
    changed = [row for row in document["metrics"] if row["old"] != row["new"]]
    if changed:
        rows = [("metric", "old", "new", "difference"), *(_metric_row(row) for row in changed)]
        lines += columns(rows, right=(1, 2, 3))
    return [*lines, document["link"]] if document["link"] else lines


def _detail(entry: dict[str, Any]) -> str:
    if "not_compared" in entry:
        return f"  (rows cannot be matched: {entry['not_compared']})"
    if "summary" in entry:
        return f"  {entry['summary']}"
    rows = entry.get("rows")
    if rows is None:
        return ""
    return f"  {rows['added']:,} rows" if rows["added"] else f"  {rows['removed']:,} rows"


def _metric_row(row: dict[str, Any]) -> tuple[str, ...]:
    def shown(value: float | None, form: str = ",.4f") -> str:
        return "-" if value is None else number(value, form)

    return (row["metric"], shown(row["old"]), shown(row["new"]), shown(row["difference"], "+,.4f"))

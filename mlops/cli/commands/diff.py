"""Declare and run ``mlops diff``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlops.cli.options import Json, Pipeline
from mlops.cli.output.results import Result
from mlops.cli.output.text import columns, count, number, short
from mlops.cli.session import Session
from mlops.table_diff import WHOLE_ROWS

if TYPE_CHECKING:
    from mlops.steps.compare_commits import MetricDifference, ObjectDifference
    from mlops.table_diff.comparison import Comparison

_LETTERS = {"added": "A", "removed": "R", "changed": "C"}

Left = Annotated[
    str, typer.Argument(metavar="A", help="Branch, tag, commit or promotion number.", show_default=False)
]
Right = Annotated[
    str,
    typer.Argument(metavar="B", help="What to compare it with, named in the same way.", show_default=False),
]
ObjectsOnly = Annotated[
    bool, typer.Option("--objects", help="Only list the objects that differ; read no tables.")
]


def diff(
    context: typer.Context,
    pipeline: Pipeline,
    left: Left,
    right: Right,
    objects: ObjectsOnly = False,
    json: Json = False,
) -> Result:
    """Compare two commits: objects, rows by key, metrics."""
    from mlops.runs.promotion.lookup import resolved

    session: Session = context.obj
    workspace = session.workspace(pipeline)
    old, new = (resolved(workspace.lake, ref) for ref in (left, right))
    from mlops.steps.compare_commits import metric_differences, object_differences

    found = object_differences(workspace, old, new, read_tables=not objects)
    metrics = [] if objects else metric_differences(workspace.lake, old, new)
    document = {
        "pipeline": pipeline,
        "left": {"ref": left, "commit": old},
        "right": {"ref": right, "commit": new},
        "objects": [_object(difference) for difference in found],
        "metrics": [_metric(metric) for metric in metrics],
        "link": workspace.links.compare(old if left.isdigit() else left, new if right.isdigit() else right),
    }
    return Result(document, _lines(document))


def _object(found: ObjectDifference) -> dict[str, Any]:
    """Return a difference as plain values; a table has more keys than other objects."""
    entry: dict[str, Any] = {"type": found.change.type, "path": found.change.path}
    if found.not_compared:
        return {**entry, "not_compared": found.not_compared}
    compared = found.comparison
    if compared is not None:
        rows = compared.diff.to_json()
        return {**entry, "key": list(compared.key), "rows": rows, "summary": _summary(compared)}
    if found.rows is None:
        return entry
    old, new = (0, found.rows) if found.change.type == "added" else (found.rows, 0)
    return {**entry, "rows": {"rows_old": old, "rows_new": new, "added": new, "removed": old}}


def _metric(found: MetricDifference) -> dict[str, Any]:
    return {"metric": found.name, "old": found.old, "new": found.new, "difference": found.difference}


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

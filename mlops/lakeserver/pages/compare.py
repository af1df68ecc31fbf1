"""Pages that compare two refs."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.responses import Response

from mlops.lakeserver.http import shapes
from mlops.lakeserver.operations import branches, repositories
from mlops.lakeserver.operations.paging import CommonPrefix
from mlops.lakeserver.pages.layout import next_page, page, size
from mlops.lakeserver.pages.markup import Part, address, link, table, tag, wide
from mlops.lakeserver.pages.tables import difference
from mlops.lakeserver.pages.visit import Visit
from mlops.lakeserver.trees.nodes import Item

_PER_PAGE = 100
# Of so many changed tables on a page, rows and columns are compared.
_TABLES = 5


def compare(visit: Visit) -> Response:
    """Show the changes that merging `compare` into `ref` would make."""
    repo = repositories.get(visit.lake, visit.repository)
    base, source = visit.query("ref") or repo.default_branch, visit.query("compare")
    prefix = visit.query("prefix")
    form = tag(
        "form",
        tag("label", "Into", tag("input", name="ref", value=base, required=True)),
        tag("label", "From", tag("input", name="compare", value=source, required=True)),
        tag("button", "Compare"),
        method="get",
        action=address(repo.id, "compare"),
        class_="row",
    )
    target = address(repo.id, "compare")
    shown = (
        changes(visit, base, source, target, prefix)
        if source
        else tag("p", "Name the ref to compare with.", class_="quiet")
    )
    opened = address(repo.id, "pulls", "create", ref=base, compare=source)
    offer = tag("p", link(opened, "Open a pull request", class_="button"))
    return page(
        f"Compare {source} with {base}" if source else "Compare",
        form,
        offer if source and source != base else None,
        shown,
        visit=visit,
        repository=repo.id,
        tab="compare",
    )


def changes(visit: Visit, base: str, source: str, target: str, prefix: str = "") -> Part:
    """Show a page of the changes of merging `source` into `base`; `target` is the address of this page."""
    result = branches.diff_page(
        visit.lake,
        visit.repository,
        base,
        source,
        two_dot=False,
        prefix=prefix,
        after=visit.query("after"),
        delimiter="",
        amount=_PER_PAGE,
    )
    if not result.results:
        said = f"{source} changes nothing in {base}." if not prefix else f"Nothing changes below {prefix}."
        return tag("p", said, class_="quiet")
    rows: list[list[Part]] = []
    tables_left = _TABLES
    for item in result.results:
        shape = shapes.diff(item)
        kind, path = shape["type"], shape["path"]
        shown: Part = path
        if not isinstance(item, CommonPrefix):
            ref = base if kind == "removed" else source
            shown = link(address(visit.repository, "object", ref=ref, path=path), path)
            if item.left and item.right and path.endswith(".parquet") and tables_left:
                tables_left -= 1
                shown = [shown, _table_changes(visit, item.left, item.right)]
        rows.append(
            [tag("span", kind.replace("_", " "), class_=kind), shown, size(shape.get("size_bytes", 0))]
        )
    query = {"ref": base, "compare": source, "prefix": prefix, "after": result.next_offset}
    after = f"{target}?{urlencode({key: value for key, value in query.items() if value})}"
    return [table(["Change", "Object", "Size"], rows, text=1), next_page(after, result)]


def _table_changes(visit: Visit, left: Item, right: Item) -> Part:
    """Show the differences of a changed table: a summary, and the first added and removed rows."""
    found = difference(visit.lake, left, right)
    if found is None:
        return None
    said = tag("div", "; ".join(found.summary), class_="quiet")
    if not found.rows:
        return said
    head = tag("tr", [tag("th", name, scope="col") for name in ("row", *found.columns)])
    body = [
        tag("tr", tag("th", tag("span", kind, class_=kind), scope="row"), [tag("td", cell) for cell in row])
        for kind, row in found.rows
    ]
    grid = tag("table", tag("thead", head), tag("tbody", body))
    more = f" (the first {len(found.rows)})" if len(found.rows) < found.changed_rows else ""
    return [said, tag("details", tag("summary", f"Changed rows{more}"), wide(grid, "Changed rows"))]

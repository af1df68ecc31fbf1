"""What differs between two refs."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.responses import Response

from mlops.lakeserver import shapes
from mlops.lakeserver.operations import branches, repositories
from mlops.lakeserver.operations.paging import CommonPrefix
from mlops.lakeserver.pages.layout import next_page, page, size
from mlops.lakeserver.pages.markup import Part, address, link, table, tag
from mlops.lakeserver.pages.tables import difference
from mlops.lakeserver.pages.visit import Visit

_PER_PAGE = 100
# Of so many changed tables on a page, rows and columns are compared.
_TABLES = 5


def compare(visit: Visit) -> Response:
    """What merging `compare` into `ref` would change."""
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
        changes(visit, base, source, target, prefix) if source else tag("p", "Name the ref to compare with.")
    )
    opened = address(repo.id, "pulls", "create", source=source, destination=base)
    offer = tag("p", link(opened, "Open a pull request", class_="button")) if source else None
    return page(
        f"Compare {source or '…'} with {base}", form, offer, shown, user=visit.user, repository=repo.id
    )


def changes(visit: Visit, base: str, source: str, target: str, prefix: str = "") -> Part:
    """What merging `source` into `base` would change, a page of it; `target` is the address of this page."""
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
        return tag(
            "p", f"{source} changes nothing in {base}." if not prefix else f"Nothing changes below {prefix}."
        )
    rows: list[list[Part]] = []
    tables_left = _TABLES
    for item in result.results:
        shape = shapes.diff(item)
        kind, path = shape["type"], shape["path"]
        ref = base if kind == "removed" else source
        name: Part = path
        if not isinstance(item, CommonPrefix):
            name = link(address(visit.repository, "object", ref=ref, path=path), path)
        left, right = (None, None) if isinstance(item, CommonPrefix) else (item.left, item.right)
        rows_changed = ""
        if left and right and path.endswith(".parquet") and tables_left:
            tables_left -= 1
            rows_changed = difference(visit.lake, left, right)
        shown = [name, tag("div", rows_changed, class_="muted")] if rows_changed else name
        rows.append(
            [tag("span", kind.replace("_", " "), class_=kind), shown, size(shape.get("size_bytes", 0))]
        )
    query = {"ref": base, "compare": source, "prefix": prefix, "after": result.next_offset}
    after = f"{target}?{urlencode({key: value for key, value in query.items() if value})}"
    return [table(["Change", "Object", "Size"], rows), next_page(after, result)]

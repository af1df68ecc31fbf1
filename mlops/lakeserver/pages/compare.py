"""What differs between two refs."""

from __future__ import annotations

from starlette.responses import Response

from mlops.lakeserver import shapes
from mlops.lakeserver.operations import branches, repositories
from mlops.lakeserver.operations.paging import CommonPrefix
from mlops.lakeserver.pages.layout import next_page, page, size
from mlops.lakeserver.pages.markup import Part, address, link, table, tag
from mlops.lakeserver.pages.visit import Visit

_PER_PAGE = 100


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
    shown = _changes(visit, base, source, prefix) if source else tag("p", "Name the ref to compare with.")
    return page(f"Compare {source or '…'} with {base}", form, shown, user=visit.user, repository=repo.id)


def _changes(visit: Visit, base: str, source: str, prefix: str) -> Part:
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
    for item in result.results:
        shape = shapes.diff(item)
        kind, path = shape["type"], shape["path"]
        ref = base if kind == "removed" else source
        name: Part = path
        if not isinstance(item, CommonPrefix):
            name = link(address(visit.repository, "object", ref=ref, path=path), path)
        rows.append(
            [tag("span", kind.replace("_", " "), class_=kind), name, size(shape.get("size_bytes", 0))]
        )
    after = address(
        visit.repository, "compare", ref=base, compare=source, prefix=prefix, after=result.next_offset
    )
    return [table(["Change", "Object", "Size"], rows), next_page(after, result)]

"""HTML that cannot be broken by what stands in it: every text is escaped unless it was made here."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from urllib.parse import quote, urlencode

_VOID = frozenset({"input", "link", "meta", "img", "br"})


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


Part = str | None | Sequence["Part"]


def join(part: Part) -> Markup:
    """Return the HTML of a text, of HTML, or of a list of these; None is nothing."""
    if part is None:
        return Markup("")
    if isinstance(part, Markup):
        return part
    if isinstance(part, str):  # after Markup, which is one too
        return Markup(escape(part))
    return Markup("".join(join(item) for item in part))


def tag(name: str, /, *content: Part, **attributes: str | bool | None) -> Markup:
    """Return an element; `class_` is the attribute `class`, None and False leave an attribute out."""
    text = "".join(
        f" {key.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{escape(str(value))}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    if name in _VOID:
        return Markup(f"<{name}{text}>")
    return Markup(f"<{name}{text}>{join(content)}</{name}>")


def address(repository: str, *segments: str, **query: str) -> str:
    """Return the address of a page of a repository."""
    path = "/".join(quote(segment, safe="") for segment in (repository, *segments))
    wanted = {key: value for key, value in query.items() if value}
    return f"/repositories/{path}" + (f"?{urlencode(wanted)}" if wanted else "")


def link(target: str, /, *content: Part, **attributes: str | None) -> Markup:
    """Return a link within this site."""
    return tag("a", *content, href=target, **attributes)


def outside_link(target: str, *content: Part) -> Markup:
    """Return a link to a web address from somebody's metadata; only text where it is something else."""
    if not target.startswith(("http://", "https://")):
        return tag("span", *content)
    return tag("a", *content, href=target, rel="noopener noreferrer nofollow", class_="button go")


def table(head: list[str], rows: list[list[Part]], *, text: int = 0) -> Markup:
    """Return a list with columns; column `text` may be long, and takes the place that the others leave.

    The roles say what the list is also where, on a narrow screen, its rows are no longer laid out as a table.
    """
    kinds = ["text" if at == text else None for at in range(len(head))]
    cells = [
        tag("tr", [tag("td", cell, class_=kinds[at], role="cell") for at, cell in enumerate(row)], role="row")
        for row in rows
    ]
    heading = [tag("th", name, scope="col", role="columnheader") for name in head]
    return tag(
        "table",
        tag("thead", tag("tr", heading, role="row"), role="rowgroup"),
        tag("tbody", cells, role="rowgroup"),
        class_="list",
        role="table",
    )


def facts(known: list[tuple[str, Part]]) -> Markup:
    """Return a list of names and values."""
    rows = [
        tag("tr", tag("th", name, scope="row", role="rowheader"), tag("td", value, role="cell"), role="row")
        for name, value in known
    ]
    return tag("table", tag("tbody", rows, role="rowgroup"), class_="facts", role="table")


def wide(shown: Markup, label: str) -> Markup:
    """A box in which what is too wide for the page is moved from side to side, also with the keyboard."""
    return tag("div", shown, class_="wide", tabindex="0", role="region", aria_label=label)

"""The common layout of all pages."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

from starlette.responses import HTMLResponse

from mlops.lakeserver.operations.paging import Page
from mlops.lakeserver.pages.markup import Markup, Part, address, join, link, tag
from mlops.lakeserver.pages.visit import Visit

STYLE_PATH = "/assets/style.css"

STYLE = (Path(__file__).parent / "style.css").read_text()

HEADERS = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cache-control": "no-store",
}

_TABS = ("objects", "compare", "commits", "branches", "tags", "pulls", "actions")


def page(
    title: str,
    *content: Part,
    visit: Visit | None = None,
    repository: str = "",
    tab: str = "",
    status: int = 200,
) -> HTMLResponse:
    """Return a page, as somebody who visits it sees it.

    With `repository`, its tabs are on it, and `tab` is marked as the one that is open.
    """
    head = [
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", f"{title} · {repository or 'lake'}"),
        tag("link", rel="stylesheet", href=STYLE_PATH),
    ]
    body = [
        link("#content", "To the content", class_="skip"),
        _header(visit),
        _tabs(repository, tab) if repository else None,
        tag("main", tag("h1", title), list(content), id="content"),
    ]
    html = tag("html", tag("head", head), tag("body", body), lang="en")
    return HTMLResponse(f"<!DOCTYPE html>\n{html}\n", status, HEADERS)


def error_page(
    status: int, text: str, *content: Part, visit: Visit | None = None, repository: str = ""
) -> HTMLResponse:
    """Return a page that says what went wrong, with the HTTP status as its heading."""
    said = tag("p", text, class_="error", role="alert")
    title = f"{status} {HTTPStatus(status).phrase}"
    return page(title, said, list(content), visit=visit, repository=repository, status=status)


def _header(visit: Visit | None) -> Markup:
    if visit is None:
        return tag("header", tag("strong", "lake"))
    button = tag("button", f"Log out {visit.user}")
    logout = tag("form", visit.token_field(), button, method="post", action="/auth/logout")
    return tag("header", tag("strong", "lake"), link("/repositories", "Repositories"), logout)


def _tabs(repository: str, open_tab: str) -> Markup:
    tabs: list[Part] = [
        link(address(repository, tab), tab.capitalize(), aria_current="page" if tab == open_tab else None)
        for tab in _TABS
    ]
    return tag("nav", tag("strong", repository), tabs, aria_label="Repository", class_="tabs")


def next_page(target: str, result: Page[Any]) -> Markup:
    """Return the link to the next page, where there is one."""
    return tag("p", link(target, "Next page", class_="button")) if result.has_more else join(None)


def moment(unix_seconds: int) -> str:
    """Return a time for people."""
    try:
        return f"{datetime.fromtimestamp(unix_seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (OverflowError, ValueError, OSError):
        return str(unix_seconds)


def size(size_bytes: int) -> str:
    """Return a size for people."""
    value = float(size_bytes)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{size_bytes} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"


def short(commit_id: str) -> Markup:
    """Return the beginning of a commit id."""
    return tag("code", commit_id[:12])


def ref_form(action: str, label: str, value: str, *, name: str = "ref", **hidden: str) -> Markup:
    """Return a small form to look at another ref."""
    field = tag("label", label, tag("input", name=name, value=value, required=True))
    fixed = [tag("input", type="hidden", name=key, value=text) for key, text in hidden.items() if text]
    return tag("form", field, fixed, tag("button", "Show"), method="get", action=action, class_="row")

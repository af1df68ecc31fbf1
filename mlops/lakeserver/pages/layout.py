"""What every page has in common."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from starlette.responses import HTMLResponse

from mlops.lakeserver.operations.paging import Page
from mlops.lakeserver.pages.markup import Markup, Part, address, join, link, tag

STYLE_PATH = "/assets/style.css"

STYLE = """
:root { color-scheme: light dark; --line: #8884; --add: #1a7f37; --del: #cf222e; --chg: #9a6700; }
@media (prefers-color-scheme: dark) { :root { --add: #3fb950; --del: #f85149; --chg: #d29922; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 72rem; padding: 0 1rem 3rem; font: 16px/1.5 system-ui, sans-serif; }
header, nav { display: flex; flex-wrap: wrap; gap: .5rem 1.25rem; align-items: baseline; padding: .75rem 0; }
header { border-bottom: 1px solid var(--line); }
h1 { font-size: 1.4rem; margin: 1rem 0; overflow-wrap: anywhere; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .35rem .75rem .35rem 0; }
tr { border-bottom: 1px solid var(--line); }
td { overflow-wrap: anywhere; }
code, pre { font-family: ui-monospace, monospace; font-size: .9em; }
pre { overflow: auto; max-height: 70vh; padding: .75rem; border: 1px solid var(--line); }
img { max-width: 100%; }
form.stack { display: grid; gap: .75rem; max-width: 24rem; }
form.row { display: flex; flex-wrap: wrap; gap: .5rem; align-items: end; }
label { display: grid; gap: .2rem; }
input, button { font: inherit; padding: .35rem .6rem; max-width: 100%; }
.added { color: var(--add); }
.removed, .conflict { color: var(--del); }
.changed, .prefix_changed { color: var(--chg); }
.added, .removed, .changed, .conflict, .prefix_changed { white-space: nowrap; }
.muted { opacity: .7; }
.button { display: inline-block; padding: .2rem .6rem; border: 1px solid var(--line); border-radius: .3rem; }
.error { color: var(--del); }
[aria-current] { font-weight: bold; text-decoration: none; }
.text { white-space: pre-wrap; overflow-wrap: anywhere; }
.completed, .merged { color: var(--add); }
.failed { color: var(--del); }
table.data { width: auto; }
table.data td, table.data th { white-space: nowrap; font-variant-numeric: tabular-nums; }
textarea { font: inherit; padding: .35rem .6rem; width: 100%; }
article, .wide, form { margin: .75rem 0; }
header form { margin: 0 0 0 auto; }
article { border: 1px solid var(--line); padding: 0 1rem; overflow-wrap: anywhere; }
:focus-visible { outline: 2px solid; outline-offset: 2px; }
""".lstrip()

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


def page(title: str, *content: Part, user: str = "", repository: str = "", status: int = 200) -> HTMLResponse:
    """A page; with `repository`, its tabs are on it."""
    head = [
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", f"{title} · lake"),
        tag("link", rel="stylesheet", href=STYLE_PATH),
    ]
    body = [
        _header(user),
        _tabs(repository) if repository else None,
        tag("main", tag("h1", title), list(content)),
    ]
    html = tag("html", tag("head", head), tag("body", body), lang="en")
    return HTMLResponse(f"<!DOCTYPE html>\n{html}\n", status, HEADERS)


def _header(user: str) -> Markup:
    if not user:
        return tag("header", tag("strong", "lake"))
    logout = tag("form", tag("button", f"Log out {user}"), method="post", action="/auth/logout")
    return tag("header", tag("strong", "lake"), link("/repositories", "Repositories"), logout)


def _tabs(repository: str) -> Markup:
    tabs = [link(address(repository, tab), tab.capitalize()) for tab in _TABS]
    return tag("nav", tag("strong", repository), tabs, aria_label="Repository")


def next_page(target: str, result: Page[Any]) -> Markup:
    """The link to the next page, where there is one."""
    return tag("p", link(target, "Next page", class_="button")) if result.has_more else join(None)


def moment(unix_seconds: int) -> str:
    """A time for people."""
    try:
        return f"{datetime.fromtimestamp(unix_seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (OverflowError, ValueError, OSError):
        return str(unix_seconds)


def size(size_bytes: int) -> str:
    """A size for people."""
    value = float(size_bytes)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{size_bytes} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"


def short(commit_id: str) -> Markup:
    """The beginning of a commit id."""
    return tag("code", commit_id[:12])


def ref_form(action: str, label: str, value: str, *, name: str = "ref", **hidden: str) -> Markup:
    """A small form to look at another ref."""
    field = tag("label", label, tag("input", name=name, value=value, required=True))
    fixed = [tag("input", type="hidden", name=key, value=text) for key, text in hidden.items() if text]
    return tag("form", field, fixed, tag("button", "Show"), method="get", action=action, class_="row")

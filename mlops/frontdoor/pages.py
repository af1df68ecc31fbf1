"""The door's own pages: the login form and what it says where it cannot pass something on."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from html import escape

from starlette.responses import HTMLResponse, JSONResponse, Response

from mlops.frontdoor.options import Service

LOGIN, LOGOUT, ENTER = "/auth/login", "/auth/logout", "/auth/enter"
OWN_PATHS = frozenset({LOGIN, LOGOUT, ENTER})

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 0; color: #1c2733; background: #f4f6f8 }
main { max-width: 26rem; margin: 12vh auto; padding: 2rem; background: #fff; border: 1px solid #d8dee4;
  border-radius: 8px }
main.wide { max-width: 40rem }
h1 { font-size: 1.25rem; margin: 0 0 1rem }
label { display: block; margin: 0 0 1rem; font-weight: 600 }
input { display: block; box-sizing: border-box; width: 100%; margin-top: .25rem; padding: .5rem;
  font: inherit; border: 1px solid #8b98a5; border-radius: 4px }
button { font: inherit; font-weight: 600; padding: .5rem 1.25rem; border: 0; border-radius: 4px;
  background: #0b5cad; color: #fff; cursor: pointer }
.hint { color: #52606d; font-size: .875rem }
.error { color: #a01818 }
code { background: #eef1f4; padding: .1rem .3rem; border-radius: 3px; overflow-wrap: anywhere }
"""
# A link to /mlflow/#/runs/… keeps its part behind '#', which no server sees, over the login.
_KEEP_FRAGMENT = "document.querySelector('[name=next]').value += location.hash"


def login_form(target: str, problem: str = "", *, status: int = 200) -> Response:
    """Return the form; logging in leads to a path of this site.

    Args:
        target: Where it leads.
        problem: Why the last try failed.
        status: HTTP status.
    """
    alert = f'<p class="error" role="alert">{escape(problem)}</p>' if problem else ""
    return _html(
        "Log in",
        f"""{alert}<form method="post" action="{LOGIN}">
<input type="hidden" name="next" value="{escape(target)}">
<label>Access key id<input name="access_key_id" required autocomplete="username" autofocus></label>
<label>Secret access key<input name="secret_access_key" type="password" required
 autocomplete="current-password"></label>
<button>Log in</button></form>
<p class="hint">The lake's key. <code>mlops open</code> logs this browser in without it.</p>""",
        status=status,
        script=_KEEP_FRAGMENT,
    )


def open_again() -> Response:
    """Return a page that loads itself again.

    A browser that follows a link from another site leaves the session's cookie out; it sends it when the page
    asks for itself.
    """
    return _html(
        "One moment",
        '<p class="hint">This page opens again by itself.</p>',
        status=401,
        head='<meta http-equiv="refresh" content="0">',
    )


def problem(status: int, text: str, *, html: bool, headers: Mapping[str, str] | None = None) -> Response:
    """Return a refusal, as a page or as JSON.

    Args:
        status: HTTP status.
        text: What is wrong and what to do; in a page, what stands between backticks is shown as code.
        html: Whether a browser shows it.
        headers: Further headers.
    """
    if not html:
        return JSONResponse({"message": text}, status, headers={**_PRIVATE, **(headers or {})})
    parts = escape(text).split("`")
    shown = "".join(f"<code>{part}</code>" if index % 2 else part for index, part in enumerate(parts))
    return _html(
        _TITLES.get(status, "Not possible"), f"<p>{shown}</p>", status=status, headers=headers, wide=True
    )


def unavailable(service: Service, *, status: int, html: bool) -> Response:
    """Return what is said where a service does not answer.

    Args:
        service: Which one.
        status: 502 where it is down, 504 where it is slow.
        html: Whether a browser shows it.
    """
    state = "is not running, or stopped while it answered" if status == 502 else "has not answered in time"
    log = f" Its log is `{service.log}`." if service.log else ""
    return problem(status, f"{service.title} {state}. `mlops up` starts what is not running.{log}", html=html)


_TITLES = {
    400: "Request not understood",
    401: "Not logged in",
    403: "Refused",
    404: "No such page",
    413: "Too large",
    429: "Too many tries",
    502: "Service unavailable",
    503: "Lake unavailable",
    504: "Service too slow",
}
_PRIVATE = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


def _html(
    title: str,
    body: str,
    *,
    status: int,
    script: str = "",
    head: str = "",
    headers: Mapping[str, str] | None = None,
    wide: bool = False,
) -> Response:
    nonce = secrets.token_urlsafe(16)
    code = f'<script nonce="{nonce}">{script}</script>' if script else ""
    text = f"""<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1"><title>{escape(title)}</title>{head}
<style nonce="{nonce}">{_STYLE}</style></head>
<body><main{' class="wide"' if wide else ""}><h1>{escape(title)}</h1>{body}</main>{code}</body></html>"""
    policy = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; "
        "base-uri 'none'; frame-ancestors 'none'"
    )
    return HTMLResponse(
        text, status, headers={**_PRIVATE, "content-security-policy": policy, **(headers or {})}
    )

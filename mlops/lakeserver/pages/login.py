"""Logging in and out with the access key."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.responses import RedirectResponse, Response

from mlops.lakeserver.errors import TooManyTries, Unauthorized
from mlops.lakeserver.http.auth import Authenticator
from mlops.lakeserver.http.handlers.auth import session_cookie
from mlops.lakeserver.pages.layout import HEADERS, page
from mlops.lakeserver.pages.markup import tag

PATH = "/auth/login"
HOME = "/repositories"


def form(target: str, problem: str = "", status: int = 0) -> Response:
    """Return the form; logging in leads to `target`."""
    fields = [
        tag("input", type="hidden", name="next", value=target),
        tag(
            "label",
            "Access key id",
            tag("input", name="access_key_id", required=True, autocomplete="username"),
        ),
        tag(
            "label",
            "Secret access key",
            tag(
                "input",
                name="secret_access_key",
                type="password",
                required=True,
                autocomplete="current-password",
            ),
        ),
        tag("button", "Log in", class_="go"),
    ]
    return page(
        "Log in",
        tag("p", problem, class_="error", role="alert") if problem else None,
        tag("form", fields, method="post", action=PATH, class_="stack"),
        status=status or (401 if problem else 200),
    )


def local_target(target: str) -> str:
    """`target` if it is a page of this site, else the first page."""
    try:
        parts = urlsplit(target)
    except ValueError:
        return HOME
    local = (
        target.startswith("/")
        and not target.startswith(("//", "/\\"))
        and not parts.netloc
        and not parts.scheme
    )
    return target if local and "\\" not in target and target.isprintable() else HOME


def log_in(fields: Mapping[str, str], authenticator: Authenticator, sender: str) -> Response:
    """Keep a session if the key that a form sent is right."""
    target = local_target(fields.get("next", HOME))
    key_id, secret = fields.get("access_key_id", ""), fields.get("secret_access_key", "")
    try:
        token, _ = authenticator.log_in(key_id, secret, sender)
    except Unauthorized:
        return form(target, "The credentials don't match.")
    except TooManyTries as error:
        return form(target, error.message, status=error.status)
    return _with_cookie(RedirectResponse(target, 303, HEADERS), session_cookie(token))


def log_out() -> Response:
    """End the session."""
    return _with_cookie(RedirectResponse(PATH, 303, HEADERS), session_cookie("", 0))


def _with_cookie(response: Response, cookie: tuple[bytes, bytes]) -> Response:
    response.raw_headers.append(cookie)
    return response

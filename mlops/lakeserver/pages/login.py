"""Logging in and out with the access key."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from mlops.lakeserver.auth import Authenticator
from mlops.lakeserver.handlers.auth import session_cookie
from mlops.lakeserver.pages.layout import HEADERS, page
from mlops.lakeserver.pages.markup import tag

PATH = "/auth/login"
HOME = "/repositories"


def form(target: str, problem: str = "") -> Response:
    """The form; logging in leads to `target`."""
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
        status=401 if problem else 200,
    )


def local_target(target: str) -> str:
    """`target` if it is a page of this site, else the first page."""
    parts = urlsplit(target)
    local = (
        target.startswith("/")
        and not target.startswith(("//", "/\\"))
        and not parts.netloc
        and not parts.scheme
    )
    return target if local and "\\" not in target and target.isprintable() else HOME


def same_origin(request: Request) -> bool:
    """Whether a form was sent from a page of this site."""
    site = request.headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        return False
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")


async def log_in(request: Request, authenticator: Authenticator) -> Response:
    """Keeps a session if the key is right."""
    fields = await request.form(max_files=0, max_fields=10)
    target = local_target(str(fields.get("next", HOME)))
    if not authenticator.check(
        str(fields.get("access_key_id", "")), str(fields.get("secret_access_key", ""))
    ):
        return form(target, "The credentials don't match.")
    token, _ = authenticator.new_token()
    return _with_cookie(RedirectResponse(target, 303, HEADERS), session_cookie(token))


def log_out() -> Response:
    """Ends the session."""
    return _with_cookie(RedirectResponse(PATH, 303, HEADERS), session_cookie("", 0))


def _with_cookie(response: Response, cookie: tuple[bytes, bytes]) -> Response:
    response.raw_headers.append(cookie)
    return response

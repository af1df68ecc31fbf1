"""Logging in, and who is logged in. There is one user."""

from __future__ import annotations

from mlops.lakeserver.auth import COOKIE, SESSION_S, Authenticator
from mlops.lakeserver.bodies import Body
from mlops.lakeserver.errors import Unauthorized
from mlops.lakeserver.wire import Request, Response, json_response

UNAUTHORIZED = "error authenticating request"


def login(request: Request) -> Response:
    """Gives a token, and a session cookie, for an access key."""
    body = Body(request.body, "LoginInformation")
    authenticator: Authenticator = request.scope["lake.authenticator"]
    if not authenticator.check(body.text("access_key_id"), body.text("secret_access_key")):
        raise Unauthorized(UNAUTHORIZED)
    token, expires = authenticator.new_token()
    return json_response({"token": token, "token_expiration": expires}, headers=(session_cookie(token),))


def session_cookie(token: str, max_age_s: int = SESSION_S) -> tuple[bytes, bytes]:
    """The header that keeps (or, with 0 seconds, ends) a session."""
    text = f"{COOKIE}={token}; Path=/; HttpOnly; SameSite=Lax; Max-Age={max_age_s}"
    return (b"set-cookie", text.encode())


def get_current_user(request: Request) -> Response:
    """Shows who asks."""
    created = int(request.lake.store.setting("created") or 0)
    user = {"id": request.user, "creation_date": created, "friendly_name": "", "email": ""}
    return json_response({"user": user})


def get_auth_capabilities(_: Request) -> Response:
    """Says that nobody can be invited."""
    return json_response({"invite_user": False})

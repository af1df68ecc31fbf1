"""Logging in, and who is logged in. There is one user."""

from __future__ import annotations

from mlops.lakeserver.errors import Unauthorized
from mlops.lakeserver.http.auth import COOKIE, CSRF_HEADER, UNAUTHORIZED, Authenticator
from mlops.lakeserver.http.bodies import Body
from mlops.lakeserver.http.connections import trust
from mlops.lakeserver.http.responses import Response, json_response
from mlops.lakeserver.http.sessions import SESSION_S
from mlops.lakeserver.http.wire import Request


def login(request: Request) -> Response:
    """Gives a token, and a session cookie, for an access key; both end after 12 hours (lakeFS: 7 days).

    They also end with the access key, and at a logout on the pages. A change made with the cookie and without
    an `Authorization` header has to carry the answer's `X-CSRF-Token`; lakeFS asks for none. After 10 wrong
    keys in a minute from one address, the answer is 429.
    """
    if request.body is None:
        raise Unauthorized(UNAUTHORIZED)
    body = Body(request.body, "LoginInformation")
    authenticator: Authenticator = request.scope["lake.authenticator"]
    address = (request.scope.get("client") or ("",))[0]
    key_id, secret = body.text("access_key_id"), body.text("secret_access_key")
    token, expires = authenticator.log_in(key_id, secret, address)
    headers = (session_cookie(token), (CSRF_HEADER, authenticator.form_token_of(token).encode()))
    return json_response({"token": token, "token_expiration": expires}, headers=headers)


def session_cookie(token: str, max_age_s: int = SESSION_S) -> tuple[bytes, bytes]:
    """The header that keeps (or, with 0 seconds, ends) a session."""
    text = f"{COOKIE}={token}; Path=/; HttpOnly; SameSite=Lax; Max-Age={max_age_s}"
    return (b"set-cookie", text.encode())


def get_current_user(request: Request) -> Response:
    """Shows who asks; as in lakeFS, nobody where a request carries no credentials at all."""
    authenticator: Authenticator = request.scope["lake.authenticator"]
    headers = request.scope["headers"]
    name = authenticator.user_of(headers)
    if name is not None:
        trust(request.scope)
        created = int(request.lake.store.setting("created"))
        user = {"id": name, "creation_date": created, "friendly_name": "", "email": ""}
        return json_response({"user": user})
    if any(
        key == b"authorization" or (key == b"cookie" and COOKIE.encode() in value) for key, value in headers
    ):
        raise Unauthorized(UNAUTHORIZED)
    return json_response({"user": {"id": "", "creation_date": 0}})


def get_auth_capabilities(_: Request) -> Response:
    """Says that nobody can be invited."""
    return json_response({"invite_user": False})

"""Logging in and out: by the form, by a one-time code, and who a request is from."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any
from urllib.parse import quote, urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response

from mlops.frontdoor import pages, peers
from mlops.frontdoor.guard import values
from mlops.frontdoor.headers import COOKIE_PREFIX, cookie_value
from mlops.frontdoor.keys import LakeKeys, LakeUnreachable, parse_basic
from mlops.frontdoor.sessions import RECHECK_S, SESSION_S, Clock, Codes, Session, Sessions, Throttle

_MAX_FORM_BYTES = 16 * 1024
_FORM_S = 20.0
_WRONG = "This is not a key of the lake."
_NO_LAKE = "The lake does not answer, so the key cannot be checked. `mlops up` starts the lake again."


class Throttled(Exception):
    """Too many keys have been wrong lately.

    Args:
        wait_s: When to try again.
    """

    def __init__(self, wait_s: float) -> None:
        super().__init__(f"try again in {wait_s:.0f} s")
        self.wait_s = wait_s


class Login:
    """Everything about who is let in.

    Args:
        keys: Tells whether a key is right.
        port: The door's port, which its cookie is named after.
        clock: Seconds that never run backwards.
    """

    def __init__(self, keys: LakeKeys, port: int, clock: Clock) -> None:
        self._keys = keys
        self._clock = clock
        self._cookie = f"{COOKIE_PREFIX}{port}"
        self._sessions = Sessions(clock)
        self._codes = Codes(clock)
        self._throttle = Throttle(clock)

    async def session_of(self, scope: MutableMapping[str, Any]) -> Session | None:
        """Return the session whose cookie a request carries, if its key is still right.

        The lake is asked again every half minute; while it does not answer, a session goes on. Other users
        of this machine than the one who opened it have no part in it.
        """
        token = cookie_value(scope["headers"], self._cookie)
        session = self._sessions.find(token) if token else None
        if session is None or session.user != _user(scope):
            return None
        if self._clock() - session.checked_s < RECHECK_S:
            return session
        try:
            right = await self._keys.check(session.access_key_id, session.secret_access_key)
        except LakeUnreachable:
            return session
        if right:
            session.checked_s = self._clock()
            return session
        self._sessions.close_key(session.access_key_id, session.secret_access_key)
        return None

    async def key_is_right(self, headers: list[tuple[bytes, bytes]]) -> bool:
        """Return whether a request carries a right key itself.

        Raises:
            Throttled: Too many have been wrong lately.
            LakeUnreachable: The lake does not say.
        """
        given = values(headers, b"authorization")
        key = parse_basic(given[0]) if len(given) == 1 else None
        return key is not None and await self._checked(*key, recent=True)

    async def renew(self, session: Session) -> None:
        """Get a new session of the lake for one of the door, whose old one the lake no longer knows."""
        try:
            if await self._keys.check(session.access_key_id, session.secret_access_key):
                session.lake_cookie = await self._keys.lake_session(
                    session.access_key_id, session.secret_access_key
                )
                session.lake_cookie_refused = False
            else:
                self._sessions.close_key(session.access_key_id, session.secret_access_key)
        except LakeUnreachable:
            return

    async def issue_code(self, access_key_id: str, secret_access_key: str, target: str) -> str:
        """Return a one-time code for a key; nothing for a wrong one.

        Raises:
            LakeUnreachable: The lake does not say.
        """
        # Not throttled: only this user's own commands reach this, and others must not lock them out.
        if not await self._keys.check(access_key_id, secret_access_key):
            return ""
        return self._codes.issue(access_key_id, secret_access_key, local_target(target))

    async def log_in(self, request: Request) -> Response:
        """Show the form, or open a session for the key that was typed in."""
        if request.method in ("GET", "HEAD"):
            return await self._form(request)
        if request.method != "POST":
            return pages.problem(405, "This is a form: GET or POST.", html=False)
        fields = await _fields(request)
        target = local_target(fields.get("next", "/"))
        key = (fields.get("access_key_id", "").strip(), fields.get("secret_access_key", "").strip())
        try:
            if not await self._checked(*key):
                return pages.login_form(target, _WRONG, status=401)
            return await self._opened(request, *key, target)
        except Throttled as error:
            return too_many(error, html=True)
        except LakeUnreachable:
            return pages.login_form(target, _NO_LAKE.replace("`", "'"), status=503)

    async def _form(self, request: Request) -> Response:
        target = local_target(request.query_params.get("next", "/"))
        session = await self.session_of(request.scope)
        if session is None:
            return pages.login_form(target)
        await self.renew(session)  # the lake sends people here whose session it has forgotten
        return _redirect(target)

    async def enter(self, request: Request) -> Response:
        """Exchange a one-time code for a session."""
        if request.method == "HEAD":
            return pages.problem(405, "A code is exchanged by GET or POST.", html=False)
        fields = await _fields(request) if request.method == "POST" else request.query_params
        code = self._codes.spend(fields.get("code", ""))
        if code is not None:
            try:
                return await self._opened(request, code.access_key_id, code.secret_access_key, code.target)
            except LakeUnreachable:
                return pages.problem(503, _NO_LAKE, html=True)
        if await self.session_of(request.scope) is not None:
            return _redirect("/")
        return pages.problem(
            403, "This code has been used or is older than a minute. `mlops open` makes a new one.", html=True
        )

    async def log_out(self, request: Request) -> Response:
        """End the session, here and at the lake."""
        if request.method != "POST":
            return pages.problem(405, "Logging out is a change: POST.", html=False)
        token = cookie_value(request.scope["headers"], self._cookie)
        session = self._sessions.find(token) if token else None
        if session is not None:
            self._sessions.close(token)
            await self._keys.end_lake_session(session.lake_cookie)
        response = _redirect(pages.LOGIN)
        response.set_cookie(self._cookie, "", max_age=0, httponly=True, samesite="strict")
        return response

    async def _checked(self, access_key_id: str, secret_access_key: str, *, recent: bool = False) -> bool:
        check = self._keys.check_recent if recent else self._keys.check
        wait_s = self._throttle.wait_s()
        if wait_s > 0:
            raise Throttled(wait_s)
        if not (access_key_id and secret_access_key and await check(access_key_id, secret_access_key)):
            self._throttle.failed()
            return False
        return True

    async def _opened(
        self, request: Request, access_key_id: str, secret_access_key: str, target: str
    ) -> Response:
        user = _user(request.scope)
        if user is None and peers.KNOWN:
            return pages.problem(
                403, "It cannot be determined which user of this machine logs in.", html=True
            )
        lake_cookie = await self._keys.lake_session(access_key_id, secret_access_key)
        token = self._sessions.open(access_key_id, secret_access_key, lake_cookie, user)
        response = _redirect(target)
        response.set_cookie(self._cookie, token, max_age=SESSION_S, httponly=True, samesite="strict")
        return response


def _user(scope: MutableMapping[str, Any]) -> int | None:
    return scope.get("state", {}).get("user")


def too_many(error: Throttled, *, html: bool) -> Response:
    """Return what is said where too many keys have been wrong lately."""
    seconds = int(error.wait_s) + 1
    text = f"Too many wrong keys. Try again in {seconds} s; `mlops open` logs in at once."
    return pages.problem(429, text, html=html, headers={"retry-after": str(seconds)})


def led_to_form(raw_path: bytes, query: bytes) -> Response:
    """Return the way to the form for a page that needs a session."""
    target = raw_path.decode("latin-1") + (f"?{query.decode('latin-1')}" if query else "")
    return _redirect(f"{pages.LOGIN}?next={quote(target, safe='')}")


def local_target(target: str) -> str:
    """Return a path of this site as it is, and ``/`` for anything else."""
    try:
        parts = urlsplit(target)
    except ValueError:
        return "/"
    local = target.startswith("/") and not target.startswith("//") and not parts.netloc and not parts.scheme
    clean = "\\" not in target and target.isascii() and target.isprintable()
    return target if local and clean and parts.path not in pages.OWN_PATHS else "/"


def _redirect(target: str) -> RedirectResponse:
    return RedirectResponse(
        target, 303, headers={"cache-control": "no-store", "referrer-policy": "no-referrer"}
    )


async def _fields(request: Request) -> dict[str, str]:
    """Return what a form sent; nothing where that is more than any form of these pages sends."""
    length = request.headers.get("content-length", "")
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not length.isdigit() or int(length) > _MAX_FORM_BYTES or kind != "application/x-www-form-urlencoded":
        return {}
    try:
        async with asyncio.timeout(_FORM_S):
            form = await request.form(max_files=0, max_fields=10)
    except (TimeoutError, HTTPException, ClientDisconnect):
        return {}
    return {key: value for key, value in form.items() if isinstance(value, str)}

"""Authentication of the one user: by access key, or by the token or cookie of a session."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import urlsplit

from mlops.lakeserver.errors import Forbidden, TooManyTries, Unauthorized
from mlops.lakeserver.http.sessions import LoginThrottle, Sessions, SessionTable

COOKIE = "internal_auth_session"
CSRF_HEADER = b"x-csrf-token"
UNAUTHORIZED = "error authenticating request"
OTHER_SITE = "the session's cookie came with a request from another site"
NOT_FROM_A_PAGE = "a change with the session's cookie needs the header X-CSRF-Token, which the login answered"

_REMEMBERED = 16
_SAFE_METHODS = frozenset({"GET", "HEAD"})

Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True)
class Credentials:
    """An access key, and the user it stands for."""

    access_key_id: str
    secret_access_key: str
    user: str = "admin"

    def __repr__(self) -> str:
        return f"Credentials({self.access_key_id!r}, user={self.user!r})"


class Authenticator:
    """Tells who asks.

    Args:
        secret: signs tokens, together with the access key; of this store alone.
        sessions: where sessions are kept, given what stands for the access key.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        credentials: Credentials,
        secret: bytes,
        sessions: Callable[[str], SessionTable],
        clock: Callable[[], float],
    ) -> None:
        self._credentials = credentials
        self._right = f"{credentials.access_key_id}\0{credentials.secret_access_key}".encode()
        own = hashlib.blake2b(self._right, key=secret[:64], person=b"lake-session", digest_size=32)
        # Another access key has another secret, so that the tokens of this one are worth nothing with it.
        self._secret = own.digest()
        self._sessions = Sessions(sessions(self._signature("key")), clock)
        self._throttle = LoginThrottle(clock)
        self._clock = clock
        self._known: dict[bytes, str] = {}

    def user_of(self, headers: Headers, method: str = "GET") -> str | None:
        """Return the user whose credentials a request carries, or None.

        Raises:
            Forbidden: they are a cookie, and the request may have been set off by another site.
        """
        cookie = b""
        for name, value in headers:
            if name == b"authorization":
                return self._known.get(value) or self._authorized(value)
            if name == b"cookie":
                cookie = value
        user = self._user_of_token(_session(cookie)) if cookie else None
        if user is not None:
            self._check_origin(headers, method)
        return user

    def _check_origin(self, headers: Headers, method: str) -> None:
        """Check the origin: a browser sends the cookie with requests of other sites, too."""
        if not same_origin(headers, navigating=method in _SAFE_METHODS):
            raise Forbidden(OTHER_SITE)
        if method in _SAFE_METHODS:
            return
        sent = next((value for name, value in headers if name == CSRF_HEADER), b"")
        if not hmac.compare_digest(sent, self.form_token(headers).encode()):
            raise Forbidden(NOT_FROM_A_PAGE)

    def _authorized(self, value: bytes) -> str | None:
        scheme, _, rest = value.partition(b" ")
        if scheme.lower() == b"bearer":
            return self._user_of_token(rest.strip().decode("latin-1"))
        if scheme.lower() != b"basic":
            return None
        try:
            key, _, secret = base64.b64decode(rest, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        if not self._check(key, secret):
            return None
        if len(self._known) < _REMEMBERED:
            self._known[value] = self._credentials.user
        return self._credentials.user

    def _check(self, access_key_id: str, secret_access_key: str) -> bool:
        given = f"{access_key_id}\0{secret_access_key}".encode("utf-8", "replace")
        return hmac.compare_digest(given, self._right)

    def log_in(self, access_key_id: str, secret_access_key: str, address: str) -> tuple[str, int]:
        """Begin a session; return its token, and when it expires (unix seconds).

        Args:
            access_key_id: of the key.
            secret_access_key: of the key.
            address: where the request comes from.

        Raises:
            Unauthorized: it is not the key.
            TooManyTries: too many wrong keys came from there; this one was not looked at.
        """
        wait_s = self._throttle.wait_s(address)
        if wait_s:
            raise TooManyTries(
                f"too many failed logins: try again in {wait_s} s", ((b"retry-after", b"%d" % wait_s),)
            )
        if not self._check(access_key_id, secret_access_key):
            self._throttle.failed(address)
            raise Unauthorized(UNAUTHORIZED)
        session_id, expires = self._sessions.begin()
        claims = {
            "iss": "auth",
            "aud": "login",
            "sub": self._credentials.user,
            "jti": session_id,
            "iat": int(self._clock()),
            "exp": expires,
        }
        signed = f"{_b64({'alg': 'HS256', 'typ': 'JWT'})}.{_b64(claims)}"
        return f"{signed}.{self._signature(signed)}", expires

    def log_out(self, headers: Headers) -> None:
        """End the session whose cookie a request carries."""
        for name, value in headers:
            claims = self._claims(_session(value)) if name == b"cookie" else None
            if claims is not None:
                self._sessions.end(str(claims.get("jti")))

    def form_token(self, headers: Headers) -> str:
        """Return what changes made in a session carry, so that no other site can make one in its name."""
        carried = b"".join(
            _session(value).encode("latin-1", "replace") if name == b"cookie" else value
            for name, value in headers
            if name in (b"authorization", b"cookie")
        )
        return self._signature(f"form:{carried.decode('latin-1')}")

    def form_token_of(self, token: str) -> str:
        """Return the form token of a session that has just begun."""
        return self.form_token([(b"cookie", f"{COOKIE}={token}".encode())])

    def _signature(self, signed: str) -> str:
        digest = hmac.new(self._secret, signed.encode("latin-1", "replace"), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    def _user_of_token(self, token: str) -> str | None:
        claims = self._claims(token)
        if claims is None or claims.get("aud") != "login" or claims.get("sub") != self._credentials.user:
            return None
        return self._credentials.user if self._sessions.is_open(str(claims.get("jti"))) else None

    def _claims(self, token: str) -> dict[str, Any] | None:
        """Return what a token says if it was signed here, else None."""
        signed, _, signature = token.rpartition(".")
        right = self._signature(signed).encode()
        if not signed or not hmac.compare_digest(signature.encode("latin-1", "replace"), right):
            return None
        try:
            claims: Any = json.loads(base64.urlsafe_b64decode(signed.partition(".")[2] + "=="))
        except (binascii.Error, ValueError):
            return None
        return claims if isinstance(claims, dict) else None


def same_origin(headers: Headers, *, navigating: bool = False) -> bool:
    """Return whether a request comes from a page of this site, or from a client that is not a browser.

    Args:
        headers: of the request.
        navigating: whether following a link from elsewhere will do.
    """
    given = {name: value.decode("latin-1") for name, value in headers}
    site = given.get(b"sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        return navigating and given.get(b"sec-fetch-mode") == "navigate"
    origin = given.get(b"origin")
    if origin is None:
        return True
    try:
        return urlsplit(origin).netloc == given.get(b"host")
    except ValueError:
        return False


def _b64(value: dict[str, Any]) -> str:
    text = json.dumps(value, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def _session(cookie: bytes) -> str:
    """Return the session's cookie among all that a browser sends, or ''."""
    jar: SimpleCookie = SimpleCookie()
    try:
        jar.load(cookie.decode("latin-1"))
    except CookieError:
        return ""
    morsel = jar.get(COOKIE)
    return morsel.value if morsel else ""

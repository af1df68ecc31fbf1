"""Who may ask: one user, known by an access key, or by a token or cookie got for it."""

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

COOKIE = "internal_auth_session"
SESSION_S = 7 * 24 * 3600

_REMEMBERED = 16


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
        secret: signs tokens; of this store alone.
        clock: seconds since 1970.
    """

    def __init__(self, credentials: Credentials, secret: bytes, clock: Callable[[], float]) -> None:
        self._credentials = credentials
        self._secret = hashlib.blake2b(secret, person=b"lake-session", digest_size=32).digest()
        self._clock = clock
        self._known: dict[bytes, str] = {}

    def user_of(self, headers: list[tuple[bytes, bytes]]) -> str | None:
        """The user whose credentials a request carries, or None."""
        cookie = b""
        for name, value in headers:
            if name == b"authorization":
                return self._known.get(value) or self._authorized(value)
            if name == b"cookie":
                cookie = value
        return self.user_of_cookie(cookie) if cookie else None

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
        if not self.check(key, secret):
            return None
        if len(self._known) < _REMEMBERED:
            self._known[value] = self._credentials.user
        return self._credentials.user

    def check(self, access_key_id: str, secret_access_key: str) -> bool:
        """Whether this is the key."""
        given = f"{access_key_id}\0{secret_access_key}".encode()
        right = f"{self._credentials.access_key_id}\0{self._credentials.secret_access_key}".encode()
        return hmac.compare_digest(given, right)

    def user_of_cookie(self, cookie: bytes) -> str | None:
        """The user whose session cookie is among `cookie`, or None."""
        token = _session(cookie)
        return self._user_of_token(token) if token else None

    def form_token(self, headers: list[tuple[bytes, bytes]]) -> str:
        """What the forms of a session carry, so that no other site can send one in its name."""
        carried = b"".join(
            _session(value).encode() if name == b"cookie" else value
            for name, value in headers
            if name in (b"authorization", b"cookie")
        )
        return self._signature(f"form:{carried.decode('latin-1')}")

    def new_token(self) -> tuple[str, int]:
        """A token for the user, and when it expires (unix seconds)."""
        now = int(self._clock())
        claims = {
            "iss": "auth",
            "aud": "login",
            "sub": self._credentials.user,
            "iat": now,
            "exp": now + SESSION_S,
        }
        signed = f"{_b64({'alg': 'HS256', 'typ': 'JWT'})}.{_b64(claims)}"
        return f"{signed}.{self._signature(signed)}", now + SESSION_S

    def _signature(self, signed: str) -> str:
        digest = hmac.new(self._secret, signed.encode("latin-1"), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    def _user_of_token(self, token: str) -> str | None:
        signed, _, signature = token.rpartition(".")
        if not signed or not hmac.compare_digest(
            signature.encode("latin-1"), self._signature(signed).encode()
        ):
            return None
        try:
            claims: Any = json.loads(base64.urlsafe_b64decode(signed.partition(".")[2] + "=="))
        except (binascii.Error, ValueError):
            return None
        valid = claims.get("aud") == "login" and claims.get("exp", 0) > self._clock()
        return self._credentials.user if valid and claims.get("sub") == self._credentials.user else None


def _b64(value: dict[str, Any]) -> str:
    text = json.dumps(value, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def _session(cookie: bytes) -> str:
    """The session's cookie among all that a browser sends, or ''."""
    jar: SimpleCookie = SimpleCookie()
    try:
        jar.load(cookie.decode("latin-1"))
    except CookieError:
        return ""
    morsel = jar.get(COOKIE)
    return morsel.value if morsel else ""

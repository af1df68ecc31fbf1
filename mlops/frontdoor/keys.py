"""Verification of keys by the lake."""

from __future__ import annotations

import base64
import hashlib
from http.cookies import SimpleCookie

import aiohttp

from mlops.frontdoor.headers import LAKE_COOKIE
from mlops.frontdoor.options import Service
from mlops.frontdoor.sessions import RECHECK_S, Clock

TIMEOUT_S = 10.0

_REMEMBERED = 64


class LakeUnreachable(Exception):
    """The lake does not answer, or answers that it cannot tell; nobody is logged in or out by that."""


class LakeKeys:
    """Keys as the lake sees them.

    Args:
        client: Where requests go out.
        lake: The lake; one that is proxied gives its own session along.
        clock: Seconds that never run backwards.
    """

    def __init__(self, client: aiohttp.ClientSession, lake: Service, clock: Clock) -> None:
        self._client = client
        self._lake = lake
        self._clock = clock
        self._right_until: dict[bytes, float] = {}

    async def check(self, access_key_id: str, secret_access_key: str) -> bool:
        """Ask the lake whether a key is valid now.

        Raises:
            LakeUnreachable: The lake does not say.
        """
        try:
            async with self._client.get(
                f"{self._lake.origin}/api/v1/user",
                headers={"Authorization": basic(access_key_id, secret_access_key)},
                timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
                allow_redirects=False,
            ) as answer:
                if answer.status in (401, 403):
                    return False
                if answer.status != 200:
                    raise LakeUnreachable(f"the lake answers {answer.status}")
                document = await answer.json()
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise LakeUnreachable(f"the lake does not answer: {error}") from error
        # lakeFS answers 200 and nobody to a request that it does not know the sender of.
        user = document.get("user") if isinstance(document, dict) else None
        return bool(isinstance(user, dict) and user.get("id"))

    async def check_recent(self, access_key_id: str, secret_access_key: str) -> bool:
        """Return whether a key is valid, or was within the last half minute.

        Raises:
            LakeUnreachable: The lake does not say.
        """
        digest = hashlib.sha256(f"{access_key_id}\0{secret_access_key}".encode()).digest()
        now = self._clock()
        if self._right_until.get(digest, 0.0) > now:
            return True
        right = await self.check(access_key_id, secret_access_key)
        self._right_until = {key: until for key, until in self._right_until.items() if until > now}
        if right and len(self._right_until) < _REMEMBERED:
            self._right_until[digest] = now + RECHECK_S
        return right

    async def lake_session(self, access_key_id: str, secret_access_key: str) -> str:
        """Return a new session cookie of the lake; nothing where the lake is not proxied.

        Raises:
            LakeUnreachable: The lake gives none.
        """
        if self._lake.elsewhere:
            return ""
        try:
            async with self._client.post(
                f"{self._lake.origin}/api/v1/auth/login",
                json={"access_key_id": access_key_id, "secret_access_key": secret_access_key},
                headers={"Content-Type": "application/json"},
                timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
                allow_redirects=False,
            ) as answer:
                found = [_cookie_of(text) for text in answer.headers.getall("Set-Cookie", [])]
                if answer.status != 200 or not any(found):
                    raise LakeUnreachable(f"the lake answers {answer.status} to a login")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise LakeUnreachable(f"the lake does not answer: {error}") from error
        return next(value for value in found if value)

    async def end_lake_session(self, cookie: str) -> None:
        """Log out at the lake, too; where that fails, its session ends by its own age."""
        if self._lake.elsewhere or not cookie:
            return
        try:
            async with self._client.post(
                f"{self._lake.origin}/auth/logout",
                headers={"Cookie": f"{LAKE_COOKIE}={cookie}", "Origin": self._lake.origin},
                timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
                allow_redirects=False,
            ):
                return
        except (aiohttp.ClientError, TimeoutError, OSError):
            return


def basic(access_key_id: str, secret_access_key: str) -> str:
    """Return the value of an ``Authorization`` header."""
    return "Basic " + base64.b64encode(f"{access_key_id}:{secret_access_key}".encode()).decode()


def parse_basic(value: bytes) -> tuple[str, str] | None:
    """Return the key in the value of an ``Authorization`` header, or None."""
    scheme, _, rest = value.strip().partition(b" ")
    if scheme.lower() != b"basic":
        return None
    try:
        key, colon, secret = base64.b64decode(rest.strip(), validate=True).decode().partition(":")
    except ValueError:
        return None
    return (key, secret) if colon else None


def _cookie_of(text: str) -> str:
    morsel = SimpleCookie(text).get(LAKE_COOKIE)
    return morsel.value if morsel else ""

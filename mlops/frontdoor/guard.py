"""Checks of every request before authentication: host, path and origin."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import unquote_to_bytes

Headers = Iterable[tuple[bytes, bytes]]

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

_PLAIN = re.compile(rb"/[\x21-\x7e]*")
_NOT_PLAIN = re.compile(rb"[^\x21-\x7e]")
_HOME_NAMES = ("127.0.0.1", "localhost", "[::1]")


class Refused(Exception):
    """A request is not answered.

    Args:
        status: HTTP status.
        text: The reason, for people.
    """

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


class Guard:
    """Refuses requests that no page or client of this address would send.

    Args:
        port: The door's port.
        hosts: Further values of ``Host`` that are answered; one without a port is answered at any port.
    """

    def __init__(self, port: int, hosts: Iterable[str] = ()) -> None:
        self._listed = {name.lower() for name in hosts}
        self._own = {f"{name}:{port}" for name in _HOME_NAMES}
        if port == 80:  # which browsers leave out
            self._own.update(_HOME_NAMES)

    def host(self, headers: Headers) -> str:
        """Return the host that a request names.

        Raises:
            Refused: It names none, several, or one that is not on the list: a page of another site whose
                name leads to this machine (DNS rebinding) is stopped here.
        """
        named = values(headers, b"host")
        if len(named) != 1:
            raise Refused(400, "A request names exactly one Host.")
        host = named[0].decode("latin-1").lower()
        name = host if host.endswith("]") else host.rpartition(":")[0] or host
        if host not in self._own and not {host, name} & self._listed:
            raise Refused(
                403,
                "This server does not answer to the name that the request gives in its Host header. "
                "Use the address that `mlops up` prints, or list the name in MLOPS_FRONT_DOOR_HOSTS.",
            )
        return host


def check_path(raw: bytes) -> None:
    """Check that every server interprets a path in the same way.

    Raises:
        Refused: It has dot segments, also written ``%2e``, a backslash, a NUL, or begins with two slashes.
    """
    if not _PLAIN.fullmatch(raw) or raw.startswith(b"//") or b"\\" in raw:
        raise Refused(400, "The path of the request is not written in a plain form.")
    decoded = unquote_to_bytes(raw)
    if b"\0" in decoded or any(part in (b".", b"..") for part in re.split(rb"[/\\]", decoded)):
        raise Refused(400, "The path of the request has segments '.' or '..', or a NUL.")


def plain_query(raw: bytes) -> str:
    """Return a query with everything but visible ASCII percent-encoded."""
    return _NOT_PLAIN.sub(lambda found: b"%%%02X" % found[0][0], raw).decode("ascii")


def check_site(method: str, headers: Headers, origin: str) -> None:
    """Check that no page of another origin sent the request.

    A link that leads here is followed wherever it stands; nothing else crosses origins, reading included:
    another port of the same host is another origin, and gets the cookies of this one.

    Args:
        method: HTTP method; ``WEBSOCKET`` for the opening of a WebSocket.
        headers: The request's headers.
        origin: The door's own origin as the request names it, e.g. ``http://127.0.0.1:8600``.

    Raises:
        Refused: It was sent from elsewhere.
    """
    sent = values(headers, b"origin")
    if sent and any(value.decode("latin-1").lower() != origin for value in sent):
        raise Refused(403, "The request was sent by a page of another origin.")
    site = value_of(headers, b"sec-fetch-site")
    if site in ("", "same-origin", "none"):
        return
    followed = (
        method in ("GET", "HEAD")
        and value_of(headers, b"sec-fetch-mode") == "navigate"
        and value_of(headers, b"sec-fetch-dest") in ("document", "")
    )
    if not followed:
        raise Refused(403, "The request was sent by a page of another site.")


def check_change(method: str, path: str, headers: Headers) -> None:
    """Check that a request authenticated by a cookie may change something.

    Raises:
        Refused: It may change something and no header tells which page sent it. GraphQL runs its mutations
            on GET too.
    """
    if method in SAFE_METHODS and not path.endswith("/graphql"):
        return
    told = values(headers, b"origin") or value_of(headers, b"sec-fetch-site") in ("same-origin", "none")
    if not told:
        raise Refused(
            403,
            "A change that is asked for with a session's cookie needs an Origin or Sec-Fetch-Site header. "
            "Programs send the lake's key instead (HTTP Basic).",
        )


def values(headers: Headers, name: bytes) -> list[bytes]:
    """Return all values of a header; names are lower case already."""
    return [value.strip() for key, value in headers if key == name]


def value_of(headers: Headers, name: bytes) -> str:
    """Return the only value of a header, or nothing; several count as nothing that is known."""
    found = values(headers, name)
    if len(found) > 1:
        return "several"
    return found[0].decode("latin-1").lower() if found else ""

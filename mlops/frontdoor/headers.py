"""Headers of forwarded requests and responses: hop-by-hop headers and forged ones are removed."""

from __future__ import annotations

from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from mlops.frontdoor.options import Service

Pairs = list[tuple[bytes, bytes]]

#: The lake's own session cookie.
LAKE_COOKIE = "internal_auth_session"
#: Every door's session cookie begins like this; its port follows, for cookies do not tell ports apart.
COOKIE_PREFIX = "mlops_session_"

_HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-connection",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"expect",
        b"http2-settings",
    }
)
#: The door adds a date of its own, and says as little as it can of what is behind it.
_NOT_PASSED_BACK = _HOP_BY_HOP | {b"date", b"server"}
_CLAIMS = frozenset(
    {b"forwarded", b"via", b"x-real-ip", b"x-client-ip", b"x-cluster-client-ip", b"true-client-ip"}
    | {b"x-original-url", b"x-rewrite-url", b"x-http-method-override", b"x-method-override"}
    | {b"x-http-method", b"x-user", b"x-remote-user", b"remote-user", b"x-auth-token", b"x-script-name"}
)
_CLAIMED_PREFIXES = (b"x-forwarded-", b"x-envoy-", b"x-auth-request-", b"x-authenticated-", b"sec-websocket-")
_OWN_SECURITY: dict[bytes, bytes] = {
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"SAMEORIGIN",
    b"referrer-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
}


def inbound(headers: Iterable[tuple[bytes, bytes]], service: Service, *, lake_cookie: str = "") -> Pairs:
    """Return the headers that a service receives.

    The service sees a request of its own origin. The key goes to the lake alone, no session cookie goes to
    anybody, and names with an underscore, which WSGI takes for their twins with a hyphen, go nowhere but to
    the lake.

    Args:
        headers: As the client sent them.
        service: Where they go.
        lake_cookie: The lake's session cookie that stands for the door's session; only for the lake.
    """
    given = list(headers)
    named = _named_by_connection(given)
    kept = [
        (name, value)
        for name, value in given
        if name not in named and _may_pass(name) and (not service.name or b"_" not in name)
    ]
    passed: Pairs = [(b"host", urlsplit(service.origin).netloc.encode())]
    for name, value in kept:
        if name == b"origin":
            passed.append((name, service.origin.encode()))
        elif name == b"authorization":
            passed += [] if service.name else [(name, value)]
        elif name == b"cookie":
            passed += _cookies(value, service)
        elif name not in (b"host", b"referer"):
            passed.append((name, value))
    if lake_cookie:
        passed.append((b"cookie", f"{LAKE_COOKIE}={lake_cookie}".encode("latin-1")))
    return passed


def outbound(headers: Iterable[tuple[bytes, bytes]], service: Service, *, sandboxed: bool = False) -> Pairs:
    """Return the headers that a client receives.

    Addresses and cookie paths are those of the door; permission for other origins to read is dropped.

    Args:
        headers: As the service sent them.
        service: Who sent them.
        sandboxed: Whether the body is a file that somebody uploaded: a page in it runs no script as this
            origin.
    """
    given = [(name.lower(), value) for name, value in headers]
    named = _named_by_connection(given)
    passed: Pairs = []
    for name, value in given:
        if name in _NOT_PASSED_BACK or name in named or name.startswith(b"access-control-"):
            continue
        if name == b"location":
            passed.append((name, location(value.decode("latin-1"), service).encode("latin-1")))
        elif name == b"set-cookie":
            passed += _set_cookie(value.decode("latin-1"), service)
        else:
            passed.append((name, value))
    there = {name for name, _ in passed}
    passed += [(name, value) for name, value in _OWN_SECURITY.items() if name not in there]
    if sandboxed:
        passed.append((b"content-security-policy", b"sandbox"))
    return passed


def location(value: str, service: Service) -> str:
    """Return the address that a redirection of a service means to a client of the door."""
    try:
        parts = urlsplit(value)
    except ValueError:
        return service.prefix + "/"
    if parts.netloc and f"{parts.scheme or 'http'}://{parts.netloc}".lower() != service.origin.lower():
        return value
    if not parts.netloc and not parts.path.startswith("/"):
        return value
    path = "/" + parts.path.lstrip("/")
    below = path == service.prefix or path.startswith(f"{service.prefix}/")
    query = f"?{parts.query}" if parts.query else ""
    fragment = f"#{parts.fragment}" if parts.fragment else ""
    return ("" if below else service.prefix) + path + query + fragment


def cookie_value(headers: Iterable[tuple[bytes, bytes]], name: str) -> str:
    """Return the value of a cookie among all that a browser sends, or nothing."""
    for key, value in headers:
        if key == b"cookie":
            for pair in value.decode("latin-1").split(";"):
                given, _, text = pair.strip().partition("=")
                if given == name and text:
                    return text
    return ""


def _may_pass(name: bytes) -> bool:
    return name not in _HOP_BY_HOP and name not in _CLAIMS and not name.startswith(_CLAIMED_PREFIXES)


def _named_by_connection(headers: Pairs) -> set[bytes]:
    """Return the headers that ``Connection`` declares to be of this hop; length and host cannot be."""
    named = {
        part.strip().lower() for name, value in headers if name == b"connection" for part in value.split(b",")
    }
    return named - {b"host", b"content-length", b"authorization", b"cookie", b"origin"}


def _cookies(value: bytes, service: Service) -> Pairs:
    """Return the cookies of a service's own; the lake has one, which the door adds itself."""
    if not service.name:
        return []
    pairs = [pair.strip() for pair in value.decode("latin-1").split(";")]
    own = [pair for pair in pairs if pair and not _reserved(pair.partition("=")[0])]
    return [(b"cookie", "; ".join(own).encode("latin-1"))] if own else []


def _reserved(name: str) -> bool:
    return name.strip() == LAKE_COOKIE or name.strip().startswith(COOKIE_PREFIX)


def _set_cookie(value: str, service: Service) -> Pairs:
    """Return a service's cookie, kept below its own path; nothing for a name that is not its own."""
    name, *attributes = value.split(";")
    key = name.partition("=")[0]
    if _reserved(key) or not _is_cookie(name):
        return []
    path = "/"
    kept = []
    for attribute in attributes:
        given, _, text = attribute.strip().partition("=")
        if given.lower() == "path":
            path = text.strip() if text.strip().startswith("/") else "/"
        elif given.lower() != "domain":
            kept.append(attribute.strip())
    return [
        (b"set-cookie", "; ".join([name.strip(), f"Path={location(path, service)}", *kept]).encode("latin-1"))
    ]


def _is_cookie(pair: str) -> bool:
    try:
        return bool(SimpleCookie(pair))
    except CookieError:
        return False

"""Hexadecimal, Base64 and URLs as Go reads and writes them."""

from __future__ import annotations

import base64
import re
from urllib.parse import quote, unquote_to_bytes

from mlops.lakeserver.hooks.golang import go_text

_HEX = b"0123456789abcdefABCDEF"
_PATH_SAFE = "$&+=:@~-._"
_URL_PATH_SAFE = "$&+,/:;=@~-._!*'()"


class EncodingFailure(ValueError):
    """The text is not of the encoding; the message is Go's."""


def hex_decode(text: bytes) -> bytes:
    """Return the bytes that pairs of hexadecimal digits stand for.

    Raises:
        EncodingFailure: another character, or an odd number of digits.
    """
    for char in text:
        if char not in _HEX:
            name = chr(char)
            shown = f" '{name}'" if name.isprintable() else ""
            raise EncodingFailure(f"encoding/hex: invalid byte: U+{char:04X}{shown}")
    if len(text) % 2:
        raise EncodingFailure("encoding/hex: odd length hex string")
    return bytes.fromhex(text.decode())


def base64_encode(data: bytes) -> bytes:
    """Standard alphabet, padded."""
    return base64.b64encode(data)


def base64_url_encode(data: bytes) -> bytes:
    """URL alphabet, without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def base64_decode(text: bytes) -> bytes:
    """Return the bytes of standard, padded Base64; line ends are passed over.

    Raises:
        EncodingFailure: at the first byte that cannot stand there.
    """
    return _decode(text, b"+/", padded=True)


def base64_url_decode(text: bytes) -> bytes:
    """Return the bytes of unpadded URL Base64; line ends are passed over.

    Raises:
        EncodingFailure: at the first byte that cannot stand there.
    """
    return _decode(text, b"-_", padded=False)


def _decode(text: bytes, last_two: bytes, *, padded: bool) -> bytes:
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789" + last_two
    places = [(at, char) for at, char in enumerate(text) if char not in b"\r\n"]
    digits = 0
    while digits < len(places) and places[digits][1] in alphabet:
        digits += 1
    rest, over = places[digits:], digits % 4
    if padded:
        _check_padding(text, places, digits)
    elif rest or over == 1:
        raise _illegal(rest[0][0] if rest else len(text) - over)
    body = bytes(char for _, char in places[:digits]) + b"=" * (-digits % 4)
    return base64.b64decode(body, altchars=last_two)


def _check_padding(text: bytes, places: list[tuple[int, int]], digits: int) -> None:
    rest, over = places[digits:], digits % 4
    if not rest:
        if over:
            raise _illegal(len(text) - over)
        return
    if rest[0][1] != ord("=") or over < 2:
        raise _illegal(rest[0][0])
    wanted = 4 - over
    if len(rest) < wanted:
        raise _illegal(len(text))
    if rest[wanted - 1][1] != ord("="):
        raise _illegal(rest[wanted - 1][0])
    if len(rest) > wanted:
        raise _illegal(rest[wanted][0])


def _illegal(at: int) -> EncodingFailure:
    return EncodingFailure(f"illegal base64 data at input byte {at}")


def query_unescape(text: bytes) -> bytes:
    """Return a query's `%20` and `+` undone.

    Raises:
        EncodingFailure: a percent sign without two hexadecimal digits.
    """
    if found := re.search(rb"%(?![0-9a-fA-F]{2})", text):
        shown = go_text.decode(text[found.start() : found.start() + 3])
        raise EncodingFailure(f'invalid URL escape "{shown}"')
    return unquote_to_bytes(text.replace(b"+", b" "))


def path_escape(text: bytes) -> bytes:
    """`text` as one segment of a URL's path."""
    return quote(text, safe=_PATH_SAFE).encode()


def parse_url(text: bytes) -> dict[str, bytes]:
    """Return its scheme, host (with port), path, query and fragment.

    Raises:
        EncodingFailure: no scheme before the colon, or a control character.
    """
    rest, fragment = _cut(text, b"#")
    if re.search(rb"[\x00-\x1f\x7f]", rest):
        raise EncodingFailure(f"parse {_quoted(text)}: net/url: invalid control character in URL")
    scheme = b""
    if found := re.match(rb"([a-zA-Z][a-zA-Z0-9+.-]*):", rest):
        scheme, rest = found[1].lower(), rest[found.end() :]
    elif rest.startswith(b":"):
        raise EncodingFailure(f"parse {_quoted(text)}: missing protocol scheme")
    elif b":" in rest.split(b"/")[0]:
        raise EncodingFailure(f"parse {_quoted(text)}: first path segment in URL cannot contain colon")
    rest, query = _cut(rest, b"?")
    host = b""
    if rest.startswith(b"//"):
        authority, slash, path = rest[2:].partition(b"/")
        host, rest = authority.rpartition(b"@")[2], slash + path
    try:
        path = query_unescape(rest.replace(b"+", b"%2B"))
    except EncodingFailure as error:
        raise EncodingFailure(f"parse {_quoted(text)}: {error}") from None
    parts = {"scheme": scheme, "host": host, "path": path, "query": query}
    return {**parts, "fragment": unquote_to_bytes(fragment)}


def build_url(scheme: bytes, host: bytes, path: bytes, query: bytes, fragment: bytes) -> bytes:
    """Return the URL of these parts, escaped where needed."""
    url = scheme + b":" if scheme else b""
    if scheme or host:
        url += b"//" + host if host or path else b""
        if path and host and not path.startswith(b"/"):
            url += b"/"
    url += quote(path, safe=_URL_PATH_SAFE).encode()
    url += b"?" + query if query else b""
    return url + (b"#" + quote(fragment, safe=_URL_PATH_SAFE + "?").encode() if fragment else b"")


def _cut(text: bytes, mark: bytes) -> tuple[bytes, bytes]:
    head, _, tail = text.partition(mark)
    return head, tail


def _quoted(text: bytes) -> str:
    shown = go_text.decode(text).replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in shown) + '"'

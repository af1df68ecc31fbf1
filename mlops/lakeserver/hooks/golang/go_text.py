"""Text as Go sees it: bytes that ought to be UTF-8, and a few functions on it that scripts know from Go."""

from __future__ import annotations

import codecs
import re

_SPACES = " \t\n\v\f\r\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_TRIM = re.compile(f"^[{_SPACES}]+|[{_SPACES}]+\\Z")
REPLACE = "lake-go-replace"


def _one_for_each_byte(error: UnicodeError) -> tuple[str | bytes, int]:
    if isinstance(error, UnicodeDecodeError):
        return "\ufffd" * (error.end - error.start), error.end
    if isinstance(error, UnicodeEncodeError):
        return "\ufffd".encode() * (error.end - error.start), error.end
    raise error


codecs.register_error(REPLACE, _one_for_each_byte)


def decode(data: bytes) -> str:
    """Return the text of `data`, with U+FFFD for every byte that is not UTF-8."""
    return data.decode("utf-8", REPLACE)


def encode(text: str) -> bytes:
    """`text` as UTF-8, with U+FFFD for half surrogate pairs."""
    return text.encode("utf-8", REPLACE)


def lower(data: bytes) -> bytes:
    """Return every character's lower case, one for one."""
    return encode("".join(char.lower()[0] for char in decode(data)))


def upper(data: bytes) -> bytes:
    """Return every character's upper case, one for one; what has none of one character stays."""
    return encode("".join(up if len(up := char.upper()) == 1 else char for char in decode(data)))


def reverse(data: bytes) -> bytes:
    """Return the characters of `data` from last to first."""
    return encode(decode(data)[::-1])


def trim_space(data: bytes) -> bytes:
    """`data` without white space at either end."""
    return encode(_TRIM.sub("", decode(data)))


def characters(data: bytes) -> list[bytes]:
    """`data` cut into characters; a byte that is not UTF-8 stands alone and unchanged."""
    text = data.decode("utf-8", "surrogateescape")
    return [char.encode("utf-8", "surrogateescape") for char in text]


def split(data: bytes, separator: bytes) -> list[bytes]:
    """Return the parts of `data` between separators, or its characters where the separator is empty."""
    return data.split(separator) if separator else characters(data)


def replace(data: bytes, old: bytes, new: bytes, count: int) -> bytes:
    """`data` with the first `count` (all if negative) of `old` replaced; "" stands between characters."""
    if old:
        return data.replace(old, new, count)
    parts = characters(data)
    limit = len(parts) + 1 if count < 0 else min(count, len(parts) + 1)
    out = [b"".join((new if i < limit else b"", part)) for i, part in enumerate(parts)]
    return b"".join(out) + (new if limit > len(parts) else b"")


def clean_dir(path: bytes) -> bytes:
    """Return the folder of a path, shortened: no empty parts, no `.`, no `..` but at the start."""
    folder = path[: path.rfind(b"/") + 1]
    rooted = folder.startswith(b"/")
    parts: list[bytes] = []
    for part in folder.split(b"/"):
        if part == b"..":
            if parts and parts[-1] != b"..":
                parts.pop()
            elif not rooted:
                parts.append(part)
        elif part not in {b"", b"."}:
            parts.append(part)
    return (b"/" if rooted else b"") + b"/".join(parts) or b"."

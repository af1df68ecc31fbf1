"""Addresses and messages without what is secret in them."""

from __future__ import annotations

import re
from urllib.parse import quote, quote_plus, urlsplit

from mlops.runs.errors import bounded

_USER_INFO = re.compile(r"(?<=://)[^\s/@]*@")
_MAX_MESSAGE = 300


def redacted(url: str) -> str:
    """Return an address without user, password, query part and fragment.

    A query part may be a signature that opens the file (``?X-Amz-Signature=…``).
    """
    if "://" not in url:
        return url
    return _USER_INFO.sub("", url.partition("?")[0].partition("#")[0])


def has_password(url: str) -> bool:
    """Return whether an address contains a password or a signed query part."""
    if "://" not in url:
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return True
    words = re.split(r"[?&=]", parts.query.lower())
    signed = any("signature" in word or "password" in word or "token" in word for word in words)
    return ":" in parts.netloc.rpartition("@")[0] or signed


def scrubbed(message: object, *secrets: str) -> str:
    """Return a driver's message on one line, bounded, without secrets and without users in addresses."""
    text = str(message)
    for secret in secrets:
        for form in {secret, quote(secret, safe=""), quote_plus(secret)} - {""}:
            text = text.replace(form, "***")
    return bounded(_USER_INFO.sub("***@", text), _MAX_MESSAGE)

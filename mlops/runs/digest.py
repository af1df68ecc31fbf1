"""Canonical JSON and digests: equal values always have equal bytes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any


def canonical(value: Any) -> bytes:
    """Return ``value`` as canonical JSON: sorted keys, no spaces, UTF-8, no NaN or infinity.

    Raises:
        ValueError: A number is not finite.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()


def document(value: Any) -> bytes:
    """Return ``value`` as readable, deterministic JSON: sorted keys, indented, ending in a newline."""
    return (json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def sha256(data: bytes) -> str:
    """Return the SHA-256 of ``data`` in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def digest_of(value: Any) -> str:
    """Return the SHA-256 of a value's canonical JSON."""
    return sha256(canonical(value))


def tree_digest(objects: Iterable[tuple[str, str]]) -> str:
    """Return the digest of a tree given as (path, checksum) pairs in any order."""
    listing: Mapping[str, str] = dict(objects)
    return digest_of(listing)

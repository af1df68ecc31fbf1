"""One object as a tree or a staging area holds it: where its bytes are, and what is said about them."""

from __future__ import annotations

import hashlib
import json
import struct
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from mlops.lakeserver.errors import BadRequest

DEFAULT_CONTENT_TYPE = "application/octet-stream"
DIGEST_BYTES = 32
NONCE_BYTES = 10
IDENTITY_BYTES = 32
MAX_HEADER_CHARS = 4096

_FIXED = struct.Struct(f">{DIGEST_BYTES}s{NONCE_BYTES}sQqHHI")
_NO_DIGEST = bytes(DIGEST_BYTES)
_NO_NONCE = bytes(NONCE_BYTES)


@dataclass(frozen=True, slots=True)
class Entry:
    """An object's description.

    Attributes:
        digest: BLAKE2b-256 of the bytes, by which the store finds them; empty where only `address` is known.
        nonce: makes the physical address of each upload and copy its own.
        size_bytes: as stored, or as the client that linked it says.
        checksum: MD5 in hex, or what the client that linked it says.
        mtime: unix seconds.
        address: the physical address as the client gave it, where the bytes are not in this store.
    """

    digest: bytes
    size_bytes: int
    checksum: str
    mtime: int
    content_type: str = DEFAULT_CONTENT_TYPE
    metadata: dict[str, str] = field(default_factory=dict)
    nonce: bytes = b""
    address: str = ""

    def moved(self, *, nonce: bytes, mtime: int) -> Entry:
        """Return the same content at a physical address of its own."""
        return replace(self, nonce=nonce, mtime=mtime)


def check(entry: Entry) -> None:
    """Check that the entry can be kept, and sent in headers later.

    Raises:
        BadRequest: a part is too long, or has characters that no header can have.
    """
    for name, text in (("content_type", entry.content_type), ("checksum", entry.checksum)):
        if len(text) > MAX_HEADER_CHARS or any(ord(char) < 32 or ord(char) == 127 for char in text):
            raise BadRequest(f"argument {name}: invalid value: validation error")


def encode(entry: Entry) -> bytes:
    """Return the bytes that `decode` reads."""
    checksum, content_type = entry.checksum.encode(), entry.content_type.encode()
    metadata = _metadata_bytes(entry.metadata)
    fixed = _FIXED.pack(
        entry.digest or _NO_DIGEST,
        entry.nonce or _NO_NONCE,
        entry.size_bytes,
        entry.mtime,
        len(checksum),
        len(content_type),
        len(metadata),
    )
    return b"".join((fixed, checksum, content_type, metadata, entry.address.encode()))


class Parts(NamedTuple):
    """The fields of an encoded entry that listings show; `metadata` is JSON, or ''."""

    digest: bytes
    nonce: bytes
    size_bytes: int
    mtime: int
    checksum: str
    content_type: str
    metadata: str
    address: str


def parts_of(value: bytes) -> Parts:
    """Return the parts of what `encode` wrote; cheaper than `decode`."""
    digest, nonce, size, mtime, checksum_len, type_len, metadata_len = _FIXED.unpack_from(value)
    type_at = _FIXED.size + checksum_len
    metadata_at = type_at + type_len
    address_at = metadata_at + metadata_len
    return Parts(
        b"" if digest == _NO_DIGEST else digest,
        nonce,
        size,
        mtime,
        value[_FIXED.size : type_at].decode(),
        value[type_at:metadata_at].decode(),
        value[metadata_at:address_at].decode(),
        value[address_at:].decode(),
    )


def decode(value: bytes) -> Entry:
    """Return the entry that `encode` wrote."""
    parts = parts_of(value)
    return Entry(
        digest=parts.digest,
        size_bytes=parts.size_bytes,
        checksum=parts.checksum,
        mtime=parts.mtime,
        content_type=parts.content_type,
        metadata=json.loads(parts.metadata) if parts.metadata else {},
        nonce=parts.nonce,
        address=parts.address,
    )


def size_of(value: bytes) -> int:
    """Return the object's size in bytes, without decoding the rest."""
    return int.from_bytes(value[DIGEST_BYTES + NONCE_BYTES : DIGEST_BYTES + NONCE_BYTES + 8], "big")


def digest_of(value: bytes) -> bytes:
    """Return the digest of the object's bytes (empty where there is none), without decoding the rest."""
    digest = value[:DIGEST_BYTES]
    return b"" if digest == _NO_DIGEST else digest


def identity(entry: Entry) -> bytes:
    """Return the identity of an entry: size, content and user metadata, but not its time or address."""
    hasher = hashlib.blake2b(digest_size=IDENTITY_BYTES)
    for part in (
        entry.digest,
        entry.checksum.encode(),
        entry.content_type.encode(),
        _metadata_bytes(entry.metadata),
    ):
        hasher.update(len(part).to_bytes(4, "big"))
        hasher.update(part)
    hasher.update(entry.size_bytes.to_bytes(8, "big"))
    return hasher.digest()


def _metadata_bytes(metadata: dict[str, str]) -> bytes:
    if not metadata:
        return b""
    return json.dumps(metadata, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()

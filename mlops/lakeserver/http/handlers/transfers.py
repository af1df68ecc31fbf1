"""Objects' bytes, in and out, a chunk at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from email.utils import formatdate
from typing import BinaryIO

from mlops.lakeserver.errors import BadRequest, LakeError, RangeNotSatisfiable, StorageDamaged
from mlops.lakeserver.http import shapes
from mlops.lakeserver.http.handlers.multipart import first_part
from mlops.lakeserver.http.handlers.ranges import check_syntax, parse_range
from mlops.lakeserver.http.handlers.staging import if_absent
from mlops.lakeserver.http.media_types import checked_type
from mlops.lakeserver.http.responses import Response, json_response
from mlops.lakeserver.http.wire import Header, Request, Send
from mlops.lakeserver.operations import objects, writes
from mlops.lakeserver.store.blobs import Upload
from mlops.lakeserver.trees.entries import DEFAULT_CONTENT_TYPE, Entry

CHUNK_BYTES = 256 * 1024
HASH_INLINE_BYTES = 64 * 1024

_META, _INTERNAL = b"x-lakefs-meta-", b"x-lakefs-internal-"


async def upload_object(request: Request) -> Response:
    """Stores an object from a raw or multipart body. `storageClass` is taken and ignored."""
    path = request.required("path")
    repository, branch = request["repository"], request["branch"]
    request.optional("storageClass")
    force = request.flag("force")
    absent = request.header_parameter("If-None-Match") == "*"
    request.header_parameter("If-Match")
    content_type = request.header(b"content-type") or DEFAULT_CONTENT_TYPE

    def check_headers() -> None:
        if_absent(request)
        checked_type(content_type)

    writes.check_upload(request.lake, repository, branch, path, check_headers, if_absent=absent, force=force)
    source: AsyncIterator[bytes] = request.chunks()
    if content_type.lower().startswith("multipart/form-data"):
        content_type, source = await first_part(content_type, source)
    with request.lake.store.blobs.upload() as upload:
        await _receive(source, upload)
        future = writes.store_upload(
            request.lake,
            repository,
            branch,
            path,
            upload,
            content_type=content_type,
            metadata=_user_metadata(request),
            if_absent=absent,
            force=force,
        )
        repo, entry = await asyncio.wrap_future(future)
    shape = shapes.object_stats(repo, path, entry)
    # The type of a part without one is not made up until the object is read.
    return json_response(shape if content_type else shape | {"content_type": ""}, 201)


async def _receive(source: AsyncIterator[bytes], upload: Upload) -> None:
    """Takes everything; hashing and disk stay off the event loop once there is much of it.

    While one part is hashed and written, the next comes in.
    """
    writing: asyncio.Future[None] | None = None
    pending: list[bytes] = []
    size = received = 0
    try:
        async for chunk in source:
            received += len(chunk)
            if received < HASH_INLINE_BYTES:
                upload.write(chunk)
                continue
            pending.append(chunk)
            size += len(chunk)
            if size >= CHUNK_BYTES * 4:
                if writing is not None:
                    await writing
                writing = asyncio.ensure_future(asyncio.to_thread(upload.write, b"".join(pending)))
                pending, size = [], 0
    finally:
        if writing is not None:
            # Nobody may take the upload away while it is written.
            await asyncio.shield(writing)
    if pending:
        await asyncio.to_thread(upload.write, b"".join(pending))
    if not upload.in_memory:
        await asyncio.to_thread(upload.finish)


def _user_metadata(request: Request) -> dict[str, str]:
    metadata = {}
    for name, value in request.scope["headers"]:
        if name.startswith(_META):
            metadata[_text(name[len(_META) :]).lower()] = _text(value)
        elif name.startswith(_INTERNAL):
            metadata[f"::lakefs::{_text(name[len(_INTERNAL) :]).lower()}"] = _text(value)
    return metadata


def _text(raw: bytes) -> str:
    """A header's text, which clients send as UTF-8 although HTTP knows no such thing."""
    raw = raw.strip(b" \t")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


async def get_object(request: Request) -> Response:
    """Sends an object's bytes, or one range of them. No presigned addresses."""
    path = request.required("path")
    presign, asked = request.flag("presign"), _asked_range(request)
    known = request.header_parameter("If-None-Match")
    _, entry = objects.stat(request.lake, request["repository"], request["ref"], path)
    if presign:
        raise BadRequest("local adapter presigned URL: operation not supported")
    etag = f'"{entry.checksum}"'
    if known == etag:
        return Response(304)
    headers = [*_object_headers(entry, etag), _disposition(entry), *_SAFE_HEADERS]
    status, start, end = 200, 0, entry.size_bytes - 1
    if asked is not None:
        start, end = _range(asked, entry, etag)
        status = 206
        headers.append((b"content-range", b"bytes %d-%d/%d" % (start, end, entry.size_bytes)))
    headers.append((b"content-length", b"%d" % (end - start + 1)))
    data = objects.open_bytes(request.lake, entry)
    if isinstance(data, bytes):
        return _whole(status, data[start : end + 1], headers)
    return Response(status, headers=headers, stream=_Streamed(data, start, end - start + 1))


def _asked_range(request: Request) -> str | None:
    asked = request.header_parameter("Range")
    if asked is not None:
        check_syntax(asked)
    return asked


def _range(asked: str, entry: Entry, etag: str) -> tuple[int, int]:
    try:
        return parse_range(asked, entry.size_bytes)
    except RangeNotSatisfiable as error:
        raise RangeNotSatisfiable(error.message, (*error.headers, (b"etag", etag.encode()))) from None


async def head_object(request: Request) -> Response:
    """Sends what `getObject` would send before the bytes; errors have no body."""
    try:
        path, asked = request.required("path"), _asked_range(request)
        _, entry = objects.stat(request.lake, request["repository"], request["ref"], path)
        etag = f'"{entry.checksum}"'
        headers = _object_headers(entry, etag)
        status, length = 200, entry.size_bytes
        if asked is not None:
            start, end = _range(asked, entry, etag)
            status, length = 206, end - start + 1
            headers.append((b"content-range", b"bytes %d-%d/%d" % (start, end, entry.size_bytes)))
        headers.append((b"content-length", b"%d" % length))
        return Response(status, headers=headers, stream=_nothing)
    except LakeError as error:
        return Response(error.status, headers=error.headers)


def _object_headers(entry: Entry, etag: str) -> list[Header]:
    return [
        (b"content-type", entry.content_type.encode("latin-1", "replace")),
        (b"etag", etag.encode("latin-1", "replace")),
        *_last_modified(entry.mtime),
        (b"accept-ranges", b"bytes"),
        (b"cache-control", b"no-store, must-revalidate"),
        (b"expires", b"0"),
    ]


def _last_modified(mtime: int) -> list[Header]:
    """The header; nothing for a time that a client made up and no calendar has."""
    try:
        return [(b"last-modified", formatdate(mtime, usegmt=True).encode())]
    except (ValueError, OverflowError, OSError):
        return []


# What a browser shows without running anything; lakeFS has HTML, SVG, XML and JavaScript among these.
_SHOWN_INLINE = frozenset(
    [
        "image/jpeg",
        "image/jpg",
        "image/png",
        "image/gif",
        "image/webp",
        "application/pdf",
        "text/plain",
        "text/markdown",
        "text/x-markdown",
        "text/css",
        "application/json",
        "video/mp4",
        "video/webm",
        "audio/mpeg",
        "audio/wav",
        "audio/webm",
    ]
)


def _disposition(entry: Entry) -> Header:
    kind = entry.content_type.partition(";")[0].strip()
    return (b"content-disposition", b"inline" if kind in _SHOWN_INLINE else b"attachment")


# What users stored is never run as a page of this server.
_SAFE_HEADERS: tuple[Header, ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"SAMEORIGIN"),
    (b"content-security-policy", b"default-src 'none'"),
)


def _whole(status: int, body: bytes, headers: list[Header]) -> Response:
    async def stream(send: Send) -> None:
        await send({"type": "http.response.body", "body": body})

    return Response(status, headers=headers, stream=stream)


async def _nothing(send: Send) -> None:
    await send({"type": "http.response.body", "body": b""})


class _Streamed:
    """Part of an open file, sent as fast as the client takes it."""

    def __init__(self, file: BinaryIO, start: int, length: int) -> None:
        self._file = file
        self._start = start
        self._left = length

    async def __call__(self, send: Send) -> None:
        with self._file as file:
            file.seek(self._start)
            while self._left > 0:
                chunk = await asyncio.to_thread(file.read, min(CHUNK_BYTES, self._left))
                if not chunk:
                    raise StorageDamaged("an object ended before its length while it was sent")
                self._left -= len(chunk)
                await send({"type": "http.response.body", "body": chunk, "more_body": self._left > 0})

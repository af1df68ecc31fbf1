"""The one file of a multipart upload, as a stream."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

from mlops.lakeserver.errors import BadRequest, LakeError

FIELD = "content"


class _Parts:
    """The part of the body that the parser has seen so far."""

    def __init__(self) -> None:
        self._name, self._value = b"", b""
        self._headers: dict[str, str] = {}
        self.content_type = ""
        self.started = self.ended = self.complete = False
        self.data: list[bytes] = []

    def callbacks(self) -> Any:
        return {
            "on_part_begin": self._headers.clear,
            "on_header_field": self._on_field,
            "on_header_value": self._on_value,
            "on_header_end": self._on_header_end,
            "on_headers_finished": self._on_headers,
            "on_part_data": self._on_data,
            "on_part_end": self._on_part_end,
            "on_end": self._on_end,
        }

    def _on_field(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _on_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        self._headers[self._name.decode("latin-1").lower()] = self._value.decode("latin-1")
        self._name, self._value = b"", b""

    def _on_headers(self) -> None:
        from python_multipart.multipart import parse_options_header

        _, options = parse_options_header(self._headers.get("content-disposition", ""))
        if not self.started and options.get(b"name") == FIELD.encode():
            self.started = True
            self.content_type = self._headers.get("content-type", "").strip(" \t")

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        if self.started and not self.ended:
            self.data.append(data[start:end])

    def _on_part_end(self) -> None:
        self.ended = self.started

    def _on_end(self) -> None:
        self.complete = True

    def take(self) -> list[bytes]:
        """The file's bytes that came since the last call."""
        taken, self.data = self.data, []
        return taken


def _parser(content_type: str) -> tuple[Callable[[bytes], None], _Parts]:
    from python_multipart.exceptions import FormParserError
    from python_multipart.multipart import MultipartParser, parse_options_header

    _, options = parse_options_header(content_type)
    boundary = options.get(b"boundary")
    if not boundary:
        raise BadRequest("request body has an error: no multipart boundary param in Content-Type")
    parts = _Parts()
    parser = MultipartParser(boundary, parts.callbacks())

    def feed(chunk: bytes) -> None:
        try:
            parser.write(chunk)
        except FormParserError as error:
            raise BadRequest(f"request body has an error: {error}") from None

    return feed, parts


async def first_part(content_type: str, body: AsyncIterator[bytes]) -> tuple[str, AsyncIterator[bytes]]:
    """The content type and the bytes of the part named `content`.

    Raises:
        BadRequest: the body is not multipart.
        LakeError: there is no such part.
    """
    feed, parts = _parser(content_type)
    while not parts.started:
        chunk = await anext(body, None)
        if chunk is None:
            raise LakeError("multipart upload missing key 'content': http: no such file")
        feed(chunk)

    async def stream() -> AsyncIterator[bytes]:
        for data in parts.take():
            yield data
        async for chunk in body:
            feed(chunk)
            for data in parts.take():
                yield data
        if not parts.complete:
            raise BadRequest("request body has an error: unexpected end of multipart body")

    return parts.content_type, stream()

"""Responses as handlers make them: JSON, pages of lists, errors, and bodies that are sent in pieces."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from mlops.lakeserver.errors import LakeError
from mlops.lakeserver.http.wire import Header, Send
from mlops.lakeserver.operations.paging import MAX_PER_PAGE, Page

JSON_TYPE: Header = (b"content-type", b"application/json")


class Response:
    """One response; with `stream`, the body comes from there."""

    __slots__ = ("body", "headers", "status", "stream")

    def __init__(
        self,
        status: int = 200,
        body: bytes = b"",
        headers: tuple[Header, ...] | list[Header] = (),
        stream: Callable[[Send], Awaitable[None]] | None = None,
    ) -> None:
        self.status = status
        self.body = body
        self.headers = headers
        self.stream = stream

    async def send(self, send: Send) -> None:
        """Send it."""
        headers = list(self.headers)
        if self.stream is None and self.status not in {204, 304}:
            headers.append((b"content-length", b"%d" % len(self.body)))
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        if self.stream is not None:
            await self.stream(send)
        else:
            await send({"type": "http.response.body", "body": self.body})


def json_response(value: Any, status: int = 200, headers: tuple[Header, ...] = ()) -> Response:
    """A response whose body is `value`."""
    return dumped_response(json.dumps(value, separators=(",", ":"), ensure_ascii=False), status, headers)


def dumped_response(text: str, status: int = 200, headers: tuple[Header, ...] = ()) -> Response:
    """A response whose body is the JSON `text`."""
    body = text.encode("utf-8", "replace") + b"\n"
    return Response(status, body, (JSON_TYPE, (b"x-content-type-options", b"nosniff"), *headers))


def no_content() -> Response:
    """Done, and nothing to say."""
    return Response(204)


def error_response(error: LakeError) -> Response:
    """Return the error, as every client reads it."""
    return json_response({"message": error.message}, error.status, error.headers)


def page_response(page: Page[Any], results: list[Any]) -> Response:
    """Return a page of a list."""
    return json_response({"pagination": _pagination(page, len(results)), "results": results})


def dumped_page_response(page: Page[Any], results: list[str]) -> Response:
    """A page of a list whose parts are JSON already."""
    pagination = json.dumps(_pagination(page, len(results)), separators=(",", ":"), ensure_ascii=False)
    return dumped_response(f'{{"pagination":{pagination},"results":[{",".join(results)}]}}')


def _pagination(page: Page[Any], results: int) -> dict[str, object]:
    return {
        "has_more": page.has_more,
        "max_per_page": MAX_PER_PAGE,
        "next_offset": page.next_offset,
        "results": results,
    }

"""The server as an ASGI application: finds the operation, asks who calls, runs it, words its errors."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

from mlops.lakeserver.errors import LakeError, NotBuilt, NotFound, Unauthorized
from mlops.lakeserver.http.auth import UNAUTHORIZED, Authenticator
from mlops.lakeserver.http.connections import trust
from mlops.lakeserver.http.handlers.maintenance import COLLECT, VERIFY, maintain
from mlops.lakeserver.http.responses import Response, error_response
from mlops.lakeserver.http.routes import Route, Router, unbuilt_router
from mlops.lakeserver.http.wire import ClientGone, Receive, Request, Scope, Send
from mlops.lakeserver.operations.lake import Lake
from mlops.lakeserver.store.database import translated

Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]

API = b"/api/v1"
READ_THREADS = 8
HOOKED_THREADS = 64

_log = logging.getLogger("mlops.lakeserver")


class Application:
    """Answers requests about one lake.

    Args:
        pages: what answers outside the API.
    """

    def __init__(self, lake: Lake, authenticator: Authenticator, pages: Asgi) -> None:
        self._lake = lake
        self._authenticator = authenticator
        self._router = Router()
        self._unbuilt = unbuilt_router()
        self._pages = pages
        self._readers = ThreadPoolExecutor(READ_THREADS, "lake-read")
        # Threads of their own: a hook may call this server while its operation waits for it.
        self._hooked = ThreadPoolExecutor(HOOKED_THREADS, "lake-hooked")

    def close(self) -> None:
        """Wait for what is running."""
        self._readers.shutdown()
        self._hooked.shutdown()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        raw_path: bytes = scope.get("raw_path") or scope["path"].encode()
        if raw_path in (VERIFY, COLLECT):
            answer = self._maintenance(scope, receive)
        elif raw_path.startswith(API) and raw_path[len(API) :][:1] in (b"", b"/"):
            answer = self._answer(scope, receive, raw_path[len(API) :])
        else:
            await self._outside(scope, receive, send)
            return
        started = False

        async def sending(message: object) -> None:
            nonlocal started
            started = True
            await send(message)  # type: ignore[arg-type]

        try:
            response = await answer
            await response.send(sending)
        except ClientGone:
            return
        except Exception as error:
            if started:
                raise
            await self._failed(scope, error).send(send)

    async def _outside(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/_health":
            await Response(200, b"alive!", ((b"content-type", b"text/plain; charset=utf-8"),)).send(send)
        else:
            await self._pages(scope, receive, send)

    async def _maintenance(self, scope: Scope, receive: Receive) -> Response:
        if scope["method"] != "POST":
            raise NotFound("invalid API endpoint")
        if not any(name == b"authorization" for name, _ in scope["headers"]):
            # A browser sends its cookie from anywhere.
            raise Unauthorized(UNAUTHORIZED)
        request = Request(scope, receive, self._lake, {})
        request.user = self._user_of(scope)
        return await asyncio.get_running_loop().run_in_executor(self._hooked, maintain, request)

    async def _answer(self, scope: Scope, receive: Receive, path: bytes) -> Response:
        found = self._router.find(scope["method"], path)
        if found is None:
            unbuilt = self._unbuilt.find(scope["method"], path)
            if unbuilt is None:
                raise NotFound("invalid API endpoint")
            self._user_of(scope)
            raise NotBuilt(f"{unbuilt[0].operation} is not built into this server")
        route, params = found
        request = Request(scope, receive, self._lake, params)
        if route.open:
            scope["lake.authenticator"] = self._authenticator
        else:
            request.user = self._user_of(scope)
        if route.on_loop:
            return await route.handler(request)
        return await self._on_thread(route, request)

    def _user_of(self, scope: Scope) -> str:
        user = self._authenticator.user_of(scope["headers"], scope["method"])
        if user is None:
            raise Unauthorized(UNAUTHORIZED)
        trust(scope)
        return user

    async def _on_thread(self, route: Route, request: Request) -> Response:
        if request.scope["method"] not in {"GET", "HEAD"}:
            await request.read_json()
        pool = self._hooked if route.hooked else self._readers
        return await asyncio.get_running_loop().run_in_executor(pool, route.handler, request)

    def _failed(self, scope: Scope, error: Exception) -> Response:
        known = translated(error)
        if isinstance(known, LakeError):
            return error_response(known)
        _log.error("%s %s failed", scope["method"], scope["path"], exc_info=error)
        return error_response(LakeError("internal server error"))

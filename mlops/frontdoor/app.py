"""The front door as an ASGI application: check a request, identify its sender, forward it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from mlops.frontdoor import login, pages, passing, websockets
from mlops.frontdoor.guard import Guard, Refused, check_change, check_path, check_site, value_of, values
from mlops.frontdoor.keys import LakeKeys, LakeUnreachable
from mlops.frontdoor.login import Login, Throttled
from mlops.frontdoor.options import DoorOptions, Service
from mlops.frontdoor.passing import Receive, Scope, Send
from mlops.frontdoor.sessions import Clock, Session

HEALTH = b"/_door/health"

#: What the lake answers itself, key or none: its API, for clients that bring their key.
_LAKE_OPEN = (b"/api/v1/", b"/_health", b"/_lake/")


class FrontDoor:
    """Answers on the door's one port.

    Args:
        options: What stands behind it.
        clock: Seconds that never run backwards.
    """

    def __init__(self, options: DoorOptions, clock: Clock) -> None:
        self._options = options
        self._clock = clock
        self._guard = Guard(options.port, options.hosts)
        self._services = {service.prefix.encode(): service for service in options.services}
        self._own: dict[bytes, Callable[[Request], Awaitable[Response]]] = {}

    async def start(self) -> Login:
        """Open what requests go out by; return what lets people in."""
        services = (self._options.lake, *self._options.services)
        self._clients = {service.name: passing.client_for(service) for service in services}
        keys = LakeKeys(self._clients[self._options.lake.name], self._options.lake, self._clock)
        self._login = Login(keys, self._options.port, self._clock)
        self._own = {
            pages.LOGIN.encode(): self._login.log_in,
            pages.LOGOUT.encode(): self._login.log_out,
            pages.ENTER.encode(): self._login.enter,
        }
        return self._login

    async def close(self) -> None:
        """Close what requests go out by."""
        for client in self._clients.values():
            await client.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        elif scope["type"] == "http":
            response = await self._http(scope, receive, send)
            if response is not None:
                await response(scope, receive, send)  # type: ignore[arg-type]

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> Response | None:
        """Return the door's own answer, or None once a service's has been passed on."""
        html = _wants_page(scope)
        try:
            self._check(scope, scope["method"])
            if scope["raw_path"] == HEALTH:
                return PlainTextResponse("ok\n")
            if (own := self._own.get(scope["raw_path"])) is not None:
                return await own(Request(scope, receive))  # type: ignore[arg-type]
            return await self._service_answers(scope, receive, send, html=html)
        except Refused as error:
            return pages.problem(error.status, error.text, html=html)
        except Throttled as error:
            return login.too_many(error, html=html)
        except LakeUnreachable:
            text = "The lake does not answer, so the key cannot be checked. `mlops up` starts it again."
            return pages.problem(503, text, html=html)

    def _check(self, scope: Scope, method: str) -> str:
        """Return the host a request names, after all checks that do not need to know who sent it.

        Raises:
            Refused: It does not pass one.
        """
        host = self._guard.host(scope["headers"])
        check_path(scope["raw_path"])
        if scope["raw_path"] != pages.ENTER.encode():  # a code is opened from a local file, and proves itself
            check_site(method, scope["headers"], f"http://{host}")
        return host

    async def _service_answers(
        self, scope: Scope, receive: Receive, send: Send, *, html: bool
    ) -> Response | None:
        service = self._service_of(scope["raw_path"])
        session = await self._who(scope)
        if session is None and not await self._is_open(scope, service):
            return self._not_logged_in(scope, html=html)
        if service.name and scope["raw_path"] == service.prefix.encode():
            query = f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else ""
            return RedirectResponse(f"{service.prefix}/{query}", 308)
        if service.elsewhere:
            return _elsewhere(service, scope["raw_path"], html=html)

        def note(status: int) -> None:
            if session is not None and not service.name:
                session.lake_cookie_refused = status == 401

        await passing.pass_on(
            scope,
            receive,
            send,
            service,
            self._clients[service.name],
            lake_cookie=session.lake_cookie if session is not None and not service.name else "",
            ended=session.ended if session is not None else None,
            html=html,
            note=note,
        )
        return None

    async def _who(self, scope: Scope) -> Session | None:
        """Return the session that a request belongs to; one with a key of its own belongs to none."""
        if values(scope["headers"], b"authorization"):
            return None
        session = await self._login.session_of(scope)
        if session is not None and session.lake_cookie_refused:
            await self._login.renew(session)
        if session is not None:
            check_change(scope.get("method", "WEBSOCKET"), scope["path"], scope["headers"])
        return session

    async def _is_open(self, scope: Scope, service: Service) -> bool:
        """Return whether a request without a session may pass: with a key, or where the lake checks it."""
        if not service.name and not service.elsewhere:
            if scope["raw_path"].startswith(_LAKE_OPEN):
                return True
            # The lake's pages check the key themselves; here it only has to be there.
            return bool(values(scope["headers"], b"authorization"))
        return await self._login.key_is_right(scope["headers"])

    def _not_logged_in(self, scope: Scope, *, html: bool) -> Response:
        if not html:
            text = "Not logged in. Send the lake's key (HTTP Basic), or log in with a browser."
            return pages.problem(401, text, html=False)
        if value_of(scope["headers"], b"sec-fetch-site") in ("cross-site", "same-site"):
            return pages.open_again()
        return login.led_to_form(scope["raw_path"], scope["query_string"])

    def _service_of(self, raw_path: bytes) -> Service:
        first = b"/" + raw_path[1:].partition(b"/")[0]
        return self._services.get(first, self._options.lake)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()  # the request to open it
        service = self._service_of(scope["raw_path"])
        session = None
        let_in = False
        if service.name and not service.elsewhere:
            with suppress(Refused, Throttled, LakeUnreachable):
                self._check(scope, "WEBSOCKET")
                session = await self._who(scope)
                let_in = session is not None or await self._login.key_is_right(scope["headers"])
        if not let_in:
            await websockets.refuse(send)
            return
        ended = session.ended if session is not None else None
        client = self._clients[service.name]
        await websockets.pass_on(scope, receive, send, service, client, ended=ended)


def _wants_page(scope: Scope) -> bool:
    accepted = b",".join(values(scope["headers"], b"accept"))
    return scope["method"] in ("GET", "HEAD", "POST") and b"text/html" in accepted


def _elsewhere(service: Service, raw_path: bytes, *, html: bool) -> Response:
    if raw_path == f"{service.prefix}/".encode():
        return RedirectResponse(service.address, 303, headers={"cache-control": "no-store"})
    text = f"{service.title} is not served here. Its own address is `{service.address}`."
    return pages.problem(404, text, html=html)

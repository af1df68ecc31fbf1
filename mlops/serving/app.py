"""The HTTP interface: MLflow's scoring protocol, one address per pipeline, and the state of what is served.

``POST /invocations``, ``GET /ping``, ``/health`` and ``/version`` are as in MLflow's scoring server, so that
its clients work unchanged; every answer names the promotion and the commit that gave it, in two headers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from importlib import metadata
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from mlops.runs.errors import InputError, MlopsError, bounded
from mlops.serving import answers, request_body
from mlops.serving.answers import Guard, Log
from mlops.serving.batches import Batches, TooBusy
from mlops.serving.keys import Accepts
from mlops.serving.openapi import document_of
from mlops.serving.service import Served, Service

if TYPE_CHECKING:
    from starlette.types import ASGIApp

MAX_BODY_BYTES = 16 << 20
BODY_S = 30.0
ANSWER_S = 60.0

#: What is left of a body that is not taken is not read either.
_END = {"connection": "close"}


def make_app(
    services: Mapping[str, Service],
    accepts: Accepts,
    hosts: tuple[str, ...] = ("127.0.0.1", "localhost"),
    log: Log | None = None,
) -> ASGIApp:
    """Return the application.

    Args:
        services: Pipeline to its champion, started.
        accepts: Whether a key may ask; `mlops.serving.keys.open_to_all` for a server without keys.
        hosts: Names in the Host header that are answered, without ports.
        log: Called with the facts of each request, none of them a value of a row; None to log nothing.
    """
    answering = _Answering(services, {name: Batches() for name in services})
    handlers = {HTTPException: _refused, MlopsError: _refused, Exception: _refused}
    app = Starlette(routes=_routes(services, answering), exception_handlers=handlers)
    return TrustedHostMiddleware(Guard(app, accepts, log), allowed_hosts=list(hosts), www_redirect=False)


class _Answering:
    """Reads requests, lets the batches predict, and writes answers."""

    def __init__(self, services: Mapping[str, Service], batches: Mapping[str, Batches]) -> None:
        self._services = services
        self._batches = batches

    async def invocations(self, request: Request, name: str) -> Response:
        """Answer a request for predictions of a pipeline's champion."""
        served = _known(self._services, name).served
        body = await _body(request)
        columns = _columns(request.headers.get("content-type", ""), body, served)
        try:
            answer = self._batches[name].submit(served, columns)
        except TooBusy as error:
            raise HTTPException(429, "too many requests wait", {"retry-after": "1"}) from error
        try:
            found = await asyncio.wait_for(asyncio.wrap_future(answer), ANSWER_S)
        except TimeoutError as error:
            raise HTTPException(
                503, f"no prediction within {ANSWER_S:.0f} s", {"retry-after": "5"}
            ) from error
        return JSONResponse(
            {"predictions": found},
            headers={answers.NUMBER_HEADER: str(served.number), answers.COMMIT_HEADER: served.commit},
        )


async def _body(request: Request) -> bytes:
    """Return the body of a request within bounds of size and time."""
    length = request.headers.get("content-length", "0")
    if length.isdecimal() and int(length) > MAX_BODY_BYTES:
        raise HTTPException(413, f"a body has at most {MAX_BODY_BYTES} bytes", _END)
    found = bytearray()
    try:
        async with asyncio.timeout(BODY_S):
            async for chunk in request.stream():
                found += chunk
                if len(found) > MAX_BODY_BYTES:
                    raise HTTPException(413, f"a body has at most {MAX_BODY_BYTES} bytes", _END)
    except TimeoutError as error:
        raise HTTPException(408, f"the body did not arrive within {BODY_S:.0f} s", _END) from error
    return bytes(found)


def _columns(content_type: str, body: bytes, served: Served) -> dict[str, list[Any]]:
    kind, _, parameters = content_type.partition(";")
    charset = parameters.strip().lower().removeprefix("charset=").strip('"')
    if charset not in ("", "utf-8", "utf8"):
        raise HTTPException(415, "bodies are read as UTF-8")
    match kind.strip().lower():
        case "application/json":
            given = request_body.read_json(body, served.schema)
        case "text/csv":
            given = request_body.read_csv(body, served.schema)
        case _:
            raise HTTPException(415, "send application/json or text/csv")
    return served.schema.checked(given)


def _routes(services: Mapping[str, Service], answering: _Answering) -> list[Route]:
    only = next(iter(services)) if len(services) == 1 else ""

    async def ready(_: Request) -> Response:
        # A model is served from the start on; an alarm does not take it away.
        return PlainTextResponse("\n")

    async def version(_: Request) -> Response:
        return PlainTextResponse(metadata.version("mlflow"))

    async def openapi(_: Request) -> Response:
        return JSONResponse(document_of({name: service.served for name, service in services.items()}))

    async def models(_: Request) -> Response:
        return JSONResponse({"models": [_state(service) for service in services.values()]})

    async def model(request: Request) -> Response:
        service = _known(services, request.path_params["name"])
        return JSONResponse({**_state(service), "schema": service.served.schema.to_json()})

    async def invocations(request: Request) -> Response:
        return await answering.invocations(request, request.path_params["name"])

    async def only_one(request: Request) -> Response:
        if not only:
            raise HTTPException(404, "several pipelines are served: ask /v1/models/NAME/invocations")
        return await answering.invocations(request, only)

    return [
        Route("/ping", ready),
        Route("/health", ready),
        Route("/version", version),
        Route("/openapi.json", openapi),
        Route("/v1/models", models),
        Route("/v1/models/{name}", model),
        Route("/v1/models/{name}/invocations", invocations, methods=["POST"]),
        Route("/invocations", only_one, methods=["POST"]),
    ]


def _known(services: Mapping[str, Service], name: str) -> Service:
    if name not in services:
        raise HTTPException(404, f"no pipeline {bounded(name, 60)!r} is served; see /v1/models")
    return services[name]


def _state(service: Service) -> dict[str, Any]:
    served, alarm = service.served, service.alarm
    return {
        "name": served.name,
        "promotion": served.number,
        "commit": served.commit,
        "loaded_at_s": round(served.loaded_at_s, 3),
        "alarm": None if alarm is None else {"what": alarm.what, "since_s": round(alarm.since_s, 3)},
    }


async def _refused(_: Request, error: Exception) -> Response:
    """Answer with the status that an error stands for, one sentence, and nothing of the inside."""
    if isinstance(error, HTTPException):
        return answers.error(error.status_code, str(error.detail), error.headers)
    if isinstance(error, InputError):
        return answers.error(400, error.what)
    if isinstance(error, MlopsError):
        return answers.error(503, error.what, {"retry-after": "5"})
    return answers.error(500, "the server met an error of its own")

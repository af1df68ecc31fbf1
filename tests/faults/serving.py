"""Inside a forked child: the embedded lake server, killed just before or just after it handles a request."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from mlops.lakeserver import Credentials
from mlops.lakeserver.http.app import Application
from mlops.lakeserver.server import Options, Server


@dataclass
class Deadly:
    """An application around the server's own, which kills the process at one request of the API.

    Attributes:
        application: The server's own.
        notes: One line is written for each request.
        at: Number of the request to die at, from 1; 0 for never.
        after: Whether the request is handled first, and its answer lost.
    """

    application: Any
    notes: TextIO
    at: int = 0
    after: bool = False
    seen: int = field(default=0, init=False)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if not scope["path"].startswith("/api/"):
            await self.application(scope, receive, send)
            return
        self.seen += 1
        self.notes.write(f"{scope['method']} {scope['path']}\n")
        self.notes.flush()
        due = self.seen == self.at
        if due and not self.after:
            _die()

        async def lost(_message: Any) -> None:
            _die()

        await self.application(scope, receive, lost if due else send)


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def serve(request: dict[str, Any], ready: int) -> None:
    """Serve a store until killed; the address goes to the descriptor ``ready``."""
    credentials = Credentials(request["key"], request["secret"])
    listen = f"127.0.0.1:{request['port']}"
    with Path(request["notes"]).open("w", encoding="utf-8") as notes:
        server = Server(Options(Path(request["data"]), credentials, listen))
        config = server._uvicorn.config
        assert isinstance(config.app, Application)
        config.app = Deadly(config.app, notes, request["at"], request["after"])
        os.write(ready, server.url.encode() + b"\n")
        os.close(ready)
        server.run()

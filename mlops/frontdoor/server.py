"""Running the door: its port, its private socket, until it is told to stop."""

from __future__ import annotations

import os
import socket
import sys
import time
from typing import Any

import uvicorn

from mlops.frontdoor import control
from mlops.frontdoor.app import FrontDoor
from mlops.frontdoor.options import DoorOptions
from mlops.frontdoor.protocol import DoorProtocol
from mlops.frontdoor.sessions import Clock
from mlops.frontdoor.websockets import MAX_MESSAGE_BYTES

HOST = "127.0.0.1"
BACKLOG = 256
KEEP_ALIVE_S = 30


class Door:
    """A door that listens; `run` answers until `stop`.

    Args:
        options: What stands behind it; port 0 takes a free one.
        clock: Seconds that never run backwards.

    Raises:
        OSError: The port is taken.
    """

    def __init__(self, options: DoorOptions, clock: Clock = time.monotonic) -> None:
        self._socket = socket.socket(socket.AF_INET)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind((HOST, options.port))
            self._socket.listen(BACKLOG)
        except OSError:
            self._socket.close()
            raise
        self.port: int = self._socket.getsockname()[1]
        self.address = f"http://{HOST}:{self.port}"
        self._options = DoorOptions(self.port, options.control, options.lake, options.services, options.hosts)
        self._server = uvicorn.Server(
            uvicorn.Config(
                self._application,
                interface="asgi3",
                http=DoorProtocol,
                ws="websockets-sansio",
                ws_max_size=MAX_MESSAGE_BYTES,
                ws_per_message_deflate=False,
                loop="uvloop" if os.name != "nt" else "asyncio",
                lifespan="on",
                # An answer that breaks off is an exception to uvicorn; the services' logs say why.
                log_level="critical",
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=3,
            )
        )
        self._door = FrontDoor(self._options, clock)

    async def _application(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await self._door(scope, receive, send)

    async def _live(self, receive: Any, send: Any) -> None:
        await receive()
        try:
            login = await self._door.start()
            codes = await control.serve(self._options.control, login)
        except OSError as error:
            sys.stderr.write(f"front door: {self._options.control}: {error}\n")
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        codes.close()
        await self._door.close()
        await send({"type": "lifespan.shutdown.complete"})

    @property
    def ready(self) -> bool:
        """Return whether the server answers."""
        return self._server.started

    def run(self) -> None:
        """Answer until stopped, by `stop` or by a signal."""
        try:
            self._server.run(sockets=[self._socket])
        finally:
            self._socket.close()

    def stop(self) -> None:
        """Make `run` return."""
        self._server.should_exit = True

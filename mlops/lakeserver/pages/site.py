"""Pages (stub)."""

from __future__ import annotations

from mlops.lakeserver.auth import Authenticator
from mlops.lakeserver.errors import NotFound
from mlops.lakeserver.operations.lake import Lake
from mlops.lakeserver.wire import Receive, Scope, Send, error_response


class Pages:
    """Answers outside the API."""

    def __init__(self, lake: Lake, authenticator: Authenticator) -> None:
        self._lake = lake

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers that there is no such page."""
        await error_response(NotFound("page not found")).send(send)

"""HTTP as the door reads it: within limits, and with the user of this machine at the other end."""

from __future__ import annotations

from mlops import http_limits
from mlops.frontdoor import peers


class DoorProtocol(http_limits.BoundedProtocol):
    """Notes the user behind each connection."""

    def admitted(self) -> None:
        """Note which user of this machine has connected."""
        if self.client is not None and self.server is not None and self.server[1] is not None:
            user = peers.user_of(self.client[1], self.server[1])
            self.app_state = {**self.app_state, "user": user}

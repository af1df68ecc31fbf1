"""One look at a page: what is asked for, and by whom."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request

from mlops.lakeserver.operations.lake import Lake


@dataclass(frozen=True)
class Visit:
    """A request of somebody who is logged in."""

    lake: Lake
    user: str
    request: Request

    @property
    def repository(self) -> str:
        """The repository that the address names."""
        return self.request.path_params["repository"]

    def query(self, name: str, default: str = "") -> str:
        """A query parameter."""
        return self.request.query_params.get(name, default)

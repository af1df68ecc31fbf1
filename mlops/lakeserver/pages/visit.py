"""One look at a page: what is asked for, and by whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.requests import Request

from mlops.lakeserver.operations.lake import Lake
from mlops.lakeserver.pages.markup import Markup, tag

SENT_FROM_HERE = "sent_from_here"


@dataclass(frozen=True)
class Visit:
    """A request of somebody who is logged in.

    Attributes:
        form_token: what a form has to send back, which no other site knows.
        fields: what a form sent.
    """

    lake: Lake
    user: str
    request: Request
    form_token: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)

    @property
    def repository(self) -> str:
        """Return the repository that the address names."""
        return self.request.path_params["repository"]

    def query(self, name: str, default: str = "") -> str:
        """Return a query parameter."""
        return self.request.query_params.get(name, default)

    def field(self, name: str) -> str:
        """Return the value of a form's field, or ''."""
        return self.fields.get(name, "")

    def token_field(self) -> Markup:
        """Return the hidden field by which a form is known to come from here."""
        return tag("input", type="hidden", name=SENT_FROM_HERE, value=self.form_token)

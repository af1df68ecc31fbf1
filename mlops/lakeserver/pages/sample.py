"""The sample repository, offered where there is no repository yet, as lakeFS's web client does."""

from __future__ import annotations

from starlette.responses import RedirectResponse, Response

from mlops.lakeserver.operations import repositories
from mlops.lakeserver.pages.layout import HEADERS
from mlops.lakeserver.pages.markup import Markup, address, tag
from mlops.lakeserver.pages.visit import Visit
from mlops.lakeserver.sample_data import add_sample_data

NAME = "quickstart"
HOME = "/repositories"


def offer(visit: Visit) -> Markup:
    """Return the button that makes it."""
    return tag(
        "form",
        visit.token_field(),
        tag("button", "Create the sample repository", class_="go"),
        method="post",
        action=HOME,
        class_="row",
    )


def create(visit: Visit) -> Response:
    """Make it, and leads there."""
    repo = repositories.create(visit.lake, NAME, f"local://{NAME}", "main")
    add_sample_data(visit.lake, repo, visit.user)
    return RedirectResponse(address(NAME, "objects"), 303, HEADERS)

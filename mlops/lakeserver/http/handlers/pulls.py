"""Pull requests."""

from __future__ import annotations

from mlops.lakeserver.http.bodies import Body
from mlops.lakeserver.http.responses import Response, json_response, no_content, page_response
from mlops.lakeserver.http.wire import Request
from mlops.lakeserver.operations import pulls


def list_pull_requests(request: Request) -> Response:
    """Lists pull requests, with their descriptions (lakeFS leaves them out, which its own client refuses)."""
    page = pulls.list_page(
        request.lake,
        request["repository"],
        request.choice("status", ("open", "closed", "all"), "all"),
        request.query("prefix"),
        request.query("after"),
        request.amount(),
    )
    return page_response(page, page.results)


def create_pull_request(request: Request) -> Response:
    """Opens a pull request."""
    body = Body(request.body, "PullRequestCreation")
    pull_id = pulls.create(
        request.lake,
        request["repository"],
        title=body.text("title"),
        description=body.text("description", ""),
        source=body.text("source_branch"),
        destination=body.text("destination_branch"),
        author=request.user,
    )
    return json_response({"id": pull_id}, 201)


def get_pull_request(request: Request) -> Response:
    """Shows a pull request."""
    return json_response(pulls.get(request.lake, request["repository"], request["pull_request"]))


def update_pull_request(request: Request) -> Response:
    """Changes title, description or status."""
    body = Body(request.body, "PullRequestBasic")
    pulls.update(
        request.lake,
        request["repository"],
        request["pull_request"],
        title=body.text("title", None),
        description=body.text("description", None),
        status=body.choice("status", pulls.STATUSES, None),
    )
    return no_content()


def merge_pull_request(request: Request) -> Response:
    """Merges a pull request."""
    commit_id = pulls.merge(request.lake, request["repository"], request["pull_request"], user=request.user)
    return json_response({"reference": commit_id.hex()})

"""Tags."""

from __future__ import annotations

from mlops.lakeserver.http import shapes
from mlops.lakeserver.http.bodies import Body
from mlops.lakeserver.http.responses import Response, json_response, no_content, page_response
from mlops.lakeserver.http.wire import Request
from mlops.lakeserver.operations import tags


def list_tags(request: Request) -> Response:
    """Lists tags."""
    page = tags.list_page(
        request.lake, request["repository"], request.query("prefix"), request.query("after"), request.amount()
    )
    return page_response(page, [shapes.ref(tag.id, tag.commit_id) for tag in page.results])


def create_tag(request: Request) -> Response:
    """Creates a tag; an existing one is never moved."""
    body = Body(request.body, "TagCreation")
    tag = tags.create(
        request.lake,
        request["repository"],
        body.text("id"),
        body.text("ref"),
        user=request.user,
        force=body.flag("force"),
    )
    return json_response(shapes.ref(tag.id, tag.commit_id), 201)


def get_tag(request: Request) -> Response:
    """Shows the commit of a tag."""
    tag = tags.get(request.lake, request["repository"], request["tag"])
    return json_response(shapes.ref(tag.id, tag.commit_id))


def delete_tag(request: Request) -> Response:
    """Deletes a tag."""
    tags.delete(
        request.lake, request["repository"], request["tag"], user=request.user, force=request.flag("force")
    )
    return no_content()

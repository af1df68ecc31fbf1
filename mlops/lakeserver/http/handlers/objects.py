"""Objects: their descriptions, lists, copies and deletions. Their bytes are in `transfers`."""

from __future__ import annotations

from mlops.lakeserver.errors import BadRequest
from mlops.lakeserver.http import shapes
from mlops.lakeserver.http.bodies import Body
from mlops.lakeserver.http.responses import Response, dumped_page_response, json_response, no_content
from mlops.lakeserver.http.wire import Request
from mlops.lakeserver.operations import objects, writes
from mlops.lakeserver.operations.paging import CommonPrefix

MAX_DELETED = 1000
NOT_PRESIGNED = "local adapter presigned URL: operation not supported"


async def stat_object(request: Request) -> Response:
    """Describes an object. No presigned addresses."""
    path = request.required("path")
    with_metadata = request.flag("user_metadata", default=True)
    presign = request.flag("presign")
    repo, entry = objects.stat(request.lake, request["repository"], request["ref"], path)
    if presign:
        raise BadRequest(NOT_PRESIGNED)
    return json_response(shapes.object_stats(repo, path, entry, with_metadata=with_metadata))


def list_objects(request: Request) -> Response:
    """Lists objects. No presigned addresses."""
    with_metadata, presign = request.flag("user_metadata", default=True), request.flag("presign")
    repo, page = objects.list_page(
        request.lake,
        request["repository"],
        request["ref"],
        prefix=request.query("prefix"),
        after=request.query("after"),
        delimiter=request.query("delimiter"),
        amount=request.amount(),
    )
    if presign and any(not isinstance(item, CommonPrefix) for item in page.results):
        raise BadRequest(NOT_PRESIGNED)
    return dumped_page_response(
        page, [shapes.listed_json(repo, item, with_metadata=with_metadata) for item in page.results]
    )


def get_underlying_properties(request: Request) -> Response:
    """Shows the storage class, of which there is none."""
    objects.stat(request.lake, request["repository"], request["ref"], request.required("path"))
    return json_response({"storage_class": None})


def delete_object(request: Request) -> Response:
    """Deletes an object; that there is none is no error. `no_tombstone` makes no difference here."""
    request.flag("no_tombstone")
    writes.delete(
        request.lake,
        request["repository"],
        request["branch"],
        request.required("path"),
        force=request.flag("force"),
    )
    return no_content()


def delete_objects(request: Request) -> Response:
    """Deletes up to 1000 objects in one go. `no_tombstone` makes no difference here."""
    request.flag("no_tombstone")
    paths = Body(request.body, "PathList").texts("paths")
    if len(paths) > MAX_DELETED:
        raise BadRequest(f"request size exceeded, max paths is set to {MAX_DELETED}")
    failures = writes.delete_many(
        request.lake, request["repository"], request["branch"], paths, force=request.flag("force")
    )
    errors = [
        {"status_code": error.status, "message": error.message, "path": path} for path, error in failures
    ]
    return json_response({"errors": errors})


def copy_object(request: Request) -> Response:
    """Copies an object within the repository without moving bytes. `shallow` answers 501, as lakeFS does."""
    body = Body(request.body, "ObjectCopyCreation")
    path = request.required("dest_path")
    repo, entry = writes.copy(
        request.lake,
        request["repository"],
        request["branch"],
        path,
        body.text("src_ref", "") or request["branch"],
        body.text("src_path"),
        shallow=body.flag("shallow"),
        force=body.flag("force"),
    )
    return json_response(shapes.object_stats(repo, path, entry), 201)


def update_object_user_metadata(request: Request) -> Response:
    """Replaces the user metadata of an object of a branch."""
    metadata = Body(request.body, "UpdateObjectUserMetadata").mapping("set")
    writes.set_user_metadata(
        request.lake, request["repository"], request["branch"], request.required("path"), metadata
    )
    return no_content()

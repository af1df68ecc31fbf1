"""Linking bytes that are already there."""

from __future__ import annotations

from mlops.lakeserver.errors import BadRequest, LakeError, NotBuilt, PreconditionFailed
from mlops.lakeserver.http import shapes
from mlops.lakeserver.http.bodies import Body
from mlops.lakeserver.http.responses import Response, json_response
from mlops.lakeserver.http.wire import Request
from mlops.lakeserver.operations import linking
from mlops.lakeserver.trees.entries import DEFAULT_CONTENT_TYPE


def get_physical_address(request: Request) -> Response:
    """Gives an address to write an object's bytes to, beside the API. Never presigned.

    It names a file in the server's own folder, so it is of use on the same machine only.
    """
    path, presign = request.required("path"), request.flag("presign")
    if presign:
        raise LakeError("local adapter presigned URL: operation not supported")
    address = linking.new_address(request.lake, request["repository"], request["branch"], path)
    return json_response({"physical_address": address, "presigned_url": None})


def link_physical_address(request: Request) -> Response:
    """Makes an object of what was written to an address that `getPhysicalAddress` gave.

    The address holds for its repository, branch and path, for 24 hours.
    """
    body = Body(request.body, "StagingMetadata")
    staging = body.required("staging", "StagingLocation")
    address = staging.text("physical_address", "")
    staging.integer("presigned_url_expiry", None)
    try:
        repo, entry = linking.link(
            request.lake,
            request["repository"],
            request["branch"],
            request.required("path"),
            address,
            checksum=body.text("checksum").strip('" '),
            size_bytes=body.integer("size_bytes", least=0),
            mtime=body.integer("mtime", None),
            content_type=body.text("content_type", "") or DEFAULT_CONTENT_TYPE,
            metadata=body.mapping("user_metadata", {}),
            if_absent=if_absent(request),
            force=body.flag("force"),
        )
    except PreconditionFailed:
        raise PreconditionFailed("Precondition failed") from None
    return json_response(shapes.object_stats(repo, request.required("path"), entry))


def stage_object(request: Request) -> Response:
    """Makes an object of bytes that this server's store has already, at the address of another object."""
    body = Body(request.body, "ObjectStageCreation")
    address = body.text("physical_address")
    if not address.startswith("local://"):
        raise BadRequest("physical address is not valid for block adapter: local")
    repo, entry = linking.stage(
        request.lake,
        request["repository"],
        request["branch"],
        request.required("path"),
        address,
        checksum=body.text("checksum"),
        size_bytes=body.integer("size_bytes", least=0),
        mtime=body.integer("mtime", None),
        content_type=body.text("content_type", "") or DEFAULT_CONTENT_TYPE,
        metadata=body.mapping("metadata", {}),
        force=body.flag("force"),
    )
    shape = shapes.object_stats(repo, request.required("path"), entry)
    if not shape["metadata"]:
        del shape["metadata"]
    return json_response(shape, 201)


def if_absent(request: Request) -> bool:
    """Return whether the client wants no object to be replaced.

    Raises:
        NotBuilt: it names a condition that lakeFS's local storage does not know either.
    """
    condition = request.header_parameter("If-None-Match")
    if request.header_parameter("If-Match") is not None or (condition is not None and condition != "*"):
        raise NotBuilt("Not Implemented")
    return condition is not None

"""Taking files of this machine into a branch."""

from __future__ import annotations

from typing import cast

from mlops.lakeserver.errors import BadRequest
from mlops.lakeserver.grammar.names import MAX_PATH_BYTES
from mlops.lakeserver.http import shapes
from mlops.lakeserver.http.bodies import Body
from mlops.lakeserver.http.responses import Response, json_response, no_content
from mlops.lakeserver.http.wire import Request
from mlops.lakeserver.operations import imports
from mlops.lakeserver.operations.imports import COMMON_PREFIX, OBJECT, Import, Source
from mlops.lakeserver.store.records import Commit


def import_start(request: Request) -> Response:
    """Takes files below the folder that `--allow-import` names into a branch; refuses (403) without one.

    Only `local://` sources. Bytes are copied, where lakeFS refers to the files; links are not followed.
    """
    body = Body(request.body, "ImportCreation")
    about = body.required("commit", "CommitCreation")
    about.integer("date", None), about.flag("allow_empty"), about.flag("force")
    sources = [
        Source(
            item.choice("type", (COMMON_PREFIX, OBJECT)), item.text("path"), _path(item.text("destination"))
        )
        for item in body.items("paths", "ImportLocation")
    ]
    wish = Import(
        branch=request["branch"],
        sources=sources,
        committer=request.user,
        message=about.text("message"),
        metadata=about.mapping("metadata", {}),
        force=body.flag("force"),
    )
    return json_response({"id": imports.start(request.lake, request["repository"], wish)}, 202)


def import_status(request: Request) -> Response:
    """Shows how far an import is, until the server is started again."""
    task = imports.status(request.lake, request["repository"], request.required("id"))
    time = task.updated.isoformat().replace("+00:00", "Z")
    shape: dict[str, object] = {
        "completed": task.done and not task.error,
        "ingested_objects": task.count,
        "update_time": time,
    }
    if task.error:
        shape["error"] = {"message": task.error}
    if task.result:
        made = cast(Commit, task.result["commit"])
        shape["metarange_id"] = made.tree.hex()
        shape["commit"] = shapes.commit(made.id, made)
    return json_response(shape)


def import_cancel(request: Request) -> Response:
    """Ends an import without a commit; one that has ended answers 409."""
    imports.cancel(request.lake, request["repository"], request.required("id"))
    return no_content()


def _path(text: str) -> str:
    if len(text.encode()) > MAX_PATH_BYTES:
        raise BadRequest("argument path: invalid value: validation error")
    return text

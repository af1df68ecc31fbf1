"""Handlers for the runs of hooks."""

from __future__ import annotations

from mlops.lakeserver.http.responses import Response, json_response, page_response
from mlops.lakeserver.http.wire import Request
from mlops.lakeserver.operations import actions


def list_repository_runs(request: Request) -> Response:
    """Lists the runs of hooks, newest first."""
    page = actions.list_page(
        request.lake,
        request["repository"],
        request.query("branch"),
        request.query("commit"),
        request.query("after"),
        request.amount(),
    )
    return page_response(page, page.results)


def get_run(request: Request) -> Response:
    """Shows a run."""
    return json_response(actions.get_run(request.lake, request["repository"], request["run_id"]))


def list_run_hooks(request: Request) -> Response:
    """Lists the hooks of a run."""
    page = actions.hooks_page(
        request.lake, request["repository"], request["run_id"], request.query("after"), request.amount()
    )
    return page_response(page, page.results)


def get_run_hook_output(request: Request) -> Response:
    """Sends what a hook wrote."""
    output = actions.hook_output(
        request.lake, request["repository"], request["run_id"], request["hook_run_id"]
    )
    # The id was found, so it is one.
    name = b"attachment; filename=%s.log" % request["hook_run_id"].encode()
    kind = (b"content-type", b"application/octet-stream")
    return Response(
        200, output, (kind, (b"content-disposition", name), (b"x-content-type-options", b"nosniff"))
    )

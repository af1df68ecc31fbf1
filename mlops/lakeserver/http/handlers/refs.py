"""Comparing, merging and walking refs."""

from __future__ import annotations

from mlops.lakeserver.errors import MergeConflict
from mlops.lakeserver.http import shapes
from mlops.lakeserver.http.bodies import Body
from mlops.lakeserver.http.responses import Response, json_response, page_response
from mlops.lakeserver.http.wire import Request
from mlops.lakeserver.operations import branches, history
from mlops.lakeserver.operations.merging import Merge, merge


def diff_refs(request: Request) -> Response:
    """Lists what differs between two refs."""
    with_right = request.flag("include_right_stats")
    page = branches.diff_page(
        request.lake,
        request["repository"],
        request["leftRef"],
        request["rightRef"],
        two_dot=request.choice("type", ("two_dot", "three_dot"), "three_dot") == "two_dot",
        prefix=request.query("prefix"),
        after=request.query("after"),
        delimiter=request.query("delimiter"),
        amount=request.amount(),
    )
    return page_response(page, [shapes.diff(item, with_right=with_right) for item in page.results])


def log_commits(request: Request) -> Response:
    """Lists commits, newest first."""
    page = history.log_page(
        request.lake,
        request["repository"],
        request["ref"],
        after=request.query("after"),
        amount=request.amount(),
        objects=request.several("objects"),
        prefixes=request.several("prefixes"),
        limit=request.flag("limit"),
        first_parent=request.flag("first_parent"),
        since=request.time("since"),
        stop_at=request.query("stop_at"),
    )
    return page_response(page, [shapes.commit(commit_id, item) for commit_id, item in page.results])


def merge_into_branch(request: Request) -> Response:
    """Merges a ref into a branch. On conflict the answer's body is `{"reference": ""}`."""
    body = Body(request.body, "Merge", optional=True)
    wish = Merge(
        source=request["sourceRef"],
        destination=request["destinationBranch"],
        committer=request.user,
        message=body.text("message", ""),
        metadata=body.mapping("metadata", {}),
        strategy=body.text("strategy", ""),
        squash=body.flag("squash_merge"),
        allow_empty=body.flag("allow_empty"),
        force=body.flag("force"),
    )
    try:
        commit_id = merge(request.lake, request["repository"], wish)
    except MergeConflict:
        return json_response({"reference": ""}, 409)
    return json_response({"reference": commit_id.hex()})


def find_merge_base(request: Request) -> Response:
    """Shows the best common ancestor; lakeFS has the other two ids the wrong way round, and so has this."""
    source, destination, base = history.find_merge_base(
        request.lake, request["repository"], request["sourceRef"], request["destinationBranch"]
    )
    return json_response(
        {
            "source_commit_id": destination.hex(),
            "destination_commit_id": source.hex(),
            "base_commit_id": base.hex(),
        }
    )

"""Commits."""

from __future__ import annotations

from mlops.lakeserver.errors import BadRequest
from mlops.lakeserver.http import shapes
from mlops.lakeserver.http.bodies import Body
from mlops.lakeserver.http.responses import Response, json_response
from mlops.lakeserver.http.wire import Request
from mlops.lakeserver.operations import commits
from mlops.lakeserver.operations.commits import NewCommit

# Unix seconds; some 290 years from 1970.
MAX_DATE = 9_000_000_000


def commit(request: Request) -> Response:
    """Commits the uncommitted changes of a branch, or an existing tree.

    `source_metarange` has to be the tree of a commit of the same repository; lakeFS takes any text.
    """
    body = Body(request.body, "CommitCreation")
    wish = NewCommit(
        branch=request["branch"],
        message=body.text("message"),
        committer=request.user,
        metadata=body.mapping("metadata", {}),
        date=_date(body),
        allow_empty=body.flag("allow_empty"),
        source_metarange=request.optional("source_metarange"),
        force=body.flag("force"),
    )
    commit_id, made = commits.create(request.lake, request["repository"], wish)
    return json_response(shapes.commit(commit_id, made), 201)


def _date(body: Body) -> int | None:
    date = body.integer("date", None)
    if date is not None and abs(date) > MAX_DATE:
        raise BadRequest("request body has an error: the date is too far away")
    return date


def get_commit(request: Request) -> Response:
    """Shows the commit that any ref expression stands for."""
    return json_response(
        shapes.commit(*commits.get(request.lake, request["repository"], request["commitId"]))
    )

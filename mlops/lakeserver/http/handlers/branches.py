"""Branches."""

from __future__ import annotations

from mlops.lakeserver.http import shapes
from mlops.lakeserver.http.bodies import Body
from mlops.lakeserver.http.responses import Response, json_response, no_content, page_response
from mlops.lakeserver.http.wire import Request
from mlops.lakeserver.operations import branches, replay, writes
from mlops.lakeserver.operations.replay import Overrides


def list_branches(request: Request) -> Response:
    """Lists branches."""
    page = branches.list_page(
        request.lake,
        request["repository"],
        request.query("prefix"),
        request.query("after"),
        request.amount(),
        show_hidden=request.flag("show_hidden"),
    )
    return page_response(page, [shapes.ref(branch.id, branch.commit_id) for branch in page.results])


def create_branch(request: Request) -> Response:
    """Creates a branch; the answer's body is the plain commit id."""
    body = Body(request.body, "BranchCreation")
    commit_id = branches.create(
        request.lake,
        request["repository"],
        body.text("name"),
        body.text("source"),
        user=request.user,
        hidden=body.flag("hidden"),
        force=body.flag("force"),
    )
    return Response(201, commit_id.hex().encode(), ((b"content-type", b"text/plain; charset=utf-8"),))


def get_branch(request: Request) -> Response:
    """Shows the head of a branch."""
    branch = branches.get(request.lake, request["repository"], request["branch"])
    return json_response(shapes.ref(branch.id, branch.commit_id))


def delete_branch(request: Request) -> Response:
    """Deletes a branch with its uncommitted changes."""
    branches.delete(
        request.lake, request["repository"], request["branch"], user=request.user, force=request.flag("force")
    )
    return no_content()


def reset_branch(request: Request) -> Response:
    """Forgets uncommitted changes."""
    body = Body(request.body, "ResetCreation")
    writes.reset(
        request.lake,
        request["repository"],
        request["branch"],
        body.choice("type", ("object", "common_prefix", "reset")),
        body.text("path", ""),
        force=body.flag("force"),
    )
    return no_content()


def hard_reset_branch(request: Request) -> Response:
    """Moves a branch to another commit. Uncommitted changes are refused (400); lakeFS lets them stand."""
    branches.hard_reset(
        request.lake,
        request["repository"],
        request["branch"],
        request.required("ref"),
        force=request.flag("force"),
    )
    return no_content()


def diff_branch(request: Request) -> Response:
    """Lists uncommitted changes."""
    page = branches.uncommitted_page(
        request.lake,
        request["repository"],
        request["branch"],
        prefix=request.query("prefix"),
        after=request.query("after"),
        delimiter=request.query("delimiter"),
        amount=request.amount(),
    )
    return page_response(page, [shapes.diff(item, sized=False) for item in page.results])


def revert_branch(request: Request) -> Response:
    """Undoes a commit by a new one."""
    body = Body(request.body, "RevertCreation")
    replay.revert(
        request.lake,
        request["repository"],
        request["branch"],
        body.text("ref"),
        parent_number=body.integer("parent_number"),
        committer=request.user,
        overrides=_overrides(body),
        allow_empty=body.flag("allow_empty"),
        force=body.flag("force"),
    )
    return no_content()


def cherry_pick(request: Request) -> Response:
    """Applies what another commit changed."""
    body = Body(request.body, "CherryPickCreation")
    commit_id, commit = replay.cherry_pick(
        request.lake,
        request["repository"],
        request["branch"],
        body.text("ref"),
        parent_number=body.integer("parent_number", None),
        committer=request.user,
        overrides=_overrides(body),
        force=body.flag("force"),
    )
    return json_response(shapes.commit(commit_id, commit), 201)


def _overrides(body: Body) -> Overrides:
    inner = body.inner("commit_overrides", "CommitOverrides")
    if inner is None:
        return Overrides()
    return Overrides(inner.text("message", None) or None, inner.mapping("metadata", None))

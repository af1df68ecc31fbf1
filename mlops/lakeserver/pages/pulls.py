"""Pull requests: their list, a form to open one, and one with what it would change."""

from __future__ import annotations

import re

from starlette.responses import RedirectResponse, Response

from mlops.lakeserver.errors import BadRequest, LakeError
from mlops.lakeserver.operations import pulls, repositories
from mlops.lakeserver.pages.compare import changes
from mlops.lakeserver.pages.layout import HEADERS, next_page, page, short
from mlops.lakeserver.pages.markup import Part, address, facts, link, table, tag
from mlops.lakeserver.pages.visit import Visit

_PER_PAGE = 100
_STATUSES = ("open", "closed", "all")
_MAX_CHARS = 4_000
_RUN = re.compile(r"hook aborted, run id '(\w+)'")


def list_pulls(visit: Visit) -> Response:
    """Return the pull requests, open ones unless asked otherwise."""
    repo = repositories.get(visit.lake, visit.repository)
    status = visit.query("status", "open")
    status = status if status in _STATUSES else "open"
    result = pulls.list_page(
        visit.lake, repo.id, status, visit.query("prefix"), visit.query("after"), _PER_PAGE
    )
    rows: list[list[Part]] = [
        [
            link(address(repo.id, "pulls", pull["id"]), pull["title"] or pull["id"]),
            f"{pull['source_branch']} → {pull['destination_branch']}",
            tag("span", pull["status"], class_=pull["status"]),
            pull["author"],
            _when(pull["creation_date"]),
        ]
        for pull in result.results
    ]
    choices: list[Part] = [
        link(
            address(repo.id, "pulls", status=name),
            name.capitalize(),
            aria_current="page" if name == status else None,
        )
        for name in _STATUSES
    ]
    return page(
        "Pull requests",
        tag("p", link(address(repo.id, "pulls", "create"), "Open a pull request", class_="button")),
        tag("nav", choices, aria_label="Status"),
        table(["Title", "Branches", "Status", "By", "When"], rows)
        if rows
        else tag("p", "There is none.", class_="quiet"),
        next_page(address(repo.id, "pulls", status=status, after=result.next_offset), result),
        visit=visit,
        repository=repo.id,
        tab="pulls",
    )


def _when(stamp: str) -> str:
    return f"{stamp[:10]} {stamp[11:19]} UTC"


def create_form(visit: Visit, problem: str = "") -> Response:
    """Return the form to open a pull request."""
    repo = repositories.get(visit.lake, visit.repository)

    def field(label: str, name: str, default: str = "", **attributes: str | bool) -> Part:
        value = visit.field(name) or default
        return tag("label", label, tag("input", name=name, value=value, **attributes))

    return page(
        "Open a pull request",
        tag("p", problem, class_="error", role="alert") if problem else None,
        tag(
            "form",
            visit.token_field(),
            field("Into", "destination", visit.query("ref") or repo.default_branch, required=True),
            field("From", "source", visit.query("compare"), required=True),
            field("Title", "title", "", required=True, maxlength="255"),
            tag(
                "label",
                "Description",
                tag("textarea", visit.field("description"), name="description", rows="4"),
            ),
            tag("button", "Open the pull request", class_="go"),
            method="post",
            action=address(repo.id, "pulls", "create"),
            class_="stack",
        ),
        visit=visit,
        repository=repo.id,
        tab="pulls",
        status=400 if problem else 200,
    )


def create(visit: Visit) -> Response:
    """Open a pull request and show it."""
    try:
        pull_id = pulls.create(
            visit.lake,
            visit.repository,
            title=visit.field("title")[:255],
            description=visit.field("description")[:_MAX_CHARS],
            source=visit.field("source"),
            destination=visit.field("destination"),
            author=visit.user,
        )
    except LakeError as error:
        return create_form(visit, error.message)
    return RedirectResponse(address(visit.repository, "pulls", pull_id), 303, HEADERS)


def show_pull(visit: Visit, problem: LakeError | None = None) -> Response:
    """One pull request: what it would change, what can be done with it, and why that was refused."""
    repo = repositories.get(visit.lake, visit.repository)
    pull = pulls.get(visit.lake, repo.id, visit.request.path_params["pull"])
    source, destination = pull["source_branch"], pull["destination_branch"]
    known: list[tuple[str, Part]] = [
        ("Status", tag("span", pull["status"], class_=pull["status"])),
        ("From", link(address(repo.id, "objects", ref=source), source)),
        ("Into", link(address(repo.id, "objects", ref=destination), destination)),
        ("By", pull["author"]),
        ("Opened", _when(pull["creation_date"])),
    ]
    if pull.get("closed_date"):
        known.append(("Closed", _when(pull["closed_date"])))
    if pull.get("merged_commit_id"):
        merged = pull["merged_commit_id"]
        known.append(("Merged as", link(address(repo.id, "commits", merged), short(merged))))
    return page(
        pull["title"] or "Pull request",
        _refusal(repo.id, problem) if problem else None,
        tag("p", pull["description"], class_="prose") if pull.get("description") else None,
        facts(known),
        _actions(visit, pull["status"]),
        tag("h2", "Changes") if pull["status"] == pulls.OPEN else None,
        _changes(visit, destination, source) if pull["status"] == pulls.OPEN else None,
        visit=visit,
        repository=repo.id,
        tab="pulls",
        status=problem.status if problem else 200,
    )


def _refusal(repository: str, problem: LakeError) -> Part:
    """Return the reason of a refusal, with a link to the run if a hook refused."""
    said = tag("p", problem.message.strip(), class_="error prose", role="alert")
    run = _RUN.search(problem.message)
    return (
        [said, tag("p", link(address(repository, "actions", run[1]), "What the hook wrote"))] if run else said
    )


def _changes(visit: Visit, destination: str, source: str) -> Part:
    try:
        return changes(visit, destination, source, visit.request.url.path)
    except LakeError as error:
        return tag("p", error.message, class_="error")


def _actions(visit: Visit, status: str) -> Part:
    offered = {"open": (("merge", "Merge"), ("close", "Close")), "closed": (("open", "Open again"),)}
    buttons = [
        tag("button", label, name="action", value=action, class_="go" if action == "merge" else None)
        for action, label in offered.get(status, ())
    ]
    if not buttons:
        return None
    return tag(
        "form", visit.token_field(), buttons, method="post", action=visit.request.url.path, class_="row"
    )


def act(visit: Visit) -> Response:
    """Merge, close or reopen the pull request, as the form says."""
    pull_id, action = visit.request.path_params["pull"], visit.field("action")
    try:
        if action == "merge":
            pulls.merge(visit.lake, visit.repository, pull_id, user=visit.user)
        elif action in ("close", "open"):
            status = "closed" if action == "close" else "open"
            pulls.update(visit.lake, visit.repository, pull_id, title=None, description=None, status=status)
        else:
            raise BadRequest("this cannot be done with a pull request")
    except LakeError as error:
        return show_pull(visit, error)
    return RedirectResponse(address(visit.repository, "pulls", pull_id), 303, HEADERS)

"""Runs of hooks, and what they wrote."""

from __future__ import annotations

from starlette.responses import Response

from mlops.lakeserver.errors import NotFound
from mlops.lakeserver.operations import actions, repositories
from mlops.lakeserver.pages.layout import next_page, page, short
from mlops.lakeserver.pages.markup import Part, address, facts, link, table, tag
from mlops.lakeserver.pages.visit import Visit

_PER_PAGE = 100
_OUTPUT_BYTES = 64 * 1024


def list_runs(visit: Visit) -> Response:
    """The runs, newest first; of one branch or commit, if named."""
    repo = repositories.get(visit.lake, visit.repository)
    branch, commit_id = visit.query("branch"), visit.query("commit")
    result = actions.list_page(visit.lake, repo.id, branch, commit_id, visit.query("after"), _PER_PAGE)
    rows: list[list[Part]] = [
        [
            link(address(repo.id, "actions", run["run_id"]), run["event_type"]),
            tag("span", run["status"], class_=run["status"]),
            run["branch"],
            _commit(repo.id, run["commit_id"]),
            _when(run["start_time"]),
        ]
        for run in result.results
    ]
    shown = table(["Event", "Status", "Branch", "Commit", "When"], rows)
    after = address(repo.id, "actions", branch=branch, commit=commit_id, after=result.next_offset)
    return page(
        "Actions",
        shown if rows else tag("p", "No hook has run yet.", class_="quiet"),
        next_page(after, result),
        visit=visit,
        repository=repo.id,
        tab="actions",
    )


def show_run(visit: Visit) -> Response:
    """One run with its hooks and what they wrote."""
    repo = repositories.get(visit.lake, visit.repository)
    run = actions.get_run(visit.lake, repo.id, visit.request.path_params["run"])
    result = actions.hooks_page(visit.lake, repo.id, run["run_id"], visit.query("after"), _PER_PAGE)
    known: list[tuple[str, Part]] = [
        ("Status", tag("span", run["status"], class_=run["status"])),
        ("Branch", run["branch"]),
        ("Commit", _commit(repo.id, run["commit_id"])),
        ("Began", _when(run["start_time"])),
        ("Ended", _when(run["end_time"])),
    ]
    hooks: list[Part] = [
        [
            tag(
                "h2",
                f"{hook['action']}, {hook['hook_id']} ",
                tag("small", hook["status"], class_=hook["status"]),
            ),
            _output(visit, repo.id, run["run_id"], hook["hook_run_id"]),
        ]
        for hook in result.results
    ]
    return page(
        f"Run of {run['event_type']}",
        facts(known),
        hooks,
        next_page(address(repo.id, "actions", run["run_id"], after=result.next_offset), result),
        visit=visit,
        repository=repo.id,
        tab="actions",
    )


def _output(visit: Visit, repository: str, run_id: str, hook_run_id: str) -> Part:
    try:
        output = actions.hook_output(visit.lake, repository, run_id, hook_run_id)
    except NotFound:
        return tag("p", "It was skipped.", class_="quiet")
    if not output:
        return tag("p", "It wrote nothing.", class_="quiet")
    return tag(
        "pre",
        output[:_OUTPUT_BYTES].decode(errors="replace"),
        tabindex="0",
        role="region",
        aria_label="What it wrote",
    )


def _commit(repository: str, commit_id: str) -> Part:
    return link(address(repository, "commits", commit_id), short(commit_id)) if commit_id else ""


def _when(stamp: str | None) -> str:
    return f"{stamp[:10]} {stamp[11:19]} UTC" if stamp else ""

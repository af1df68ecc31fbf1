"""Commits, branches and tags."""

from __future__ import annotations

import re

from starlette.responses import Response

from mlops.lakeserver.http import shapes
from mlops.lakeserver.operations import branches, commits, history, repositories, tags
from mlops.lakeserver.pages.layout import moment, next_page, page, ref_form, short, size
from mlops.lakeserver.pages.markup import Part, address, facts, link, outside_link, table, tag
from mlops.lakeserver.pages.visit import Visit
from mlops.lakeserver.store.records import Commit

_PER_PAGE = 100
# lakeFS's convention: such a key shows as a button that opens its value.
_BUTTON = re.compile(r"::lakefs::(?P<label>[^:]+)::url\[ur[il]:ui\]")


def list_commits(visit: Visit) -> Response:
    """Return the commits that a ref leads to, newest first."""
    repo = repositories.get(visit.lake, visit.repository)
    ref = visit.query("ref") or repo.default_branch
    result = history.log_page(
        visit.lake, repo.id, ref, after=visit.query("after"), amount=_PER_PAGE, objects=[], prefixes=[]
    )
    rows: list[list[Part]] = [
        [
            link(address(repo.id, "commits", commit_id.hex()), short(commit_id.hex())),
            commit.message,
            commit.committer,
            moment(commit.created),
        ]
        for commit_id, commit in result.results
    ]
    return page(
        f"Commits of {ref}",
        ref_form(address(repo.id, "commits"), "Ref", ref),
        table(["Commit", "Message", "By", "When"], rows, text=1),
        next_page(address(repo.id, "commits", ref=ref, after=result.next_offset), result),
        visit=visit,
        repository=repo.id,
        tab="commits",
    )


def show_commit(visit: Visit) -> Response:
    """One commit: its metadata, and what it changed against its first parent."""
    commit_id, commit = commits.get(visit.lake, visit.repository, visit.request.path_params["commit"])
    name = commit_id.hex()
    parents: list[Part] = [
        [link(address(visit.repository, "commits", parent.hex()), short(parent.hex())), " "]
        for parent in commit.parents
    ]
    known: list[tuple[str, Part]] = [
        ("Id", tag("code", name)),
        ("By", commit.committer),
        ("When", moment(commit.created)),
        ("Parents", parents),
    ]
    first, _, rest = commit.message.strip().partition("\n")
    metadata: list[tuple[str, Part]] = sorted(commit.metadata.items())
    browse = link(address(visit.repository, "objects", ref=name), "Browse its objects", class_="button")
    return page(
        first or name[:12],
        tag("p", rest.strip(), class_="prose") if rest.strip() else None,
        tag("div", browse, _buttons(commit), class_="row"),
        facts(known),
        tag("h2", "Metadata"),
        facts(metadata) if metadata else tag("p", "None.", class_="quiet"),
        tag("h2", "Changes"),
        _changes(visit, name, commit),
        visit=visit,
        repository=visit.repository,
        tab="commits",
    )


def _buttons(commit: Commit) -> Part:
    found = [(_BUTTON.fullmatch(key), value) for key, value in sorted(commit.metadata.items())]
    return [outside_link(value, f"Open {match['label']} UI") for match, value in found if match]


def _changes(visit: Visit, name: str, commit: Commit) -> Part:
    if not commit.parents:
        return tag("p", "It is the first commit.", class_="quiet")
    result = branches.diff_page(
        visit.lake,
        visit.repository,
        commit.parents[0].hex(),
        name,
        two_dot=True,
        prefix=visit.query("prefix"),
        after=visit.query("after"),
        delimiter="",
        amount=_PER_PAGE,
    )
    if not result.results:
        return tag("p", "None.", class_="quiet")
    rows: list[list[Part]] = []
    for item in result.results:
        shape = shapes.diff(item)
        ref = commit.parents[0].hex() if shape["type"] == "removed" else name
        target = address(visit.repository, "object", ref=ref, path=shape["path"])
        rows.append(
            [
                tag("span", shape["type"], class_=shape["type"]),
                link(target, shape["path"]),
                size(shape["size_bytes"]),
            ]
        )
    after = address(visit.repository, "commits", name, after=result.next_offset)
    return [table(["Change", "Object", "Size"], rows, text=1), next_page(after, result)]


def list_branches(visit: Visit) -> Response:
    """Return the branches."""
    repo = repositories.get(visit.lake, visit.repository)
    result = branches.list_page(
        visit.lake,
        repo.id,
        visit.query("prefix"),
        visit.query("after"),
        _PER_PAGE,
        show_hidden=visit.query("show_hidden") == "true",
    )
    rows: list[list[Part]] = [
        [
            link(address(repo.id, "objects", ref=branch.id), branch.id),
            link(address(repo.id, "commits", branch.commit_id.hex()), short(branch.commit_id.hex())),
            link(address(repo.id, "compare", ref=repo.default_branch, compare=branch.id), "compare"),
        ]
        for branch in result.results
    ]
    return page(
        "Branches",
        table(["Branch", "Head", f"With {repo.default_branch}"], rows),
        next_page(
            address(repo.id, "branches", prefix=visit.query("prefix"), after=result.next_offset), result
        ),
        visit=visit,
        repository=repo.id,
        tab="branches",
    )


def list_tags(visit: Visit) -> Response:
    """Return the tags."""
    repo = repositories.get(visit.lake, visit.repository)
    result = tags.list_page(visit.lake, repo.id, visit.query("prefix"), visit.query("after"), _PER_PAGE)
    rows: list[list[Part]] = [
        [
            link(address(repo.id, "objects", ref=item.id), item.id),
            link(address(repo.id, "commits", item.commit_id.hex()), short(item.commit_id.hex())),
        ]
        for item in result.results
    ]
    return page(
        "Tags",
        table(["Tag", "Commit"], rows) if rows else tag("p", "There is none yet.", class_="quiet"),
        next_page(address(repo.id, "tags", prefix=visit.query("prefix"), after=result.next_offset), result),
        visit=visit,
        repository=repo.id,
        tab="tags",
    )

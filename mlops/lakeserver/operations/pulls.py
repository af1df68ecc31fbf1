"""Pull requests: a wish to merge one branch into another, with a title."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from mlops.lakeserver.errors import BadRequest, NotFound
from mlops.lakeserver.grammar.ids import is_id
from mlops.lakeserver.grammar.names import check_branch
from mlops.lakeserver.operations import merging
from mlops.lakeserver.operations.lake import Lake, branch, repository, writable
from mlops.lakeserver.operations.merging import Merge
from mlops.lakeserver.operations.paging import Page, page_of
from mlops.lakeserver.store import Transaction
from mlops.lakeserver.store.records import Execute, Repository

Json = dict[str, Any]

OPEN, MERGED = "open", "merged"
STATUSES = (OPEN, "closed", MERGED)


def _stamp(lake: Lake) -> str:
    return lake.now_utc().isoformat().replace("+00:00", "Z")


def list_page(lake: Lake, name: str, which: str, prefix: str, after: str, amount: int) -> Page[Json]:
    """Return a page of pull requests (`open`, `closed` with the merged, or `all`), newest first."""
    execute = lake.store.database.reader.execute
    repo = repository(execute, name)
    rows = execute(
        "SELECT body FROM pulls WHERE rid = :rid AND id > :after AND id GLOB :glob "
        "AND (:which = 'all' OR (status = 'open') = (:which = 'open')) ORDER BY id LIMIT :most",
        {
            "rid": repo.rid,
            "after": after,
            "glob": _escaped(prefix) + "*",
            "which": which,
            "most": amount + 1,
        },
    )
    return page_of([json.loads(row[0]) for row in rows], amount, lambda pull: pull["id"])


def _escaped(prefix: str) -> str:
    return "".join(f"[{char}]" if char in "*?[" else char for char in prefix)


def get(lake: Lake, name: str, pull_id: str) -> Json:
    """Return a pull request.

    Raises:
        NotFound: there is none of that id.
    """
    _check_id(pull_id)
    execute = lake.store.database.reader.execute
    return _get(execute, repository(execute, name), pull_id)


def _check_id(pull_id: str) -> None:
    if not is_id(pull_id):
        raise BadRequest("argument pullRequestID: pull request id: invalid value: validation error")


def _get(execute: Execute, repo: Repository, pull_id: str) -> Json:
    row = execute("SELECT body FROM pulls WHERE rid = ? AND id = ?", (repo.rid, pull_id)).fetchone()
    if row is None:
        raise NotFound("pull request not found")
    return json.loads(row[0])


def create(
    lake: Lake, name: str, *, title: str, description: str, source: str, destination: str, author: str
) -> str:
    """Open a pull request; return its id.

    Raises:
        NotFound: a branch does not exist.
        BadRequest: they are the same.
    """
    pull_id = lake.new_id()
    check_branch(destination, "dest")
    check_branch(source, "src")
    if source == destination:
        raise BadRequest("source and destination branches are the same: same branch validation error")

    def work(tx: Transaction) -> str:
        repo = writable(tx.execute, name, force=False)
        for item in (source, destination):
            branch(tx.execute, repo, item)
        body = {
            "id": pull_id,
            "status": OPEN,
            "title": title,
            "description": description,
            "author": author,
            "creation_date": _stamp(lake),
            "source_branch": source,
            "destination_branch": destination,
        }
        _put(tx, repo, body)
        return pull_id

    return lake.store.write(work)


def update(
    lake: Lake, name: str, pull_id: str, *, title: str | None, description: str | None, status: str | None
) -> None:
    """Update the fields that are not None; any status may follow any other, as in lakeFS."""

    def change(body: Json) -> None:
        body["title"] = body["title"] if title is None else title
        body["description"] = body["description"] if description is None else description
        if status is not None and status != body["status"]:
            body["status"] = status
            body.pop("closed_date", None)
            if status != OPEN:
                body["closed_date"] = _stamp(lake)

    _change(lake, name, pull_id, change)


def merge(lake: Lake, name: str, pull_id: str, *, user: str) -> bytes:
    """Merge the pull request; return the commit's id. Raises as `merging.merge`.

    Raises:
        BadRequest: it is not open.
    """
    pull = get(lake, name, pull_id)
    if pull["status"] != OPEN:
        raise BadRequest("bad pull request status")
    commit_id = merging.merge(lake, name, Merge(pull["source_branch"], pull["destination_branch"], user))

    def change(body: Json) -> None:
        body |= {"status": MERGED, "closed_date": _stamp(lake), "merged_commit_id": commit_id.hex()}

    _change(lake, name, pull_id, change)
    return commit_id


def _change(lake: Lake, name: str, pull_id: str, change: Callable[[Json], None]) -> None:
    _check_id(pull_id)

    def work(tx: Transaction) -> None:
        repo = writable(tx.execute, name, force=False)
        body = _get(tx.execute, repo, pull_id)
        change(body)
        _put(tx, repo, body)

    lake.store.write(work)


def _put(tx: Transaction, repo: Repository, body: Json) -> None:
    tx.execute(
        "INSERT OR REPLACE INTO pulls (rid, id, status, body) VALUES (?, ?, ?, ?)",
        (repo.rid, body["id"], body["status"], json.dumps(body, ensure_ascii=False)),
    )

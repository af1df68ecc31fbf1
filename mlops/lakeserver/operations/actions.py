"""What hooks did, and what hooks may see and do."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from mlops.lakeserver.errors import BadRequest, LakeError, NotFound
from mlops.lakeserver.hooks.interface import ActionRun, HookRun
from mlops.lakeserver.http import shapes
from mlops.lakeserver.operations import branches, objects, tags, writes
from mlops.lakeserver.operations.lake import Lake, repository
from mlops.lakeserver.operations.paging import DEFAULT_PER_PAGE, MAX_PER_PAGE, Page, page_of
from mlops.lakeserver.store import Transaction, records

Json = dict[str, Any]


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _run_shape(run: ActionRun) -> Json:
    return {
        "run_id": run.run_id,
        "branch": run.branch,
        "start_time": _time(run.start_time),
        "end_time": _time(run.end_time),
        "event_type": run.event_type,
        "status": run.status,
        "commit_id": run.commit_id,
    }


def _hook_shape(run: ActionRun, hook: HookRun) -> Json:
    """A hook's row; a skipped one shows the run's times, because clients want some."""
    return {
        "hook_run_id": hook.hook_run_id,
        "action": hook.action,
        "hook_id": hook.hook_id,
        "start_time": _time(hook.start_time or run.end_time),
        "end_time": _time(hook.end_time or run.end_time),
        "status": hook.status,
    }


class Runs:
    """Keeps finished runs, and finds them again."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake

    def record(self, run: ActionRun) -> None:
        """The run can be found; that of a repository deleted meanwhile is dropped."""

        def work(tx: Transaction) -> None:
            repo = records.repository(tx.execute, run.repository_id)
            if repo is None:
                return
            tx.execute(
                "INSERT OR REPLACE INTO action_runs (rid, run_id, branch, commit_id, body) "
                "VALUES (?, ?, ?, ?, ?)",
                (repo.rid, run.run_id, run.branch, run.commit_id, json.dumps(_run_shape(run))),
            )
            tx.executemany(
                "INSERT OR REPLACE INTO hook_runs (rid, run_id, hook_run_id, body, output) "
                "VALUES (?, ?, ?, ?, ?)",
                [
                    (repo.rid, run.run_id, hook.hook_run_id, json.dumps(_hook_shape(run, hook)), hook.output)
                    for hook in run.hook_runs
                ],
            )

        self._lake.store.write(work)


def list_page(lake: Lake, name: str, branch: str, commit_id: str, after: str, amount: int) -> Page[Json]:
    """A page of the runs, newest first; those of one branch or commit, if named.

    Raises:
        BadRequest: both are named.
    """
    execute = lake.store.database.reader.execute
    repo = repository(execute, name)
    if branch and commit_id:
        raise BadRequest("can't use both branchID and MergedCommitID: parameters conflict")
    rows = execute(
        "SELECT body FROM action_runs WHERE rid = :rid AND run_id > :after "
        "AND (:branch = '' OR branch = :branch) AND (:commit = '' OR commit_id = :commit) "
        "ORDER BY run_id LIMIT :most",
        {"rid": repo.rid, "after": after, "branch": branch, "commit": commit_id, "most": amount + 1},
    )
    return page_of([json.loads(row[0]) for row in rows], amount, lambda run: run["run_id"])


def get_run(lake: Lake, name: str, run_id: str) -> Json:
    """A run.

    Raises:
        NotFound: there is none of that id.
    """
    execute = lake.store.database.reader.execute
    repo = repository(execute, name)
    row = execute("SELECT body FROM action_runs WHERE rid = ? AND run_id = ?", (repo.rid, run_id)).fetchone()
    if row is None:
        raise NotFound("not found: not found")
    return json.loads(row[0])


def hooks_page(lake: Lake, name: str, run_id: str, after: str, amount: int) -> Page[Json]:
    """A page of the hooks of a run."""
    execute = lake.store.database.reader.execute
    repo = repository(execute, name)
    rows = execute(
        "SELECT body FROM hook_runs WHERE rid = ? AND run_id = ? AND hook_run_id > ? "
        "ORDER BY hook_run_id LIMIT ?",
        (repo.rid, run_id, after, amount + 1),
    )
    return page_of([json.loads(row[0]) for row in rows], amount, lambda hook: hook["hook_run_id"])


def hook_output(lake: Lake, name: str, run_id: str, hook_run_id: str) -> bytes:
    """What a hook wrote.

    Raises:
        NotFound: there is no such hook, or it was skipped.
    """
    execute = lake.store.database.reader.execute
    repo = repository(execute, name)
    row = execute(
        "SELECT output FROM hook_runs WHERE rid = ? AND run_id = ? AND hook_run_id = ?",
        (repo.rid, run_id, hook_run_id),
    ).fetchone()
    if row is None or row[0] is None:
        raise NotFound("not found")
    return row[0]


def _answer(work: Callable[[], tuple[int, Any]]) -> tuple[int, Any]:
    try:
        return work()
    except LakeError as error:
        return error.status, {"message": error.message}


def _page(page: Page[Any], results: list[Json]) -> Json:
    pagination = {
        "has_more": page.has_more,
        "max_per_page": MAX_PER_PAGE,
        "next_offset": page.next_offset,
        "results": len(results),
    }
    return {"pagination": pagination, "results": results}


def _amount(amount: int) -> int:
    return min(amount, MAX_PER_PAGE) if amount > 0 else DEFAULT_PER_PAGE


class View:
    """What a hook's script may ask; every answer is a status and what the API would say.

    Args:
        user: on whose behalf scripts make tags.
    """

    def __init__(self, lake: Lake, user: str) -> None:
        self._lake = lake
        self._user = user

    def get_object(self, repository: str, ref: str, path: str) -> tuple[int, bytes]:
        """The bytes of an object; of an error, its JSON body."""

        def work() -> tuple[int, bytes]:
            _, entry = objects.stat(self._lake, repository, ref, path)
            data = objects.open_bytes(self._lake, entry)
            if isinstance(data, bytes):
                return 200, data
            with data:
                return 200, data.read()

        status, body = _answer(work)
        return status, body if isinstance(body, bytes) else json.dumps(body).encode()

    def stat_object(self, repository: str, ref: str, path: str) -> tuple[int, Json]:
        """ObjectStats."""

        def work() -> tuple[int, Json]:
            repo, entry = objects.stat(self._lake, repository, ref, path)
            return 200, shapes.object_stats(repo, path, entry)

        return _answer(work)

    def list_objects(
        self, repository: str, ref: str, after: str, prefix: str, delimiter: str, amount: int
    ) -> tuple[int, Json]:
        """ObjectStatsList."""

        def work() -> tuple[int, Json]:
            repo, page = objects.list_page(
                self._lake,
                repository,
                ref,
                prefix=prefix,
                after=after,
                delimiter=delimiter,
                amount=_amount(amount),
            )
            return 200, _page(page, [shapes.listed(repo, item, with_metadata=True) for item in page.results])

        return _answer(work)

    def diff_refs(
        self, repository: str, left: str, right: str, after: str, prefix: str, delimiter: str, amount: int
    ) -> tuple[int, Json]:
        """DiffList, three-dot."""

        def work() -> tuple[int, Json]:
            page = branches.diff_page(
                self._lake,
                repository,
                left,
                right,
                two_dot=False,
                prefix=prefix,
                after=after,
                delimiter=delimiter,
                amount=_amount(amount),
            )
            return 200, _page(page, [shapes.diff(item) for item in page.results])

        return _answer(work)

    def diff_branch(
        self, repository: str, branch: str, after: str, amount: int, prefix: str, delimiter: str
    ) -> tuple[int, Json]:
        """DiffList of uncommitted changes."""

        def work() -> tuple[int, Json]:
            page = branches.uncommitted_page(
                self._lake,
                repository,
                branch,
                prefix=prefix,
                after=after,
                delimiter=delimiter,
                amount=_amount(amount),
            )
            return 200, _page(page, [shapes.diff(item, sized=False) for item in page.results])

        return _answer(work)

    def create_tag(self, repository: str, ref: str, tag: str) -> tuple[int, Json]:
        """Ref of a new tag."""

        def work() -> tuple[int, Json]:
            made = tags.create(self._lake, repository, tag, ref, user=self._user)
            return 201, shapes.ref(made.id, made.commit_id)

        return _answer(work)

    def update_object_user_metadata(
        self, repository: str, branch: str, path: str, metadata: dict[str, str]
    ) -> tuple[int, Json]:
        """Nothing, or an error."""

        def work() -> tuple[int, Json]:
            writes.set_user_metadata(self._lake, repository, branch, path, metadata)
            return 204, {}

        return _answer(work)

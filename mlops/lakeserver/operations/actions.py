"""Runs of hooks: recorded when they end, listed and read afterwards."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from mlops.lakeserver.errors import BadRequest, NotFound
from mlops.lakeserver.hooks.interface import ActionRun, HookRun
from mlops.lakeserver.operations.lake import Lake, repository
from mlops.lakeserver.operations.paging import Page, page_of
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
    """Return a hook's row; a skipped one shows the run's times, because clients want some."""
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
        """Record the run; that of a repository deleted meanwhile is dropped."""

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
    """Return a page of the runs, newest first, optionally of one branch or commit.

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
    """Return a run.

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
    """Return a page of the hooks of a run."""
    execute = lake.store.database.reader.execute
    repo = repository(execute, name)
    rows = execute(
        "SELECT body FROM hook_runs WHERE rid = ? AND run_id = ? AND hook_run_id > ? "
        "ORDER BY hook_run_id LIMIT ?",
        (repo.rid, run_id, after, amount + 1),
    )
    return page_of([json.loads(row[0]) for row in rows], amount, lambda hook: hook["hook_run_id"])


def hook_output(lake: Lake, name: str, run_id: str, hook_run_id: str) -> bytes:
    """Return the output of a hook.

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

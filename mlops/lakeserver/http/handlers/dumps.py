"""Writing the refs of a repository down, and reading them back."""

from __future__ import annotations

import re
from typing import Any

from mlops.lakeserver.errors import BadRequest
from mlops.lakeserver.http.bodies import Body
from mlops.lakeserver.http.handlers.commits import MAX_DATE
from mlops.lakeserver.http.responses import Response, json_response, no_content
from mlops.lakeserver.http.wire import Request
from mlops.lakeserver.operations import dumps
from mlops.lakeserver.operations.dumps import RefsDump
from mlops.lakeserver.operations.lake import writable
from mlops.lakeserver.operations.repositories import get
from mlops.lakeserver.operations.tasks import DUMP, RESTORE, Task
from mlops.lakeserver.store.records import Commit

_HASH = re.compile(r"[0-9a-f]{64}")


def dump_refs(request: Request) -> Response:
    """Writes all commits, branches and tags to the store's folder, where they stay until they are deleted.

    They do not keep what they name: `restoreRefs` answers 410 once a commit's tree has been collected.
    """
    return json_response(_shape(dumps.dump(request.lake, request["repository"])), 201)


def restore_refs(request: Request) -> Response:
    """Reads what `dumpRefs` wrote into a bare repository of the same store, all of it or nothing.

    Hidden branches stay hidden; lakeFS shows them from then on.
    """
    parts, force = _parts(request)
    dumps.restore(request.lake, request["repository"], parts, force=force)
    return Response(200)


def dump_submit(request: Request) -> Response:
    """As `dumpRefs`; it is done when this answers, and `dumpStatus` shows what came of it."""
    repo = get(request.lake, request["repository"])
    task_id, task = request.lake.tasks.add(repo.rid, DUMP)
    request.lake.tasks.run(task, lambda: dict(_shape(dumps.dump(request.lake, repo.id))))
    return json_response({"id": task_id}, 202)


def dump_status(request: Request) -> Response:
    """Shows what came of a dump, until the server is started again."""
    task_id = request.required("task_id")
    task = _task(request, DUMP, task_id)
    refs = {"refs": task.result} if task.result else {}
    return json_response(_status(task_id, task) | refs)


def restore_submit(request: Request) -> Response:
    """As `restoreRefs`; it is done when this answers, and `restoreStatus` shows what came of it."""
    parts, force = _parts(request)
    execute = request.lake.store.database.reader.execute
    repo = get(request.lake, request["repository"])
    dumps.check_bare(execute, repo)
    task_id, task = request.lake.tasks.add(repo.rid, RESTORE)

    def work() -> dict[str, object]:
        writable(execute, repo.id, force)
        dumps.restore(request.lake, repo.id, parts, force=force)
        return {}

    request.lake.tasks.run(task, work)
    return json_response({"id": task_id}, 202)


def restore_status(request: Request) -> Response:
    """Shows what came of a restore, until the server is started again."""
    task_id = request.required("task_id")
    return json_response(_status(task_id, _task(request, RESTORE, task_id)))


def create_commit_record(request: Request) -> Response:
    """Writes a commit as it was elsewhere, with its time, committer and parents; no branch leads to it.

    Its id has to be the one that this server gives to such a commit, as lakeFS demands its own. Parents and
    tree have to be there (404), and the generation has to be right (400); lakeFS takes any.
    """
    body = Body(request.body, "CommitRecordCreation")
    body.integer("version", least=0, most=1)
    date = body.integer("creation_date")
    if abs(date) > MAX_DATE:
        raise BadRequest("request body has an error: the date is too far away")
    new = Commit(
        tree=_bytes(body.text("metarange_id"), may_be_empty=True),
        parents=tuple(_bytes(parent) for parent in body.texts("parents")),
        generation=body.integer("generation"),
        created_ns=date * 1_000_000_000,
        committer=body.text("committer"),
        message=body.text("message"),
        metadata=body.mapping("metadata", {}),
    )
    commit_id, force = body.text("commit_id"), body.flag("force")
    dumps.add_record(request.lake, request["repository"], commit_id, new, force=force)
    return no_content()


def _bytes(text: str, *, may_be_empty: bool = False) -> bytes:
    if not _HASH.fullmatch(text) and (text or not may_be_empty):
        raise BadRequest(dumps.WRONG_ID)
    return bytes.fromhex(text)


def _shape(parts: RefsDump) -> dict[str, str]:
    return {
        "commits_meta_range_id": parts.commits,
        "branches_meta_range_id": parts.branches,
        "tags_meta_range_id": parts.tags,
    }


def _parts(request: Request) -> tuple[RefsDump, bool]:
    body = Body(request.body, "RefsRestore")
    names = ("commits_meta_range_id", "branches_meta_range_id", "tags_meta_range_id")
    return RefsDump(*(body.text(name) for name in names)), body.flag("force")


def _task(request: Request, kind: str, task_id: str) -> Task:
    return request.lake.tasks.get(get(request.lake, request["repository"]).rid, kind, task_id)


def _status(task_id: str, task: Task) -> dict[str, Any]:
    error = {"error": task.error} if task.error else {}
    time = task.updated.isoformat().replace("+00:00", "Z")
    return {"id": task_id, "done": task.done, "update_time": time} | error

"""Answer what the script of a hook asks of the lake, in the shapes of the API."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from mlops.lakeserver.errors import LakeError
from mlops.lakeserver.http import shapes
from mlops.lakeserver.operations import branches, objects, tags, writes
from mlops.lakeserver.operations.lake import Lake
from mlops.lakeserver.operations.paging import DEFAULT_PER_PAGE, MAX_PER_PAGE, Page

Json = dict[str, Any]


class View:
    """Answers a hook's script from the operations; each answer is a status and the body of the API.

    Args:
        user: on whose behalf scripts make tags.
    """

    def __init__(self, lake: Lake, user: str) -> None:
        self._lake = lake
        self._user = user

    def get_object(self, repository: str, ref: str, path: str) -> tuple[int, bytes]:
        """Return the bytes of an object; of an error, its JSON body."""

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

"""Requests of scripts to the server, answered by a LakeView."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from mlops.lakeserver.hooks.interface import LakeView, Limits

_ZONE = re.compile(r"[A-Za-z0-9_+-]+(?:/[A-Za-z0-9_+-]+)*")
_HTML = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})
_MAX_AMOUNT = 1000
_DEFAULT_AMOUNT = 100

# How many of an operation's arguments lakeFS puts into the path of a request to itself.
_SEGMENTS = {
    "get_object": 2,
    "stat_object": 2,
    "list_objects": 2,
    "diff_refs": 3,
    "diff_branch": 2,
    "create_tag": 1,
    "update_object_user_metadata": 2,
    "zone": 0,
}

Answer = tuple[int, Any, bytes]


class ViewAnswers:
    """The server's side of one script's run."""

    def __init__(self, view: LakeView, limits: Limits) -> None:
        self._view = view
        self._limits = limits

    def __call__(self, operation: str, arguments: list[Any]) -> Answer:
        """Return a status, the JSON body or None for an empty one, and raw bytes.

        Raises:
            KeyError: the worker asks for something else than the prelude offers.
        """
        if not all(map(_is_segment, arguments[: _SEGMENTS[operation]])):
            refusal = {"message": "invalid API endpoint"}
            text = operation in {"get_object", "stat_object"}
            return (404, None, _text(refusal)) if text else (404, refusal, b"")
        answer = {
            "get_object": self._get_object,
            "stat_object": self._stat_object,
            "list_objects": self._list_objects,
            "diff_refs": self._diff_refs,
            "diff_branch": self._diff_branch,
            "create_tag": self._create_tag,
            "update_object_user_metadata": self._update_object_user_metadata,
            "zone": self._zone,
        }[operation]
        return answer(*arguments)

    def _get_object(self, repository: str, ref: str, path: str) -> Answer:
        status, body = read_object(self._view, self._limits, repository, ref, path)
        return status, None, body

    def _stat_object(self, repository: str, ref: str, path: str, user_metadata: bool = True) -> Answer:
        status, body = self._view.stat_object(repository, ref, path)
        if not user_metadata and status == 200:
            body = {**body, "metadata": {}}
        return status, None, _text(body)

    def _list_objects(
        self,
        repository: str,
        ref: str,
        after: str | None = None,
        prefix: str | None = None,
        delimiter: str | None = None,
        amount: int | None = None,
        user_metadata: bool | None = None,
    ) -> Answer:
        if refused := _refused(amount):
            return refused
        status, body = self._view.list_objects(
            repository, ref, after or "", prefix or "", delimiter or "", _amount(amount)
        )
        if user_metadata is False and status == 200:
            rows = [{k: v for k, v in row.items() if k != "metadata"} for row in body["results"]]
            body = {**body, "results": rows}
        return status, body or None, b""

    def _diff_refs(
        self,
        repository: str,
        left: str,
        right: str,
        after: str | None = None,
        prefix: str | None = None,
        delimiter: str | None = None,
        amount: int | None = None,
    ) -> Answer:
        if refused := _refused(amount):
            return refused
        status, body = self._view.diff_refs(
            repository, left, right, after or "", prefix or "", delimiter or "", _amount(amount)
        )
        return status, body or None, b""

    def _diff_branch(
        self,
        repository: str,
        branch: str,
        after: str | None = None,
        amount: int | None = None,
        prefix: str | None = None,
        delimiter: str | None = None,
    ) -> Answer:
        if refused := _refused(amount):
            return refused
        status, body = self._view.diff_branch(
            repository, branch, after or "", _amount(amount), prefix or "", delimiter or ""
        )
        return status, body or None, b""

    def _create_tag(self, repository: str, ref: str, tag: str) -> Answer:
        status, body = self._view.create_tag(repository, ref, tag)
        return status, body or None, b""

    def _update_object_user_metadata(
        self, repository: str, branch: str, path: str, metadata: dict[str, str]
    ) -> Answer:
        status, body = self._view.update_object_user_metadata(repository, branch, path, metadata)
        return status, body or None, b""

    def _zone(self, name: str) -> Answer:
        data = zone_data(name)
        return (404, None, b"") if data is None else (200, None, data)


def read_object(view: LakeView, limits: Limits, repository: str, ref: str, path: str) -> tuple[int, bytes]:
    """`get_object`, but of an object too large for a hook nothing is read: 507."""
    status, stats = view.stat_object(repository, ref, path)
    if status == 200 and stats.get("size_bytes", 0) > limits.object_bytes:
        why = f"the object is larger than {limits.object_bytes} bytes, too large for a hook"
        return 507, _text({"message": why})
    status, body = view.get_object(repository, ref, path)
    return status, body if status == 200 else _as_lakefs_writes(body)


def _as_lakefs_writes(error: bytes) -> bytes:
    try:
        return _text(json.loads(error))
    except ValueError:
        return error


def _is_segment(text: str) -> bool:
    return text not in {"", ".", ".."} and "/" not in text


def zone_data(name: str) -> bytes | None:
    """The compiled rules of a time zone, from the system or the tzdata package; None for an unknown name."""
    if not _ZONE.fullmatch(name):
        return None
    from zoneinfo import TZPATH

    for folder in TZPATH:
        path = Path(folder, name)
        if path.is_file():
            return path.read_bytes()
    from importlib import resources

    package, _, zone = f"tzdata.zoneinfo/{name}".rpartition("/")
    try:
        return resources.files(package.replace("/", ".")).joinpath(zone).read_bytes()
    except (ModuleNotFoundError, OSError):
        return None


def _amount(amount: int | None) -> int:
    return _DEFAULT_AMOUNT if amount is None or amount <= 0 else amount


def _refused(amount: int | None) -> Answer | None:
    """Return the API's refusal of a page size, which its schema bounds."""
    if amount is None or -1 <= amount <= _MAX_AMOUNT:
        return None
    bound = f"at most {_MAX_AMOUNT}" if amount > _MAX_AMOUNT else "at least -1"
    schema = '{\n    "default": 100,\n    "maximum": 1000,\n    "minimum": -1,\n    "type": "integer"\n  }'
    message = (
        f'parameter "amount" in query has an error: number must be {bound}\n'
        f"Schema:\n  {schema}\n\nValue:\n  {amount}\n"
    )
    return 400, {"message": message}, b""


def _text(body: Any) -> bytes:
    text = json.dumps(body, separators=(",", ":"), ensure_ascii=False, sort_keys=True)
    return text.translate(_HTML).encode() + b"\n"

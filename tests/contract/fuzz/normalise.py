"""Answers made comparable: ids, addresses and times of each server become symbols."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from typing import Any

from tests.contract.fuzz.wire import Answer, Operation

_HASH = re.compile(r"\b[0-9a-f]{64}\b")
_ID = re.compile(r"\b[0-9a-v]{20}\b")
_ADDRESS = re.compile(r"local://[^\s\"]*/data/[^\s\"]+")
_INVALID_BODY = re.compile(r"request body has an error.*|Error unmarshalling body.*", re.DOTALL)
_INVALID_PARAMETER = re.compile(r"(?:Invalid format for )?parameter \"?([\w-]+)\"?.*", re.DOTALL)

#: A request that does not fit its schema: which part is named first, and how, is left to the server.
INVALID = "<invalid>"

_HEADERS = (
    "content-type",
    "content-range",
    "content-disposition",
    "etag",
    "last-modified",
    "cache-control",
    "expires",
    "x-content-type-options",
    "x-frame-options",
    "content-security-policy",
    "location",
)
_TREES = {"meta_range_id", "commits_meta_range_id", "branches_meta_range_id", "tags_meta_range_id"}
_TIMES = {"creation_date", "mtime", "start_time", "end_time", "update_time", "closed_date"}
_USERS = {"committer", "author", "cherry-pick-committer"}
_DAY_S = 86_400


@dataclass(frozen=True)
class Normal:
    """An answer without what no two servers have in common."""

    status: int
    headers: dict[str, str]
    body: Any

    @property
    def message(self) -> str:
        """The error's text, or ''."""
        return str(self.body.get("message", "")) if isinstance(self.body, dict) else ""

    @property
    def results(self) -> list[Any]:
        """What a list holds."""
        return self.body.get("results") or [] if isinstance(self.body, dict) else []


@dataclass
class Symbols:
    """Names for one server's ids and addresses, by the order in which they were first seen."""

    user: str
    _names: dict[str, str] = field(default_factory=dict)

    def copy(self) -> Symbols:
        """Return names to try, which these do not get."""
        return Symbols(self.user, dict(self._names))

    def name(self, kind: str, value: str) -> str:
        """Return the name of a value."""
        return self._names.setdefault(value, f"<{kind} {len(self._names)}>")

    def known(self, value: str) -> str:
        """Return the name of a value that was seen before, or ''."""
        return self._names.get(value, "")

    def text(self, text: str) -> str:
        """Replace ids and addresses within a text."""
        text = _ADDRESS.sub(lambda match: self.name("address", match.group()), text)
        text = _HASH.sub(lambda match: self.name("hash", match.group()), text)
        return _ID.sub(lambda match: self.name("id", match.group()), text)

    def value(self, value: Any, key: str = "") -> Any:
        """Replace them within JSON, in the order of its keys."""
        if isinstance(value, dict):
            return {self.text(inner): self.value(value[inner], inner) for inner in sorted(value)}
        if isinstance(value, list):
            return [self.value(item, key) for item in value]
        if isinstance(value, str):
            return self._string(value, key)
        return _time(value) if key in _TIMES else value

    def _string(self, value: str, key: str) -> str:
        if key in _TREES and value:
            return "<tree>"
        if key in _TIMES and value:
            return "<time>"
        if key in _USERS and value == self.user:
            return "<user>"
        return self.name("address", value) if key == "physical_address" and value else self.text(value)


def _time(value: Any) -> Any:
    return "<now>" if isinstance(value, int) and abs(value - time.time()) < _DAY_S else value


def _reason(message: str) -> str:
    """What an error says at its end; what a schema says of invalid input each server words in its own way."""
    if _INVALID_BODY.fullmatch(message):
        return INVALID
    return INVALID if _INVALID_PARAMETER.fullmatch(message) else message.rpartition(": ")[2]


def normal(operation: Operation, answer: Answer, symbols: Symbols) -> Normal:
    """Return the comparable form of an answer."""
    headers = {name: answer.headers[name] for name in _HEADERS if name in answer.headers}
    if "last-modified" in headers:
        headers["last-modified"] = "<time>"
    if operation.name == "getBranchProtectionRules":
        headers.pop("etag", None)
    if operation.name in {"getObject", "headObject"} and answer.status < 400:
        headers["content-length"] = answer.headers.get("content-length", "")
        return Normal(answer.status, headers, answer.body)
    body = _body(answer)
    if isinstance(body, dict):
        _sort(operation, body, symbols)
    if operation.name == "getCurrentUser" and isinstance(body, dict) and "user" in body:
        body["user"]["id"] = "<user>"
    if operation.name == "headObject":
        # What says nothing has no type.
        headers = {name: value for name, value in headers.items() if not name.endswith(("-type", "-options"))}
    if isinstance(body, list):
        body.sort(key=str)
    if answer.status >= 400 and isinstance(body, dict) and isinstance(body.get("message"), str):
        body["message"] = _reason(body["message"])
        # lakeFS writes what it cannot bind to a parameter as plain text.
        headers.pop("content-type", None)
    return Normal(answer.status, headers, symbols.value(body))


def _body(answer: Answer) -> Any:
    if not answer.body:
        return ""
    value = answer.json
    if value is not None:
        return value
    text = answer.body.decode("utf-8", "replace")
    return {"message": text} if answer.status >= 400 else text


def _sort(operation: Operation, body: dict[str, Any], symbols: Symbols) -> None:
    """Put lists whose order is left to the server into one."""
    orders = {
        "logCommits": lambda row: (str(row["creation_date"]), row["message"], len(row["parents"])),
        "listPullRequests": lambda row: (row["title"], row["source_branch"], row["destination_branch"]),
        "listRepositoryRuns": lambda row: (
            row["event_type"],
            row["branch"],
            symbols.known(row["commit_id"]),
            row["status"],
        ),
    }
    order = orders.get(operation.name)
    if order and body.get("results"):
        body["results"].sort(key=order)
        body["pagination"]["next_offset"] = bool(body["pagination"]["next_offset"])
    if operation.name == "deleteObjects" and body.get("errors"):
        body["errors"].sort(key=lambda row: row["path"])

"""Requests as the fuzzer makes them, and a client that sends them as they are."""

from __future__ import annotations

import base64
import http.client
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from mlops.adapters.lake.credentials import Credentials

#: Stands for something that an earlier request of the sequence made: its kind, and the request's number.
_SYMBOL = re.compile(r"⟦(\w+) ?(\d*)⟧")
_SYMBOL_WHOLE = re.compile(r"⟦\w+ ?\d*⟧")
REPOSITORY = "⟦repository⟧"

#: Where answers say the ids of things, and of what kind they are.
_KINDS = {
    "commit_id": "commit",
    "reference": "commit",
    "meta_range_id": "tree",
    "checksum": "checksum",
    "physical_address": "address",
}

#: What a symbol stands for where the request it names made no such thing, or was dropped.
_NOTHING = {"commit": "0" * 64, "tree": "0" * 64, "pull": "0" * 20, "run": "0" * 20, "hookrun": "0000_0000"}


def symbol(kind: str, number: int) -> str:
    """Return the text that stands for what request `number` made."""
    return f"⟦{kind} {number}⟧"


def segment(text: str) -> str:
    """Percent-encode a part of a path; symbols stay."""
    symbols = [match.group() for match in _SYMBOL.finditer(text)]
    encoded = [quote(part, safe="") for part in _SYMBOL_WHOLE.split(text)]
    return "".join(part + made for part, made in zip(encoded, [*symbols, ""], strict=True))


@dataclass(frozen=True)
class Operation:
    """One request.

    Attributes:
        number: its place in the sequence as it was made; it keeps it when others are dropped.
        name: the operation's name in lakeFS's API document.
        path: below `/api/v1`, encoded, with symbols.
        body: JSON, or bytes, or None.
    """

    number: int
    name: str
    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    body: Any = None

    def asked(self, name: str) -> str | None:
        """Return a query parameter, or None."""
        return dict(self.query).get(name)

    def field(self, name: str) -> Any:
        """Return a field of the JSON body, or None."""
        return self.body.get(name) if isinstance(self.body, dict) else None

    def __str__(self) -> str:
        query = "&".join(f"{name}={value[:60]}" for name, value in self.query)
        shown = f"{self.number:4} {self.method} {self.path}" + (f"?{query}" if query else "")
        shown += "".join(f" [{name}: {value}]" for name, value in self.headers)
        return shown + ("" if self.body is None else f" {self.body!r:.200}")


@dataclass(frozen=True)
class Answer:
    """What a server said."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body's JSON; None where it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


@dataclass
class Side:
    """One server: where it is, and what it made in this sequence."""

    name: str
    credentials: Credentials
    repository: str = ""
    made: dict[tuple[str, int], str] = field(default_factory=dict)
    _connection: http.client.HTTPConnection | None = None

    def begin(self, repository: str) -> None:
        """Begin a sequence."""
        self.repository, self.made = repository, {}

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def send(self, operation: Operation) -> Answer:
        """Send a request, and note what it made."""
        answer = self._exchange(operation)
        for kind, value in _made(operation, answer):
            self.made[kind, operation.number] = value
        return answer

    def _exchange(self, operation: Operation) -> Answer:
        fill = self._filled
        target = "/api/v1" + fill(operation.path, lambda value: quote(value, safe=""))
        if operation.query:
            target += "?" + urlencode([(name, fill(value)) for name, value in operation.query])
        key = f"{self.credentials.access_key_id}:{self.credentials.secret_access_key}"
        headers = {"Authorization": "Basic " + base64.b64encode(key.encode()).decode()}
        data = operation.body
        if data is not None and not isinstance(data, bytes):
            data = fill(json.dumps(data, ensure_ascii=False)).encode()
            headers["Content-Type"] = "application/json"
        headers |= {name: fill(value) for name, value in operation.headers}
        if self._connection is None:
            parts = urlsplit(self.credentials.endpoint)
            self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
        try:
            self._connection.request(operation.method, target, data, headers)
            response = self._connection.getresponse()
            return Answer(
                response.status, {k.lower(): v for k, v in response.headers.items()}, response.read()
            )
        except (OSError, http.client.HTTPException) as error:
            self.close()
            return Answer(0, {}, type(error).__name__.encode())

    def _filled(self, text: str, encode: Callable[[str], str] = str) -> str:
        def replaced(match: re.Match[str]) -> str:
            kind, number = match.groups()
            if kind == "repository":
                return self.repository
            return encode(self.made.get((kind, int(number)), _NOTHING.get(kind, "none")))

        return _SYMBOL.sub(replaced, text)


def _one_of(operation: Operation, value: dict[str, Any]) -> list[tuple[str, str]]:
    """The first hook; or a run that is the only one of its kind: of others, each server has another first."""
    rows = value["results"]
    if operation.name == "listRunHooks":
        return [("hookrun", rows[0]["hook_run_id"])] if rows else []
    if value["pagination"]["has_more"]:
        return []
    kinds = sorted((row["event_type"], row["branch"], row["run_id"]) for row in rows)
    alone = [kind for kind in kinds if [other[:2] for other in kinds].count(kind[:2]) == 1]
    return [("run", alone[0][2])] if alone else []


def _made(operation: Operation, answer: Answer) -> list[tuple[str, str]]:
    """The ids that a request made, by kind."""
    value = answer.json if answer.status in {200, 201, 202} else None
    if operation.name == "createBranch" and answer.status == 201:
        return [("commit", answer.body.decode())]
    if not isinstance(value, dict):
        return []
    if operation.name in {"listRepositoryRuns", "listRunHooks"}:
        return _one_of(operation, value)
    return [(kind, str(value[key])) for key, kind in _KINDS.items() if value.get(key)] + (
        [("pull" if operation.name == "createPullRequest" else "commit", value["id"])]
        if "id" in value
        else []
    )

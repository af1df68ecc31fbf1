"""Webhooks: the event posted as JSON to an address that is allowed; any answer but a 2xx refuses."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit, urlunsplit

from mlops.lakeserver.hooks.definitions import Action, Hook
from mlops.lakeserver.hooks.golang.go_duration import DurationError, format_duration, parse_duration_s
from mlops.lakeserver.hooks.golang.go_encoding import EncodingFailure, parse_url
from mlops.lakeserver.hooks.golang.go_yaml_scalars import Timestamp
from mlops.lakeserver.hooks.interface import Event, HookError, HookSetupError, Limits
from mlops.lakeserver.hooks.webhook.http_post import PostError, post
from mlops.lakeserver.hooks.webhook.templating import Environ, Filled, MissingVariable, fill

_DEFAULT_TIMEOUT_S = 60.0
_FORMAT = "webhook wrong format"
_HTML = str.maketrans(
    {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
)


class Webhook:
    """One webhook, ready to run.

    Raises:
        HookSetupError: a property is of the wrong kind, or a variable is missing.
    """

    def __init__(
        self,
        action: Action,
        hook: Hook,
        *,
        limits: Limits,
        environ: Environ | None,
        clock: Callable[[], datetime],
    ) -> None:
        properties = hook.properties or {}
        self._action, self._hook, self._limits, self._clock = action, hook, limits, clock
        self._url = properties.get("url")
        if not _is_text(self._url):
            raise HookSetupError(f"webhook url must be string: {_FORMAT}")
        self._query = _query_parameters(properties, environ)
        self._headers = _headers(properties, environ)
        self._timeout_s = _timeout_s(properties)

    def __call__(self, event: Event, run_id: str, output: bytearray) -> None:
        """Post to the address; raise unless it answers with a 2xx.

        Raises:
            HookError: it has not.
        """
        del run_id
        body = payload(event, self._action.name, self._hook.id, self._clock())
        output += f"Request:\nPOST {self._url}\n".encode()
        try:
            parse_url(str(self._url).encode())
        except EncodingFailure as error:
            raise HookError(str(error)) from None
        output += self._request_log(body)
        self._send(body, output)

    def _request_log(self, body: bytes) -> bytes:
        headers = {**self._headers, "Content-Type": Filled("application/json", secret=False)}
        lines = ["Query Params:", *(f"{name}: {value}" for name, value in self._query)]
        lines += ["Headers:", *(f"{name}: {value}" for name, value in headers.items()), "Request Body:", ""]
        return "\n".join(lines).encode() + body + b"\n\n"

    def _send(self, body: bytes, output: bytearray) -> None:
        url, shown = self._address()
        headers = {name: filled.value for name, filled in self._headers.items()}
        started = time.monotonic()
        try:
            response = post(
                url,
                body,
                {**headers, "Content-Type": "application/json"},
                allowed=self._limits.webhook_addresses,
                timeout_s=self._timeout_s,
                body_limit=self._limits.webhook_response_bytes,
            )
        except PostError as error:
            raise HookError(f'Post "{shown}": {error}') from None
        finally:
            output += f"\nRequest duration: {format_duration(time.monotonic() - started)}\n".encode()
        output += b"\nResponse:\n" + response.dump()
        if not 200 <= response.status < 300:
            raise HookError(f"webhook request failed (status code: {response.status})")

    def _address(self) -> tuple[str, str]:
        """Return the address with all its parameters, and as it may be shown."""
        try:
            parts = urlsplit(str(self._url))
        except ValueError as error:
            raise HookError(f'parse "{self._url}": {error}') from None
        if not parts.query and not self._query:
            return str(self._url), str(self._url)
        pairs = parse_qsl(parts.query, keep_blank_values=True)
        sent = [*pairs, *((name, filled.value) for name, filled in self._query)]
        shown = [*pairs, *((name, str(filled)) for name, filled in self._query)]
        return _with_query(parts, sent), _with_query(parts, shown)


def _with_query(parts: SplitResult, pairs: list[tuple[str, str]]) -> str:
    query = urlencode(sorted(pairs, key=lambda pair: pair[0]), safe="*")
    return urlunsplit(parts._replace(query=query))


def payload(event: Event, action_name: str, hook_id: str, now: datetime) -> bytes:
    """Return the body to post: lakeFS's fields in its order, without those that have no value."""
    commit: Mapping[str, Any] = event.commit or {}
    fields: dict[str, Any] = {
        "event_type": event.event_type,
        "event_time": now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "action_name": action_name,
        "hook_id": hook_id,
        "repository_id": event.repository_id,
    }
    metadata = commit.get("metadata") or {}
    optional = {
        "branch_id": event.branch_id,
        "source_ref": event.source_ref,
        "tag_id": event.tag_id,
        "commit_id": event.commit_id,
        "commit_message": commit.get("message", ""),
        "committer": event.committer or commit.get("committer", ""),
        "commit_metadata": {key: metadata[key] for key in sorted(metadata)},
        "merge_source": event.merge_source,
    }
    fields |= {name: value for name, value in optional.items() if value}
    return json.dumps(fields, separators=(",", ":"), ensure_ascii=False).translate(_HTML).encode()


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and not isinstance(value, Timestamp)


def _mapping(properties: Mapping[str, Any], name: str, complaint: str) -> dict[str, Any]:
    if name not in properties:
        return {}
    value = properties[name]
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise HookSetupError(complaint)
    return value


def _query_parameters(properties: Mapping[str, Any], environ: Environ | None) -> list[tuple[str, Filled]]:
    where = "extracting query params: "
    given = _mapping(properties, "query_params", f"{where}unsupported query params: {_FORMAT}")
    result = []
    for name, value in given.items():
        many = isinstance(value, list)
        for item in value if many else [value]:
            if not _is_text(item):
                what = (
                    "array should contains only strings" if many else "single value should be of type string"
                )
                raise HookSetupError(f"{where}query params {what}: {_FORMAT}")
            try:
                result.append((name, fill(item, environ)))
            except MissingVariable as error:
                raise HookSetupError(f"{where}reading query param: {error}") from None
    return result


def _headers(properties: Mapping[str, Any], environ: Environ | None) -> dict[str, Filled]:
    where = "extracting headers: "
    given = _mapping(properties, "headers", f"{where}unsupported headers: {_FORMAT}")
    result = {}
    for name, value in given.items():
        if not _is_text(value):
            raise HookSetupError(f"{where}headers array should contains only strings: {_FORMAT}")
        try:
            result[name] = fill(value, environ)
        except MissingVariable as error:
            raise HookSetupError(f"{where}reading header: {error}") from None
    return result


def _timeout_s(properties: Mapping[str, Any]) -> float:
    value = properties.get("timeout")
    if not _is_text(value) or not value:
        return _DEFAULT_TIMEOUT_S
    try:
        seconds = parse_duration_s(value)
    except DurationError as error:
        raise HookSetupError(f"webhook request duration: {error}") from None
    # Go takes zero for "no limit"; a thread that waits for ever is worse than one that waits an hour.
    return min(seconds, 3600.0) if seconds > 0 else 3600.0

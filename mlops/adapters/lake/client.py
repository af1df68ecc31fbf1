"""The lakeFS SDK's client with deadlines, without hidden retries, and with bodies that stream.

Importing this module costs a second (the SDK): import it where it is used.
"""

from __future__ import annotations

import json
import os
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any
from urllib.parse import quote, urlencode

import lakefs
import urllib3
from lakefs_sdk.exceptions import ApiException
from lakefs_sdk.rest import RESTClientObject

from mlops.adapters.lake.credentials import Credentials
from mlops.runs import json_values

CHUNK_BYTES = 1 << 20
CONNECT_TIMEOUT_S = 10.0
_AUTH = ["basic_auth", "jwt_token"]

# A call that may have reached the server is repeated only where repeating cannot do anything twice. Nothing
# is redirected: credentials never follow to another host.
_RETRIES = urllib3.Retry(
    total=None,
    connect=0,
    read=1,
    redirect=0,
    status=0,
    other=0,
    allowed_methods=frozenset({"GET", "HEAD"}),
    raise_on_redirect=False,
    raise_on_status=False,
)

_POOLS: weakref.WeakSet[urllib3.PoolManager] = weakref.WeakSet()


def forget_connections() -> None:
    """Close this process's idle connections; the next call opens a new one.

    A forked child shares the sockets of its parent: two that talk over one read each other's answers.
    """
    for pool in list(_POOLS):
        pool.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=forget_connections)


class _TimedRest(RESTClientObject):
    """The SDK's transport, with a deadline where the caller names none."""

    def __init__(self, configuration: Any, timeout_s: float) -> None:
        super().__init__(configuration)
        connect_s = min(CONNECT_TIMEOUT_S, timeout_s)
        self._timeout = (connect_s, timeout_s)
        # The SDK's raw uploads go to the pool itself, past `request`.
        self.pool_manager.connection_pool_kw["timeout"] = urllib3.Timeout(connect=connect_s, read=timeout_s)
        _POOLS.add(self.pool_manager)

    def request(self, *args: Any, _request_timeout: Any = None, **kwargs: Any) -> Any:
        """Perform a request; each wait for the server ends after the timeout."""
        return super().request(*args, _request_timeout=_request_timeout or self._timeout, **kwargs)


def new_client(credentials: Credentials, timeout_s: float) -> lakefs.Client:
    """Return a client for a server; nothing is sent yet.

    Args:
        credentials: Endpoint and key.
        timeout_s: Longest wait for a sign of life from the server, seconds.
    """
    if credentials.session_token:
        client = lakefs.Client(host=credentials.endpoint, access_token=credentials.session_token)
    else:
        client = lakefs.Client(
            host=credentials.endpoint,
            username=credentials.access_key_id,
            password=credentials.secret_access_key,
        )
    client.config.retries = _RETRIES  # pyright: ignore[reportAttributeAccessIssue] - declared as None
    api = client.sdk_client.objects_api.api_client
    api.rest_client = _TimedRest(client.config, timeout_s)
    return client


def upload(
    client: lakefs.Client,
    repository: str,
    branch: str,
    path: str,
    body: bytes | IO[bytes],
    size_bytes: int,
    metadata: Mapping[str, str],
    *,
    content_type: str = "application/octet-stream",
    force: bool = False,
) -> dict[str, Any]:
    """Send a body as an object of a branch, as it is read, and return lakeFS's ObjectStats.

    With ``force`` the repository may be read-only.
    """
    headers = {
        "Accept": "application/json",
        "Content-Type": content_type,
        "Content-Length": str(size_bytes),
    }
    headers.update({f"x-lakefs-meta-{key}": value for key, value in metadata.items()})
    resource = f"/repositories/{quote(repository, safe='')}/branches/{quote(branch, safe='')}/objects"
    query = {"path": path, "force": "true"} if force else {"path": path}
    response = _send(client, "POST", resource, query, headers, body)
    return json_values.parse(response.data)


def stage(
    client: lakefs.Client, repository: str, branch: str, path: str, description: Mapping[str, Any]
) -> None:
    """Create an object from bytes that the lake has already; the SDK's own call warns that it is deprecated.

    Args:
        client: The server.
        repository: Name of the repository.
        branch: The object's branch.
        path: The object's path.
        description: lakeFS's ObjectStageCreation.
    """
    resource = f"/repositories/{quote(repository, safe='')}/branches/{quote(branch, safe='')}/objects"
    headers = {"Accept": "application/json", "Content-Type": "application/json"}
    _send(client, "PUT", resource, {"path": path}, headers, json.dumps(description).encode())


@contextmanager
def download(client: lakefs.Client, repository: str, ref: str, path: str) -> Iterator[Iterator[bytes]]:
    """Open an object and yield its content in pieces of at most `CHUNK_BYTES`."""
    resource = f"/repositories/{quote(repository, safe='')}/refs/{quote(ref, safe='')}/objects"
    query = {"path": path, "presign": "false"}
    headers = {"Accept": "application/octet-stream, application/json"}
    response = _send(client, "GET", resource, query, headers, None, preload_content=False)
    try:
        yield response.stream(CHUNK_BYTES, decode_content=False)
    finally:
        # What was not read to its end cannot be used again: closing is right, and cheap where it was.
        response.close()
        response.release_conn()


def _send(
    client: lakefs.Client,
    method: str,
    resource: str,
    query: Mapping[str, str],
    headers: dict[str, str],
    body: bytes | IO[bytes] | None,
    *,
    preload_content: bool = True,
) -> urllib3.BaseHTTPResponse:
    api = client.sdk_client.objects_api.api_client
    api.update_params_for_auth(headers, [], _AUTH, resource, method, None)
    url = f"{client.config.host}{resource}?{urlencode(query)}"
    pool: urllib3.PoolManager = api.rest_client.pool_manager
    response = pool.request(method, url, headers=headers, body=body, preload_content=preload_content)
    if not 200 <= response.status < 300:
        error = ApiException(status=response.status, reason=response.reason)
        error.body = response.data
        raise error
    return response

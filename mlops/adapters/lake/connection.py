"""Connections to a lakeFS server: its repositories and its API operations.

The SDK itself is imported when `connect` is called.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops.adapters.lake.credentials import Credentials
from mlops.adapters.lake.errors import translated
from mlops.runs.errors import LakeError
from mlops.runs.names import check_repository

if TYPE_CHECKING:
    import lakefs
    from lakefs_spec import LakeFSFileSystem

#: lakeFS's largest page.
PAGE = 1000


@dataclass(frozen=True)
class Connection:
    """A lakeFS server and a client for it.

    Attributes:
        endpoint: ``http(s)://host[:port]``.
        client: The SDK's client.
        credentials: What it was made from.
    """

    endpoint: str
    client: lakefs.Client
    credentials: Credentials

    @property
    def api(self) -> Any:
        """The SDK's generated operations, by group."""
        return self.client.sdk_client

    def calls(self, where: str) -> AbstractContextManager[None]:
        """Return a context in which the client's failures become `LakeError` about ``where``."""
        return translated(where, self.endpoint)

    def version(self) -> str:
        """Return the server's version, which proves address and key."""
        with self.calls("config"):
            return self.api.config_api.get_config().version_config.version

    def repositories(self) -> list[str]:
        """Return the names of all repositories, ascending."""
        with self.calls("repositories"):
            return [row.id for row in pages(self.api.repositories_api.list_repositories)]

    def create_repository(self, name: str, storage_namespace: str = "") -> None:
        """Create a repository with an empty `main`.

        Args:
            name: Its name.
            storage_namespace: Where its objects lie; by default ``<the server's default prefix>/<name>``.

        Raises:
            Conflict: The name is taken.
            LakeError: The storage is in use by another repository, even a deleted one.
        """
        from lakefs_sdk.models.repository_creation import RepositoryCreation

        with self.calls(check_repository(name)):
            creation = RepositoryCreation(
                name=name,
                storage_namespace=storage_namespace or f"{self._default_prefix()}/{name}",
                default_branch="main",
            )
            self.api.repositories_api.create_repository(creation)

    def user(self) -> str:
        """Return the user of the key, where the server has users of its own; else an empty text.

        A server without access control has a single account, which says nothing about who uses it.
        """
        try:
            with self.calls("user"):
                state = self.api.internal_api.get_setup_state()
                control = state.login_config.rbac if state.login_config else None
                if control in {None, "none"}:
                    return ""
                return self.api.auth_api.get_current_user().user.id
        except LakeError:
            return ""

    def filesystem(self) -> LakeFSFileSystem:
        """Return an fsspec file system over this connection; it never creates a branch by itself."""
        from lakefs_spec import LakeFSFileSystem

        with self.calls("filesystem"):
            made = LakeFSFileSystem(
                host=self.endpoint,
                username=self.credentials.access_key_id or None,
                password=self.credentials.secret_access_key or None,
                access_token=self.credentials.session_token or None,
                create_branch_ok=False,
                pre_sign=False,
                use_listings_cache=False,
                skip_instance_cache=True,
            )
        made.client = self.client
        return made

    def _default_prefix(self) -> str:
        storage = self.api.config_api.get_config().storage_config
        prefix = storage.default_namespace_prefix or f"{storage.blockstore_type}://"
        return prefix[:-1] if prefix.endswith("/") else prefix


def connect(credentials: Credentials, *, timeout_s: float = 60.0) -> Connection:
    """Return a connection to a server; nothing is sent yet.

    Args:
        credentials: Address and key.
        timeout_s: Longest wait for a sign of life from the server at any call, seconds.
    """
    from mlops.adapters.lake.client import new_client

    with translated("connect", credentials.endpoint):
        return Connection(credentials.endpoint, new_client(credentials, timeout_s), credentials)


def pages(
    call: Callable[..., Any], *args: Any, first: int = PAGE, start: str = "", **kwargs: Any
) -> Iterator[Any]:
    """Yield all rows of a listing operation, page by page as they are needed.

    Args:
        call: An operation of the SDK.
        args: Its positional arguments.
        first: Size of the first page, rows; each page is eight times as large as the one before, up to 1,000.
        start: After which row to begin.
        kwargs: Its further arguments.
    """
    after, amount = start, first
    while True:
        page = call(*args, after=after, amount=amount, **kwargs)
        yield from page.results
        if not page.pagination.has_more:
            return
        after, amount = page.pagination.next_offset, min(8 * amount, PAGE)

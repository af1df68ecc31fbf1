"""A lakeFS server as a Dagster resource: the SDK's repository objects, and an fsspec file system."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import dagster as dg
from pydantic import Field, PrivateAttr

from mlops.orchestration.lake.errors import ConfigurationFault, StorageError, lake_calls

if TYPE_CHECKING:
    import lakefs
    from lakefs_spec import LakeFSFileSystem

ENDPOINT = "LAKECTL_SERVER_ENDPOINT_URL"
KEY_ID = "LAKECTL_CREDENTIALS_ACCESS_KEY_ID"
SECRET = "LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY"  # noqa: S105 - the name of a variable

_CONNECT_TIMEOUT_S = 10.0


class LakeFSResource(dg.ConfigurableResource):
    """A lakeFS server.

    A field that is left empty is taken from lakectl's environment variable when the server is first needed,
    so that ``LakeFSResource()`` serves most projects. Give a key of another name as ``dg.EnvVar("…")``, never
    as text: Dagster's pages show the configuration of resources, and of an `EnvVar` only its name.
    """

    endpoint: str = Field(default="", description=f"http(s)://host[:port]; empty: {ENDPOINT}")
    access_key_id: str = Field(default="", description=f"Empty: {KEY_ID}", repr=False)
    secret_access_key: str = Field(default="", description=f"Empty: {SECRET}", repr=False)
    pre_sign: bool = Field(
        default=False, description="Whether bytes go between here and the object store, past lakeFS"
    )
    timeout_s: float = Field(default=60.0, gt=0, description="Longest wait for a sign of life, seconds")

    _client: Any = PrivateAttr(default=None)
    _fs: Any = PrivateAttr(default=None)
    _lock: Any = PrivateAttr(default_factory=threading.Lock)

    @property
    def address(self) -> str:
        """The server's address, without a slash at its end.

        Raises:
            ConfigurationFault: There is none, or it is not one, or it holds a user name or password.
        """
        address = (self.endpoint or os.environ.get(ENDPOINT, "")).rstrip("/")
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigurationFault(
                f"no address of a lakeFS server: set {ENDPOINT} or `endpoint` to http(s)://host"
            )
        if parts.username is not None or parts.password is not None:
            raise ConfigurationFault(f"the address of the lakeFS server holds a key: set {KEY_ID} instead")
        return address

    @property
    def client(self) -> lakefs.Client:
        """The SDK's client, made when it is first needed; nothing is sent by that."""
        with self._lock:
            if self._client is None:
                self._client = self._new_client()
            return self._client

    def repository(self, name: str) -> lakefs.Repository:
        """Return the SDK's object of a repository; nothing is sent by that."""
        import lakefs

        return lakefs.Repository(name, client=self.client)

    def fs(self) -> LakeFSFileSystem:
        """Return an fsspec file system of ``lakefs://`` paths; it never creates a branch by itself."""
        client = self.client
        with self._lock:
            if self._fs is None:
                self._fs = self._new_fs(client)
            return self._fs

    def check_health(self, repository: str = "") -> str:
        """Ask the server for its version, and for a repository where one is named.

        Returns:
            The version of the server.

        Raises:
            AccessRefused: It does not accept the key.
            NotStored: There is no such repository.
            StorageUnavailable: It does not answer.
        """
        api: Any = self.client.sdk_client
        with lake_calls("the server", self.address):
            version = api.config_api.get_config().version_config.version
        if repository:
            with lake_calls(f"lakefs://{repository}", self.address):
                api.repositories_api.get_repository(repository)
        return str(version)

    def _key(self) -> dict[str, str]:
        key_id = self.access_key_id or os.environ.get(KEY_ID, "")
        secret = self.secret_access_key or os.environ.get(SECRET, "")
        if not key_id or not secret:
            raise ConfigurationFault(f"no key for lakeFS at {self.address}: set {KEY_ID} and {SECRET}")
        return {"host": self.address, "username": key_id, "password": secret}

    def _new_fs(self, client: lakefs.Client) -> LakeFSFileSystem:
        from lakefs_spec import LakeFSFileSystem

        key = self._key()
        made = LakeFSFileSystem(
            host=key["host"],
            username=key["username"],
            password=key["password"],
            create_branch_ok=False,
            pre_sign=self.pre_sign,
            use_listings_cache=False,
            skip_instance_cache=True,
        )
        made.client = client  # the one that has deadlines
        return made

    def _new_client(self) -> lakefs.Client:
        import lakefs

        try:
            client = lakefs.Client(**self._key())
            _set_deadline(client, self.timeout_s)
        except StorageError:
            raise
        except Exception as error:
            name = type(error).__name__
            raise ConfigurationFault(f"no client for lakeFS at {self.address} ({name})") from None
        return client


def _set_deadline(client: lakefs.Client, timeout_s: float) -> None:
    """End every wait for the server after a time; the SDK's own default is to wait for ever."""
    import urllib3

    rest: Any = client.sdk_client.objects_api.api_client.rest_client
    connect_s = min(_CONNECT_TIMEOUT_S, timeout_s)
    send = rest.request

    def request(*args: Any, _request_timeout: Any = None, **kwargs: Any) -> Any:
        return send(*args, _request_timeout=_request_timeout or (connect_s, timeout_s), **kwargs)

    rest.request = request
    # The SDK sends uploads through the pool itself, past `request`.
    rest.pool_manager.connection_pool_kw["timeout"] = urllib3.Timeout(connect=connect_s, read=timeout_s)

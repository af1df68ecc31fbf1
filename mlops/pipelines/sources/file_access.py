# fsspec ships no precise types.
# pyright: reportArgumentType=false, reportUnknownMemberType=false

"""Files by address: this machine, ``https://``, ``s3://`` and ``lakefs://``, read through fsspec."""

from __future__ import annotations

import base64
import hashlib
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, Any, NamedTuple
from urllib.parse import urlsplit

from mlops.pipelines.sources.redaction import redacted, scrubbed
from mlops.pipelines.sources.table_files import copy_bounded
from mlops.runs.errors import ConfigError, InputError, MlopsError, SourceUnavailable

#: What opens each kind of address that does not come with the program.
_INSTALL = {"s3": "pip install s3fs", "gs": "pip install gcsfs", "az": "pip install adlfs"}
_SCHEMES = ("file", "http", "https", "s3", "lakefs")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
#: How long a server may take until it accepts a connection.
CONNECT_TIMEOUT_S = 10.0


class Fetched(NamedTuple):
    """A file that was copied here: its bytes, their SHA-256 and size."""

    file: IO[bytes]
    sha256: str
    size_bytes: int


@dataclass(frozen=True)
class FileAccess:
    """Access to files by address.

    Attributes:
        max_bytes: Largest file.
        timeout_s: Longest wait for one file.
        user: User for ``https://``.
        password: Password for ``https://``.
        storage: Scheme to further arguments for fsspec, e.g. address and key of the lake for ``lakefs``.
    """

    max_bytes: int = 2 << 30
    timeout_s: float = 300.0
    user: str = ""
    password: str = field(default="", repr=False)
    storage: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Any], repr=False)

    @contextmanager
    def fetched(self, address: str) -> Iterator[Fetched]:
        """Copy a file to a private temporary one, so that what is checked is what is read.

        Raises:
            InputError: There is no such file, or it is too large.
            SourceUnavailable: Its server gives no answer.
            ConfigError: The address cannot be used, or access is denied.
        """
        with tempfile.TemporaryFile() as copy:
            digest = hashlib.sha256()
            deadline_s = time.monotonic() + self.timeout_s

            def seen(piece: bytes) -> None:
                digest.update(piece)
                if time.monotonic() > deadline_s:
                    raise TimeoutError(f"not read within {self.timeout_s:g} s")

            with self._translated(address):
                system, path = self._opened(address)
                if system.info(path)["type"] != "file":
                    raise InputError("is not a file", where=redacted(address))
                options = {"block_size": 0} if _scheme(address) in {"http", "https"} else {}
                with system.open(path, "rb", **options) as source:
                    size = copy_bounded(source, copy, redacted(address), self.max_bytes, seen)
            copy.seek(0)
            yield Fetched(copy, digest.hexdigest(), size)

    def names_in(self, folder: str) -> list[str]:
        """Return the names of files and folders in a folder, ascending; none where there is no such folder.

        Raises:
            SourceUnavailable: Its server gives no answer.
            ConfigError: The address cannot be listed, or access is denied.
        """
        if _scheme(folder) in {"http", "https"}:
            raise ConfigError(
                "a web server cannot be listed",
                where=redacted(folder),
                todo="declare `arrivals`, e.g. 2005..2014",
            )
        with self._translated(folder):
            system, path = self._opened(folder)
            try:
                found = system.ls(path, detail=False)
            except (FileNotFoundError, NotADirectoryError):
                return []
        return sorted({str(name).rstrip("/").rpartition("/")[2] for name in found})

    def exists(self, address: str) -> bool:
        """Return whether there is such a file."""
        with self._translated(address):
            system, path = self._opened(address)
            return bool(system.isfile(path))

    def _opened(self, address: str) -> tuple[Any, str]:
        import fsspec.core

        scheme = _scheme(address)
        if scheme not in _SCHEMES and scheme not in _INSTALL:
            raise ConfigError(
                "no such kind of address; there are local paths, https://, s3:// and lakefs://",
                where=redacted(address),
            )
        if scheme == "http" and urlsplit(address).hostname not in _LOOPBACK:
            raise ConfigError(
                "http:// is neither private nor protected from changes on its way",
                where=redacted(address),
                todo="use https://",
            )
        options = {**self._options(scheme), **self.storage.get(scheme, {})}
        return fsspec.core.url_to_fs(address, skip_instance_cache=True, use_listings_cache=False, **options)

    def _options(self, scheme: str) -> dict[str, Any]:
        if scheme in {"http", "https"}:
            import aiohttp

            limits = aiohttp.ClientTimeout(total=self.timeout_s, sock_connect=CONNECT_TIMEOUT_S)
            client: dict[str, Any] = {"timeout": limits}
            if self.user or self.password:
                pair = base64.b64encode(f"{self.user}:{self.password}".encode()).decode("ascii")
                client["headers"] = {"Authorization": f"Basic {pair}"}
            return {"client_kwargs": client}
        if scheme == "s3":
            return {"config_kwargs": {"connect_timeout": CONNECT_TIMEOUT_S, "read_timeout": self.timeout_s}}
        if scheme == "lakefs":
            return {"request_config": {"request_timeout": (CONNECT_TIMEOUT_S, self.timeout_s)}}
        return {}

    @contextmanager
    def _translated(self, address: str) -> Iterator[None]:
        """Translate every error of fsspec and of the libraries below it."""
        where = redacted(address)
        try:
            yield
        except MlopsError:
            raise
        except ImportError as error:
            todo = _INSTALL.get(_scheme(address), "")
            raise ConfigError(f"needs a library: {scrubbed(error)}", where=where, todo=todo) from None
        # Each protocol has exceptions of its own, and those of the libraries below it.
        except Exception as error:
            raise self._error(error, where) from None

    def _error(self, error: Exception, where: str) -> MlopsError:
        # fsspec calls every failed request for a size a missing file; its cause says what happened.
        cause = error.__cause__ if isinstance(error, FileNotFoundError) else None
        error = cause if isinstance(cause, Exception) else error
        status = getattr(error, "status", None)
        text = scrubbed(error, self.password) or type(error).__name__
        if isinstance(error, PermissionError) or status in {401, 403}:
            return ConfigError(
                f"access is denied: {text}", where=where, todo="check user and password or key"
            )
        if isinstance(error, FileNotFoundError) or status == 404:
            return InputError("there is no such file", where=where)
        if isinstance(error, (IsADirectoryError, NotADirectoryError)):
            return InputError("is not a file", where=where)
        local = _scheme(where) == "file" and not isinstance(error, TimeoutError)
        if local or (isinstance(status, int) and status < 500 and status != 429):
            return InputError(f"cannot be read: {text}", where=where)
        return SourceUnavailable(
            f"gave no answer: {text}",
            where=where,
            todo="check that the server is up, then run the same command again",
        )


def _scheme(address: str) -> str:
    return address.partition("://")[0].lower() if "://" in address else "file"

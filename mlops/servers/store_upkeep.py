"""Upkeep of the embedded server's store: through the running server, else by opening the store."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.runs import json_values
from mlops.runs.errors import ConfigError, LakeError
from mlops.servers.lake import DATA, running_lake

if TYPE_CHECKING:
    from mlops.adapters.lake.credentials import Credentials
    from mlops.lakeserver.store import Store
    from mlops.settings import Settings

_TIMEOUT_S = 3600.0


def verify(settings: Settings, data: Path | None) -> list[str]:
    """Verify the store and return a sentence for each problem.

    Raises:
        ConfigError: There is no store, or it is not one of the embedded server.
        LakeError: Another process has the store, or it cannot be read at all.
    """
    running = _running(settings, data)
    if running is not None:
        return _ask(running, "/_lake/verify")["problems"]
    from mlops.lakeserver.store.verify import verify as look

    with _opened(data or settings.state_dir / DATA) as store:
        return look(store)


def collect(settings: Settings, data: Path | None, *, dry_run: bool) -> dict[str, int]:
    """Remove what nothing refers to and return how much; with ``dry_run`` only count it.

    Raises:
        ConfigError: There is no store, or it is not one of the embedded server.
        LakeError: Another process has the store, or it is not whole; nothing was removed.
    """
    running = _running(settings, data)
    if running is not None:
        return _ask(running, f"/_lake/gc?dry_run={str(dry_run).lower()}")
    from mlops.lakeserver import errors
    from mlops.lakeserver.store.collect import collect as remove

    with _opened(data or settings.state_dir / DATA) as store:
        try:
            return remove(store, dry_run=dry_run).as_json()
        except errors.LakeError as error:
            raise LakeError(
                error.message, where=str(store.directory), todo="see `mlops lake verify`"
            ) from error


def check_store(folder: Path) -> None:
    """Check that there is a store of the embedded server.

    Raises:
        ConfigError: There is none.
    """
    if not (folder / "lake.sqlite").is_file():
        raise ConfigError("there is no lake store", where=str(folder), todo="name its folder with --data")


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[Credentials]:
    """Serve a store from this process, on loopback, without hooks, with a key that nobody else knows.

    It is made if it is not there.

    Raises:
        LakeError: Another process has the store, or it is not one of the embedded server.
    """
    import secrets

    from mlops.adapters.lake.credentials import Credentials
    from mlops.lakeserver import Credentials as Key
    from mlops.lakeserver import running_server
    from mlops.lakeserver.store.database import FormatMismatch
    from mlops.lakeserver.store.lock import StoreInUse

    key = Key(f"AKIA{secrets.token_hex(8).upper()}", secrets.token_urlsafe(32))
    with contextlib.ExitStack() as stack:
        try:
            server = stack.enter_context(running_server(folder, key, hooks=False))
        except (StoreInUse, FormatMismatch, OSError) as error:
            raise LakeError(str(error), where=str(folder)) from error
        yield Credentials(server.url, key.access_key_id, key.secret_access_key)


def _running(settings: Settings, data: Path | None) -> Credentials | None:
    if data is not None:
        return None
    if settings.lake != "embedded":
        raise ConfigError(
            f"the lake is '{settings.lake}', which maintains its own store",
            where="MLOPS_LAKE",
            todo="name the folder of an embedded store with --data",
        )
    return running_lake(settings)


def _ask(credentials: Credentials, path: str) -> dict[str, Any]:
    import base64
    import urllib.error
    import urllib.request

    pair = f"{credentials.access_key_id}:{credentials.secret_access_key}".encode()
    request = urllib.request.Request(  # noqa: S310 - an address of our own server
        f"{credentials.endpoint}{path}",
        method="POST",
        headers={"Authorization": f"Basic {base64.b64encode(pair).decode()}"},
    )
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response:  # noqa: S310 - as above
            return json.load(response)
    except urllib.error.HTTPError as error:
        raise LakeError(
            _message(error.read()), where=credentials.endpoint, todo="see `mlops lake verify`"
        ) from error
    except OSError as error:
        raise LakeError(str(error), where=credentials.endpoint, todo="is the lake server running?") from error


def _message(body: bytes) -> str:
    try:
        return str(json_values.parse(body)["message"])
    except (ValueError, KeyError, TypeError):
        return "the lake server answered with an error"


@contextlib.contextmanager
def _opened(folder: Path) -> Iterator[Store]:
    from mlops.lakeserver.store import Store
    from mlops.lakeserver.store.database import FormatMismatch
    from mlops.lakeserver.store.lock import StoreInUse

    check_store(folder)
    try:
        store = Store(folder)
    except (StoreInUse, FormatMismatch, OSError) as error:
        raise LakeError(str(error), where=str(folder)) from error
    try:
        yield store
    finally:
        store.close()

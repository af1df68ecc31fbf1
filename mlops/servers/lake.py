"""The lake server of a command: found running, or started and reported in one line.

The embedded server and the real lakeFS program never share a state folder at the same time: they would share
the file with address and key.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from mlops.adapters import server_process, state_folder
from mlops.adapters.lake import credentials as lake_credentials
from mlops.adapters.lake import servers
from mlops.adapters.lake.credentials import Credentials
from mlops.runs.errors import ConfigError, LakeError

if TYPE_CHECKING:
    from mlops.lakeserver.server import Server
    from mlops.settings import Settings

Tell = Callable[[str], None]

DATA = "lake"


def ensure_lake(settings: Settings, tell: Tell, meanwhile: Callable[[], object] | None = None) -> Credentials:
    """Return address and key of the lake; a server of our own that is down is started first.

    Args:
        settings: Where everything is.
        tell: Receives one line of progress at a time.
        meanwhile: Done while a server starts; not done where none has to be started.

    Raises:
        ConfigError: Another kind of server runs on this state folder, or an external one is not named.
        LakeUnavailable: The server could not be started.
    """
    if settings.lake == "external":
        return settings.lake_credentials()
    settings.state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _one_at_a_time(settings.state_dir):
        found = running_lake(settings)
        if found is not None:
            return found
        started = _start(settings, tell, meanwhile)
        state_folder.note_mode(settings.state_dir, settings.lake)
        tell(f"started the lake server at {started.endpoint} ({settings.lake}, data in {settings.state_dir})")
        return started


def running_lake(settings: Settings) -> Credentials | None:
    """Return address and key of the state folder's server if it runs, in the background or in a terminal.

    Raises:
        ConfigError: The server that runs is of another kind than the one asked for.
    """
    background = servers.running(settings.state_dir)
    if background is None and not _answers_to_our_key(settings):
        return None
    mode = state_folder.mode(settings.state_dir)
    if mode != settings.lake:
        raise ConfigError(
            f"the lake server that runs here is '{mode}', not '{settings.lake}'",
            where=str(settings.state_dir),
            todo="`mlops down` stops it; or name another folder in MLOPS_STATE_DIR",
        )
    return settings.lake_credentials()


def serve(settings: Settings, data: Path | None, listen: str, tell: Tell) -> None:
    """Run the embedded server in this process until it is interrupted, which is how it is meant to end.

    Raises:
        ConfigError: A lake server runs on this state folder already, or the address is not loopback.
        LakeError: The server could not listen, or another one has its data.
    """
    folder = data or settings.state_dir / DATA
    file = settings.lakectl_file if data is None else folder / lake_credentials.FILE_NAME
    settings.state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    known = running_lake(settings) if data is None else None
    if known is not None:
        raise ConfigError(
            "it runs already", where=known.endpoint, todo="`mlops down` stops it, or Ctrl-C where it runs"
        )
    server = _listening(folder, file, listen or f"127.0.0.1:{settings.lake_port}", webhooks(settings))
    keys = server.credentials
    lake_credentials.save(Credentials(server.url, keys.access_key_id, keys.secret_access_key), file)
    if data is None:
        state_folder.note_mode(settings.state_dir, "embedded")
    try:
        tell(f"lake server at {server.url} (data in {folder}, key in {file}); Ctrl-C stops it")
        server.run()
    except KeyboardInterrupt:
        # It may have come before the server looked after itself; closing it twice does no harm.
        with contextlib.suppress(Exception):
            server.close()


def webhooks(settings: Settings) -> tuple[str, ...]:
    """Return the addresses that webhooks may reach.

    Raises:
        ConfigError: One is no address.
    """
    from mlops.lakeserver.hooks.webhook.http_post import check_address

    try:
        return tuple(check_address(text) for text in settings.lake_webhooks.split(",") if text)
    except ValueError as error:
        raise ConfigError(str(error), where="MLOPS_LAKE_WEBHOOKS") from error


def _listening(folder: Path, file: Path, listen: str, webhooks: tuple[str, ...]) -> Server:
    from mlops.lakeserver.credentials import CredentialsUnusable, find
    from mlops.lakeserver.server import ListenRefused, Options, Server
    from mlops.lakeserver.store.database import FormatMismatch
    from mlops.lakeserver.store.lock import StoreInUse

    try:
        return Server(Options(folder, find(file), listen, webhooks=webhooks))
    except (CredentialsUnusable, ListenRefused) as error:
        raise ConfigError(str(error), where="lake server") from error
    except (StoreInUse, FormatMismatch, OSError) as error:
        raise LakeError(str(error), where=str(folder), todo="is it running elsewhere?") from error


def _start(settings: Settings, tell: Tell, meanwhile: Callable[[], object] | None) -> Credentials:
    if settings.lake == "embedded":
        return servers.start_embedded(
            settings.state_dir,
            port=settings.lake_port,
            webhooks=webhooks(settings),
            progress=tell,
            timeout_s=settings.server_start_timeout_s,
            meanwhile=meanwhile,
        )
    return servers.start_lakefs(
        settings.state_dir,
        port=settings.lake_port,
        download=settings.lakefs_download,
        progress=tell,
        timeout_s=settings.server_start_timeout_s,
        meanwhile=meanwhile,
    )


def _answers_to_our_key(settings: Settings) -> bool:
    """Return whether a server that was not started in the background answers at our address, to our key."""
    from mlops.adapters.lake.connection import connect

    if not settings.lakectl_file.is_file() or state_folder.is_copy(settings.state_dir):
        return False
    credentials = lake_credentials.load(settings.lakectl_file)
    if not server_process.answers(credentials.endpoint, servers.HEALTH):
        return False
    try:
        connect(credentials, timeout_s=5.0).version()
    except LakeError:
        return False  # the port is somebody else's now
    return True


@contextlib.contextmanager
def _one_at_a_time(state_dir: Path) -> Iterator[None]:
    """Hold back other commands that would start the same server."""
    try:
        import fcntl
    except ImportError:  # pragma: no cover - Windows: the second server finds its data locked
        yield
        return
    with (state_dir / "lake.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield

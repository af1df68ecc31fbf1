"""The lakeFS servers of this project, started and stopped: the embedded one and the real program.

Each has a data directory and a lakectl file of its own below the state directory; both listen on loopback
only. An external lakeFS is never started or stopped.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mlops.adapters import server_process
from mlops.adapters.lake import credentials as lake_credentials
from mlops.adapters.lake.credentials import Credentials
from mlops.adapters.server_process import Progress, ServerProcess
from mlops.runs.errors import ConfigError, LakeUnavailable

NAME = "lake"
ADMIN = "mlops"
EMBEDDED = "mlops.lakeserver"
HEALTH = "/_health"
START_S = 60.0

_DOWNLOAD = ("-m", "lakefs.download")


def start_embedded(
    state_dir: Path,
    *,
    port: int = 0,
    webhooks: Sequence[str] = (),
    progress: Progress | None = None,
    timeout_s: float = START_S,
    meanwhile: Callable[[], object] | None = None,
) -> Credentials:
    """Start the embedded server on loopback, or find it running, and return address and key.

    Its store lies in ``<state_dir>/lake``, the key in ``<state_dir>/lakectl.yaml``.

    Args:
        state_dir: Where everything lies.
        port: Preferred port; another is taken where somebody listens there, or for 0.
        webhooks: The addresses that webhooks of action files may reach.
        progress: Called with lines for people.
        timeout_s: How long to wait until it answers, seconds.
        meanwhile: Done while the server starts.

    Raises:
        LakeUnavailable: It ended, or did not answer in time.
    """
    file = state_dir / lake_credentials.FILE_NAME
    if running(state_dir) is not None:
        return lake_credentials.load(file)
    credentials = _at_port(file, server_process.free_port(port))
    lake_credentials.save(credentials, file)
    listen = credentials.endpoint.partition("://")[2]
    store = (state_dir / "lake").absolute()
    server_process.start(
        [
            sys.executable,
            "-P",  # a folder that happens to be called mlops where this is started is not the package
            "-m",
            EMBEDDED,
            "--data",
            str(store),
            "--listen",
            listen,
            "--credentials",
            str(file),
            *(f"--allow-webhook={address}" for address in webhooks),
        ],
        name=NAME,
        state_dir=state_dir,
        address=credentials.endpoint,
        ready_path=HEALTH,
        # Its own variables would go over the file with the key.
        env={key: value for key, value in os.environ.items() if not key.startswith("LAKESERVER_")},
        timeout_s=timeout_s,
        progress=progress,
        meanwhile=meanwhile,
    )
    return credentials


def start_lakefs(
    state_dir: Path,
    *,
    port: int = 0,
    download: bool = False,
    progress: Progress | None = None,
    timeout_s: float = START_S,
    meanwhile: Callable[[], object] | None = None,
) -> Credentials:
    """Start the real lakeFS program on loopback, or find it running, and return address and key.

    Its metadata and objects lie in ``<state_dir>/lakefs``, the key in ``<state_dir>/lakectl.yaml``. It sends
    nothing to anybody: statistics, update check and audit check are off.

    Args:
        state_dir: Where everything lies.
        port: Preferred port; another is taken where somebody listens there, or for 0.
        download: Whether the program may be downloaded where it is not installed.
        progress: Called with lines for people.
        timeout_s: How long to wait until it answers, seconds.
        meanwhile: Done while the server starts.

    Raises:
        ConfigError: There is no such program.
        LakeUnavailable: It ended, or did not answer in time.
    """
    file = state_dir / lake_credentials.FILE_NAME
    if running(state_dir) is not None:
        return lake_credentials.load(file)
    program = find_lakefs(download=download, progress=progress)
    home = (state_dir / "lakefs").absolute()
    home.mkdir(parents=True, exist_ok=True)
    credentials = _at_port(file, server_process.free_port(port))
    config = write_config(home, credentials.endpoint.partition("://")[2])
    lake_credentials.save(credentials, file)
    server_process.start(
        [program, "run", "--config", str(config)],
        name=NAME,
        state_dir=state_dir,
        address=credentials.endpoint,
        ready_path=HEALTH,
        env=lakefs_environment(home, credentials),
        timeout_s=timeout_s,
        progress=progress,
        meanwhile=meanwhile,
    )
    return credentials


def stop(state_dir: Path) -> bool:
    """Stop the lake server of a state directory; return whether one was running."""
    return server_process.stop(NAME, state_dir)


def running(state_dir: Path) -> ServerProcess | None:
    """Return the running lake server of a state directory, or None."""
    return server_process.find(NAME, state_dir)


def external(
    environ: Mapping[str, str] | None = None,
    *,
    endpoint: str = "",
    key: tuple[str, str] = ("", ""),
    home: Path | None = None,
) -> Credentials:
    """Return address and key of an external lakeFS: ``LAKECTL_*``, or lakectl's own file.

    Args:
        environ: Variables to look at; by default this process's.
        endpoint: Address to use with the key instead of the one found.
        key: Key id and key to use instead of the ones found; both empty for those.
        home: Home directory, by default the user's.

    Raises:
        ConfigError: Neither names one, or only half of a key is given.
    """
    env = dict(os.environ if environ is None else environ)
    if any(key) and not all(key):
        raise ConfigError(
            "a key needs its id and its secret",
            where="MLOPS_LAKE_ACCESS_KEY_ID" if key[1] else "MLOPS_LAKE_SECRET_ACCESS_KEY",
            todo="set both, or neither to use what lakectl would use",
        )
    if all(key):
        env |= lake_credentials.key_variables(*key)
    if endpoint:
        env[lake_credentials.ENDPOINT_VARIABLE] = endpoint
    # The file below the state directory is that of a server of ours, which is not what was asked for.
    nowhere = Path(os.devnull)
    return lake_credentials.discover(env, state_dir=nowhere, home=home)


def check_answers(credentials: Credentials) -> None:
    """Raise `LakeUnavailable` where no server answers at an address."""
    if not server_process.answers(credentials.endpoint, "/api/v1/healthcheck"):
        raise LakeUnavailable("no lakeFS answers", where=credentials.endpoint, todo="is it up?")


def find_lakefs(*, download: bool = False, progress: Progress | None = None) -> str:
    """Return the path of the lakeFS program: on PATH, beside this Python, or in ``~/.lakefs/bin``.

    Args:
        download: Whether to let the ``lakefs`` package fetch the release that matches its SDK.
        progress: Called with a line before a download.

    Raises:
        ConfigError: It is not there and cannot be fetched.
    """
    found = _which_lakefs()
    if found is None and download:
        if progress is not None:
            progress("downloading the lakeFS program (about 70 MB)")
        command = [sys.executable, *_DOWNLOAD]
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
        if answer.returncode != 0:
            raise ConfigError(
                "the lakeFS program cannot be downloaded", todo="put it on PATH, or use --lake embedded"
            )
        found = _which_lakefs()
    if found is None:
        raise ConfigError("no lakeFS program", where="PATH", todo="install it, or use --lake embedded")
    return found


def _which_lakefs() -> str | None:
    beside = str(Path(sys.executable).parent)
    own = str(Path.home() / ".lakefs" / "bin")
    return shutil.which("lakefs", path=os.pathsep.join((os.environ.get("PATH", ""), beside, own)))


def _at_port(file: Path, port: int) -> Credentials:
    # The key is in the server's database from its first start on, so it stays; the port may change.
    address = f"http://127.0.0.1:{port}"
    if not file.is_file():
        return lake_credentials.generate(address)
    known = lake_credentials.load(file)
    return Credentials(address, known.access_key_id, known.secret_access_key)


def write_config(home: Path, listen: str) -> Path:
    """Write ``lakefs.yaml`` and return its path; the secrets in an older one are kept."""
    import yaml

    file = home / "lakefs.yaml"
    old: dict[str, Any] = {}
    if file.is_file():
        lake_credentials.check_private(file)
        old = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    auth = old.get("auth") or {"encrypt": {"secret_key": secrets.token_hex(32)}}
    signing = (old.get("blockstore") or {}).get("signing") or {"secret_key": secrets.token_hex(32)}
    config = {
        "listen_address": listen,
        "logging": {"format": "text", "level": "WARN", "output": ["-"]},
        "database": {"type": "local", "local": {"path": str(home / "metadata"), "sync_writes": True}},
        "blockstore": {"type": "local", "signing": signing, "local": {"path": str(home / "objects")}},
        "committed": {"local_cache": {"dir": str(home / "cache"), "size_bytes": 256 << 20}},
        "auth": auth,
        "stats": {"enabled": False},
        "email_subscription": {"enabled": False},
        # An empty address is what switches the audit check off.
        "security": {"audit_check_url": "", "check_latest_version": False},
    }
    lake_credentials.write_private(file, yaml.safe_dump(config, sort_keys=False))
    return file


def lakefs_environment(home: Path, credentials: Credentials) -> dict[str, str]:
    """Return the complete environment of the lakeFS program: variables take precedence over its file."""
    kept = {key: os.environ[key] for key in ("PATH", "TMPDIR", "SYSTEMROOT") if key in os.environ}
    return {
        **kept,
        "HOME": str(home),
        "LAKEFS_INSTALLATION_USER_NAME": ADMIN,
        "LAKEFS_INSTALLATION_ACCESS_KEY_ID": credentials.access_key_id,
        "LAKEFS_INSTALLATION_SECRET_ACCESS_KEY": credentials.secret_access_key,
    }

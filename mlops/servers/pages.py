"""The servers of a state folder: lake, MLflow, Dagster, and the front door that they are reached by.

MLflow and Dagster have no login, so they listen on Unix domain sockets in a private folder; only the front
door, which asks for the lake's key, has a port.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mlops.adapters import private_sockets, server_process
from mlops.adapters.lake import credentials
from mlops.adapters.tracking.store import redacted
from mlops.runs.errors import ConfigError, TrackerUnavailable
from mlops.steps.opening import DOOR

if TYPE_CHECKING:
    from mlops.adapters.lake.credentials import Credentials
    from mlops.adapters.server_process import ServerProcess
    from mlops.frontdoor.options import DoorOptions
    from mlops.settings import Settings

MLFLOW, DAGSTER, DAEMON = "mlflow", "dagster", "dagster-daemon"


def _nothing() -> None:
    """Do nothing while a server starts."""


def start_all(
    settings: Settings, lake: Callable[[], Credentials], report: Callable[[str], None]
) -> ServerProcess:
    """Start lake, MLflow, Dagster and the front door, all at the same time; return the front door.

    Dagster's daemon is started last and not waited for: it shows nothing, and takes the processors that the
    pages need.

    Args:
        settings: Where everything is.
        lake: Starts the lake where it has to be started, and returns the key that the front door asks for.
        report: Receives one line of progress at a time.

    Raises:
        ConfigError: Dagster or the front door ended, or did not answer in time.
        LakeUnavailable: The lake did.
        TrackerUnavailable: MLflow did.
    """
    doors: list[ServerProcess] = []
    report("starting the front door, the Dagster pages and the MLflow pages (some 10 s)")
    start_dagster(
        settings,
        lambda: start_mlflow(settings, lambda: doors.append(start_door(settings, lake()))),
    )
    start_daemon(settings)
    return doors[0]


def start_mlflow(settings: Settings, meanwhile: Callable[[], object] = _nothing) -> ServerProcess | None:
    """Start the MLflow pages, or find them running; None where MLflow is a server of somebody else's.

    Args:
        settings: Where everything is.
        meanwhile: Done while they start.
    """
    if _is_elsewhere(settings):
        meanwhile()
        return None
    artifacts = (settings.state_dir / "mlflow-artifacts").absolute()
    artifacts.mkdir(parents=True, exist_ok=True)
    # The store's address may hold a password, and a command line is visible to everybody.
    environment = {
        **_environment(settings),
        "MLFLOW_BACKEND_STORE_URI": settings.tracking_uri,
        "MLFLOW_DEFAULT_ARTIFACT_ROOT": artifacts.as_uri(),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ALLOWED_HOSTS": "localhost",
    }
    environment.pop("MLFLOW_STATIC_PREFIX", None)  # the front door takes /mlflow off
    socket = _socket(settings, MLFLOW)
    return server_process.start(
        [sys.executable, "-P", "-m", "mlops.adapters.tracking.webserver", socket],
        name=MLFLOW,
        state_dir=settings.state_dir,
        address=_listening_at(settings, MLFLOW, socket),
        ready_path="/health",
        env=environment,
        private=True,
        timeout_s=settings.server_start_timeout_s,
        failure=TrackerUnavailable,
        meanwhile=meanwhile,
    )


def start_dagster(settings: Settings, meanwhile: Callable[[], object] = _nothing) -> ServerProcess:
    """Start the Dagster pages, or find them running; they show the runs of ``mlops run``.

    Args:
        settings: Where everything is.
        meanwhile: Done while they start.
    """
    from mlops.orchestration.home import configure

    home = configure(settings.state_dir)
    socket = _socket(settings, DAGSTER)
    return server_process.start(
        [sys.executable, "-P", "-m", "mlops.orchestration.webserver", socket, f"/{DAGSTER}"],
        name=DAGSTER,
        state_dir=settings.state_dir,
        address=_listening_at(settings, DAGSTER, socket),
        ready_path=f"/{DAGSTER}/server_info",
        env={**_environment(settings), "DAGSTER_HOME": str(home)},
        private=True,
        timeout_s=settings.server_start_timeout_s,
        failure=ConfigError,
        meanwhile=meanwhile,
    )


def start_daemon(settings: Settings) -> ServerProcess:
    """Start Dagster's daemon, or find it running; it evaluates the sensors that are on.

    It is not waited for. Some seconds later the pages of Dagster show whether it is at work.

    Args:
        settings: Where everything is.
    """
    from mlops.orchestration.home import CODE_LOCATION, configure

    command = [sys.executable, "-P", "-m", "dagster._daemon", "run", "-m", CODE_LOCATION]
    return server_process.start(
        command,
        name=DAEMON,
        state_dir=settings.state_dir,
        address="",
        ready=lambda: True,
        env={**_environment(settings), "DAGSTER_HOME": str(configure(settings.state_dir))},
        private=True,
        timeout_s=settings.server_start_timeout_s,
        failure=ConfigError,
    )


def start_door(settings: Settings, lake: Credentials) -> ServerProcess:
    """Start the front door, or find it running; one that leads elsewhere by now is started again.

    Args:
        settings: Where everything is.
        lake: The lake whose key it asks for.
    """
    running = server_process.find(DOOR, settings.state_dir)
    known = int(running.address.rpartition(":")[2]) if running is not None else 0
    options = _door_options(settings, lake, known or server_process.free_port(settings.front_door_port))
    file = settings.state_dir / f"{DOOR}.json"
    text = options.dump()
    if running is not None and not (file.is_file() and file.read_text(encoding="utf-8") == text):
        server_process.stop(DOOR, settings.state_dir)
    credentials.write_private(file, text)
    return server_process.start(
        [sys.executable, "-P", "-m", "mlops.frontdoor", str(file.absolute())],
        name=DOOR,
        state_dir=settings.state_dir,
        address=f"http://127.0.0.1:{options.port}",
        ready_path="/_door/health",
        private=True,
        timeout_s=settings.server_start_timeout_s,
        failure=ConfigError,
    )


def door_socket(settings: Settings) -> str:
    """Return the path of the socket on which the front door gives out one-time codes."""
    return _socket(settings, DOOR)


def stop_all(settings: Settings) -> list[str]:
    """Stop what was started from this state folder, by process id; return the names."""
    from mlops.adapters.lake.servers import NAME

    stopped = [
        name
        for name in (DOOR, DAEMON, DAGSTER, MLFLOW, NAME)
        if server_process.stop(name, settings.state_dir)
    ]
    (settings.state_dir / f"{DOOR}.json").unlink(missing_ok=True)
    return stopped


def listing(settings: Settings) -> list[dict[str, Any]]:
    """Return name, address and whether it runs, for each server; nothing is started."""
    from mlops.adapters.lake.servers import NAME

    found = {
        name: server_process.find(name, settings.state_dir) for name in (NAME, DOOR, MLFLOW, DAGSTER, DAEMON)
    }
    rows = [_row(name, server) for name, server in found.items()]
    for row in rows:
        if row["address"].startswith(server_process.UNIX):
            door = found[DOOR]
            row["address"] = f"{door.address}/{row['name']}/" if door is not None else ""
    return [_lake_row(settings, rows[0]), *rows[1:]]


def _door_options(settings: Settings, lake: Credentials, port: int) -> DoorOptions:
    from mlops.frontdoor.options import DoorOptions, Service

    def log_of(name: str) -> str:
        return str((settings.state_dir / f"{name}.log").absolute())

    elsewhere = _is_elsewhere(settings)
    mlflow = redacted(settings.tracking_uri) if elsewhere else server_process.UNIX + _socket(settings, MLFLOW)
    dagster = server_process.UNIX + _socket(settings, DAGSTER)
    return DoorOptions(
        port,
        door_socket(settings),
        # The lakeFS program and a team's lakeFS have pages and logins of their own.
        Service("", "The lake", lake.endpoint, elsewhere=settings.lake != "embedded", log=log_of("lake")),
        (
            Service(MLFLOW, "MLflow", mlflow, strips_prefix=True, elsewhere=elsewhere, log=log_of(MLFLOW)),
            Service(DAGSTER, "Dagster", dagster, log=log_of(DAGSTER)),
        ),
        settings.door_hosts,
    )


def _is_elsewhere(settings: Settings) -> bool:
    """Return whether MLflow is an external server."""
    return settings.tracking_uri.partition("://")[0] in {"http", "https"}


def _socket(settings: Settings, name: str) -> str:
    return str(private_sockets.folder(settings.state_dir, f"{DOOR}.sock") / f"{name}.sock")


def _listening_at(settings: Settings, name: str, socket: str) -> str:
    """Return the address of a server; one that was started at another is stopped, for it may have a port."""
    address = server_process.UNIX + socket
    running = server_process.find(name, settings.state_dir)
    if running is not None and running.address != address:
        server_process.stop(name, settings.state_dir)
    return address


def _row(name: str, server: ServerProcess | None) -> dict[str, Any]:
    if server is None:
        return {"name": name, "running": False, "address": "", "pid": None, "log": ""}
    return {"name": name, "running": True, "address": server.address, "pid": server.pid, "log": server.log}


def _lake_row(settings: Settings, row: dict[str, Any]) -> dict[str, Any]:
    """Complete the lake's row where it is a team's, or runs in a terminal and has no pid file."""
    from mlops.adapters.lake.servers import HEALTH
    from mlops.runs.errors import MlopsError

    row = {**row, "mode": str(settings.lake)}
    if row["running"]:
        return row
    try:
        address = settings.lake_credentials().endpoint
    except MlopsError:
        return row
    return {**row, "running": True, "address": address} if server_process.answers(address, HEALTH) else row


def _environment(settings: Settings) -> dict[str, str]:
    """Return what a server needs to find the same stores as this command, wherever it is started."""
    own = {
        "MLOPS_STATE_DIR": str(settings.state_dir.absolute()),
        "MLOPS_LAKE": str(settings.lake),
        "MLFLOW_TRACKING_URI": settings.tracking_uri,
    }
    if settings.env:
        own["MLOPS_ENV"] = settings.env
    if settings.lake != "external":
        own["LAKECTL_CONFIG_FILE"] = str(settings.lakectl_file.absolute())
    return {**os.environ, **own}

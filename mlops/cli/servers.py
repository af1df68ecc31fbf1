"""The servers of a state folder: lake, MLflow pages, Dagster pages; found by their pid files."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from mlops.adapters import server_process
from mlops.runs.errors import ConfigError, TrackerUnavailable

if TYPE_CHECKING:
    from mlops.adapters.server_process import ServerProcess
    from mlops.settings import Settings

MLFLOW, DAGSTER, DAEMON = "mlflow", "dagster", "dagster-daemon"


def start_mlflow(settings: Settings) -> ServerProcess | None:
    """Start the MLflow pages, or find them running; None where MLflow is a server of somebody else's."""
    if "://" in settings.tracking_uri and settings.tracking_uri.partition("://")[0] in {"http", "https"}:
        return None
    port = server_process.free_port(settings.mlflow_port)
    artifacts = (settings.state_dir / "mlflow-artifacts").absolute()
    artifacts.mkdir(parents=True, exist_ok=True)
    # The store's address may hold a password, and a command line is visible to everybody.
    environment = {
        **_environment(settings),
        "MLFLOW_BACKEND_STORE_URI": settings.tracking_uri,
        "MLFLOW_DEFAULT_ARTIFACT_ROOT": artifacts.as_uri(),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    return server_process.start(
        [*command, "--workers", "1"],
        name=MLFLOW,
        state_dir=settings.state_dir,
        address=f"http://127.0.0.1:{port}",
        ready_path="/health",
        env=environment,
        timeout_s=settings.server_start_timeout_s,
        failure=TrackerUnavailable,
    )


def start_dagster(settings: Settings) -> ServerProcess:
    """Start the Dagster pages, or find them running; they show the runs of ``mlops run``."""
    from mlops.orchestration.home import home_of, open_instance

    with open_instance(settings.state_dir):
        pass  # its configuration and its tables are there before the pages look for them
    port = server_process.free_port(settings.dagster_port)
    command = [sys.executable, "-m", "dagster_webserver", "-m", "mlops.orchestration.definitions"]
    return server_process.start(
        [*command, "-h", "127.0.0.1", "-p", str(port)],
        name=DAGSTER,
        state_dir=settings.state_dir,
        address=f"http://127.0.0.1:{port}",
        ready_path="/server_info",
        env={**_environment(settings), "DAGSTER_HOME": str(home_of(settings.state_dir))},
        timeout_s=settings.server_start_timeout_s,
        failure=ConfigError,
    )


def start_daemon(settings: Settings) -> ServerProcess:
    """Start Dagster's daemon, or find it running; sensors that were switched on in the pages tick by it."""
    from mlops.orchestration.home import CODE_LOCATION, daemon_has_reported, home_of

    command = [sys.executable, "-P", "-m", "dagster._daemon", "run", "-m", CODE_LOCATION]
    return server_process.start(
        command,
        name=DAEMON,
        state_dir=settings.state_dir,
        address="",
        ready=lambda: daemon_has_reported(settings.state_dir),
        env={**_environment(settings), "DAGSTER_HOME": str(home_of(settings.state_dir))},
        timeout_s=settings.server_start_timeout_s,
        failure=ConfigError,
    )


def stop_all(settings: Settings) -> list[str]:
    """Stop what was started from this state folder, by process id; return the names."""
    from mlops.adapters.lake_servers import NAME

    return [name for name in (DAEMON, DAGSTER, MLFLOW, NAME) if server_process.stop(name, settings.state_dir)]


def listing(settings: Settings) -> list[dict[str, Any]]:
    """Return name, address and whether it runs, for each server; nothing is started."""
    from mlops.adapters.lake_servers import NAME

    rows = [
        _row(name, server_process.find(name, settings.state_dir)) for name in (NAME, MLFLOW, DAGSTER, DAEMON)
    ]
    return [_lake_row(settings, rows[0]), *rows[1:]]


def _row(name: str, server: ServerProcess | None) -> dict[str, Any]:
    if server is None:
        return {"name": name, "running": False, "address": "", "pid": None, "log": ""}
    return {"name": name, "running": True, "address": server.address, "pid": server.pid, "log": server.log}


def _lake_row(settings: Settings, row: dict[str, Any]) -> dict[str, Any]:
    """Complete the lake's row where it is a team's, or runs in a terminal and has no pid file."""
    from mlops.adapters.lake_servers import HEALTH
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
    if settings.lake != "external":
        own["LAKECTL_CONFIG_FILE"] = str(settings.lakectl_file.absolute())
    return {**os.environ, **own}

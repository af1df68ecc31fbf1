"""``up``, ``open``, ``down`` and ``lake serve``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mlops.cli.output.results import Result
from mlops.cli.output.text import columns
from mlops.cli.session import Session
from mlops.runs.errors import ConfigError

if TYPE_CHECKING:
    from mlops.settings import Settings


#: Where `mlops open` leads.
TARGETS = {"lake": "/", "mlflow": "/mlflow/", "dagster": "/dagster/"}


def up(session: Session) -> Result:
    """Start what is not running; a server that runs already stays as it is."""
    from mlops.servers.pages import listing, start_daemon, start_dagster, start_door, start_mlflow

    settings = session.settings
    lake = session.credentials()
    session.tell("starting the MLflow pages (some 15 s)")
    start_mlflow(settings)
    session.tell("starting the Dagster pages (some 6 s)")
    start_dagster(settings)
    session.tell("starting Dagster's daemon, which evaluates sensors")
    start_daemon(settings)
    session.tell("starting the front door")
    door = start_door(settings, lake)
    return Result({"address": door.address, "servers": listing(settings)}, _up_lines(settings, door.address))


def _up_lines(settings: Settings, address: str) -> list[str]:
    from mlops.adapters.tracking.store import redacted

    lake = "lake: pages, and the API at /api/v1"
    if settings.lake != "embedded":
        lake = f"leads to the lake, {settings.lake_credentials().endpoint}"
    mlflow = "MLflow"
    if settings.tracking_uri.startswith(("http://", "https://")):
        mlflow = f"leads to MLflow, {redacted(settings.tracking_uri)}"
    rows = [("/", lake), ("/mlflow/", mlflow), ("/dagster/", "Dagster")]
    key = f" (in {settings.lakectl_file})" if settings.lake != "external" else ""
    return [
        address,
        *columns(rows),
        f"mlops open logs a browser in; others log in with the lake's key{key}",
        "mlops down stops them",
    ]


def open_(session: Session, what: str, *, only_print: bool) -> Result:
    """Log this user's browser in and open a page; without a browser, print the address to open.

    Raises:
        ConfigError: The front door is not running, or does not take the key.
    """
    from mlops.adapters import server_process
    from mlops.cli.browser import open_with_code
    from mlops.frontdoor.control import NoCode, ask_code
    from mlops.frontdoor.pages import ENTER
    from mlops.servers.pages import DOOR, door_socket

    settings = session.settings
    door = server_process.find(DOOR, settings.state_dir)
    if door is None:
        raise ConfigError("the front door is not running", where=str(settings.state_dir), todo="mlops up")
    key = settings.lake_credentials()
    try:
        code = ask_code(door_socket(settings), key.access_key_id, key.secret_access_key, TARGETS[what])
    except NoCode as error:
        raise ConfigError(str(error), where=door.address, todo="mlops down, then mlops up") from error
    page = f"{door.address}{TARGETS[what]}"
    if not only_print and open_with_code(settings.state_dir, door.address, code):
        return Result({"address": page, "opened": True}, [f"opened {page}"])
    # The code is worth nothing after one use or a minute.
    address = f"{door.address}{ENTER}?code={code}"
    if not only_print:
        session.tell("no browser here; this address logs one in, once and within a minute:")
    return Result({"address": address, "opened": False}, [address])


def down(session: Session) -> Result:
    """Stop what was started here, and nothing else."""
    from mlops.cli.browser import remove_old
    from mlops.servers.pages import stop_all

    stopped = stop_all(session.settings)
    remove_old(session.settings.state_dir, kept_s=0)
    lines = [
        f"stopped {', '.join(stopped)}" if stopped else "nothing to stop: no server was started from here"
    ]
    return Result({"stopped": stopped}, lines)


def serve(session: Session, data: Path | None, listen: str) -> Result:
    """Run the embedded server until it is interrupted."""
    from mlops.servers.lake import serve as serve_lake

    serve_lake(session.settings, data, listen, session.tell)
    return Result({"stopped": True}, ["lake server stopped"])

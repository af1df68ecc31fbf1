"""``up``, ``down`` and ``lake serve``."""

from __future__ import annotations

from pathlib import Path

from mlops.cli.results import Result
from mlops.cli.session import Session
from mlops.cli.text import columns


def up(session: Session) -> Result:
    """Start what is not running; a server that runs already stays as it is."""
    from mlops.cli.servers import listing, start_daemon, start_dagster, start_mlflow

    settings = session.settings
    lake = session.credentials()
    session.tell("starting the MLflow pages (some 15 s)")
    mlflow = start_mlflow(settings)
    session.tell("starting the Dagster pages (some 6 s)")
    dagster = start_dagster(settings)
    session.tell("starting Dagster's daemon, by which sensors tick")
    start_daemon(settings)
    from mlops.adapters.tracking_store import redacted

    mlflow_address = mlflow.address if mlflow else redacted(settings.tracking_uri)
    rows = [("lake", lake.endpoint), ("MLflow", mlflow_address), ("Dagster", dagster.address)]
    hint = [f"key of the lake: {settings.lakectl_file}"] if settings.lake != "external" else []
    return Result({"servers": listing(settings)}, [*columns(rows, indent=""), *hint, "mlops down stops them"])


def down(session: Session) -> Result:
    """Stop what was started here, and nothing else."""
    from mlops.cli.servers import stop_all

    stopped = stop_all(session.settings)
    lines = [
        f"stopped {', '.join(stopped)}" if stopped else "nothing to stop: no server was started from here"
    ]
    return Result({"stopped": stopped}, lines)


def serve(session: Session, data: Path | None, listen: str) -> Result:
    """Run the embedded server until it is interrupted."""
    from mlops.cli.lake import serve as serve_lake

    serve_lake(session.settings, data, listen, session.tell)
    return Result({"stopped": True}, ["lake server stopped"])

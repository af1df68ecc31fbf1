"""Declare and run ``mlops up``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from mlops.cli.options import Json
from mlops.cli.output.results import Result
from mlops.cli.output.text import columns
from mlops.cli.session import Session

if TYPE_CHECKING:
    from mlops.settings import Settings


def up(context: typer.Context, json: Json = False) -> Result:
    """Start lake, MLflow and Dagster behind one login."""
    from mlops.servers.pages import listing, start_all

    session: Session = context.obj
    settings = session.settings
    door = start_all(settings, session.credentials, session.report)
    return Result({"address": door.address, "servers": listing(settings)}, _lines(settings, door.address))


def _lines(settings: Settings, address: str) -> list[str]:
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

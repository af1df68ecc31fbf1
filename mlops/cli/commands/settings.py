"""Declare and run ``mlops settings``."""

from __future__ import annotations

import typer

from mlops.cli.commands.config.show import explained, shown, table
from mlops.cli.options import Json
from mlops.cli.output.results import Result
from mlops.cli.session import Session
from mlops.runs.errors import ConfigError


def settings(context: typer.Context, json: Json = False) -> Result:
    """Explain the settings, with the values in force.

    The same as `mlops config show --explain`. A mistake in the configuration is named, and the settings are
    explained without values.
    """
    session: Session = context.obj
    try:
        return shown(session, explain=True)
    except ConfigError as error:
        rows = table()
        lines = [line for row in rows for line in (row["name"], *explained(row))]
        return Result({"env": "", "settings": rows, "params": []}, [f"mistake: {error}", *lines])

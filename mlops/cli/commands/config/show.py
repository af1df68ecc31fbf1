"""Declare and run ``mlops config show``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from mlops.cli.options import Env, Json
from mlops.cli.output.results import Result
from mlops.cli.output.text import WIDTH, paragraph
from mlops.cli.session import Session

Explain = Annotated[
    bool, typer.Option("--explain", help="Print variable, unit, default and meaning of each setting as well.")
]


def show(context: typer.Context, env: Env = None, explain: Explain = False, json: Json = False) -> Result:
    """Show each value and its origin.

    Secrets are not shown, only that they are set and from where.
    """
    return shown(context.obj, explain=explain)


def shown(session: Session, *, explain: bool) -> Result:
    """Return the configuration in force as the result of a command.

    Raises:
        ConfigError: The configuration has a mistake.
    """
    from mlops.settings import in_force
    from mlops.settings.parameters import configured_pipelines, parameters_of

    env = session.settings.env
    values = {
        found.name: {"value": found.value, **_origin(found.origin)} for found in in_force(**session.given)
    }
    settings = [{**row, **values[row["name"]]} for row in table()]
    params = [
        {"pipeline": pipeline, "name": name, "value": parameter.value, **_origin(parameter.origin)}
        for pipeline in configured_pipelines(env)
        for name, parameter in parameters_of(pipeline, env).items()
    ]
    lines = [line for row in settings for line in _lines(row, explain=explain)]
    for each in params:
        lines += _line(f"params.{each['pipeline']}.{each['name']} = {each['value']}", each["origin"])
    return Result({"env": env, "settings": settings, "params": params}, lines)


def table() -> list[dict[str, Any]]:
    """Return what is known of each setting whatever its value is."""
    from mlops.settings import describe

    return [
        {
            "name": row.name,
            "variable": row.variable,
            "unit": row.unit,
            "default": row.default,
            "help": row.help,
        }
        for row in describe()
    ]


def explained(row: dict[str, Any]) -> list[str]:
    """Return variable, default and meaning of a setting as lines."""
    unit = f" {row['unit']}" if row["unit"] else ""
    return paragraph(f"{row['variable']}, default {row['default'] or 'empty'}{unit}: {row['help']}", "    ")


def _origin(origin: Any) -> dict[str, str]:
    return {"layer": origin.layer, "origin": str(origin)}


def _lines(setting: dict[str, Any], *, explain: bool) -> list[str]:
    first = _line(f"{setting['name']} = {setting['value']}".rstrip(), setting["origin"])
    return [*first, *explained(setting)] if explain else first


def _line(value: str, origin: str) -> list[str]:
    """Return a value and its origin, on one line where it fits a terminal."""
    line = f"{value}  ({origin})"
    return [line] if len(line) <= WIDTH else [value, f"    ({origin})"]

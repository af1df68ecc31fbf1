"""Load the settings, list them all, and tell where each value comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from mlops.runs.errors import ConfigError
from mlops.settings.fields import PREFIX, Settings
from mlops.settings.origins import InForce, origin_of, rows, text_of
from mlops.settings.project_file import ENVIRONMENTS, environment_of, nearest, plain_message, sections


@dataclass(frozen=True)
class SettingRow:
    """One row of the table of settings."""

    name: str
    variable: str
    unit: str
    default: str
    help: str


def load(**given: Any) -> Settings:
    """Return the settings: what is given here goes over variables and files, and None counts as not given.

    Raises:
        ConfigError: A value is out of its range, the project's file has a mistake, or the chosen environment
            is not in it; the error names the place and does not repeat the value.
    """
    options = {name: value for name, value in given.items() if value is not None}
    try:
        return Settings(**options)
    except ValidationError as error:
        location = error.errors(include_url=False, include_input=False, include_context=False)[0]["loc"]
        raise ConfigError(
            f"not a possible value: {plain_message(error)}",
            where=_where(str(location[0]) if location else "", options),
            todo="see `mlops settings`",
        ) from None


def in_force(**given: Any) -> list[InForce]:
    """Return every setting with the value in force and its origin; no secret is in it.

    Raises:
        ConfigError: As `load`.
    """
    settings = load(**given)
    return rows(settings, given, sections(nearest(Settings.model_fields), settings.env))


def describe() -> list[SettingRow]:
    """Return all settings, in the order of the class."""
    return [
        SettingRow(
            name,
            _variable(name),
            _unit(field.json_schema_extra),
            text_of(field.default),
            field.description or "",
        )
        for name, field in Settings.model_fields.items()
    ]


def _where(name: str, options: Mapping[str, Any]) -> str:
    """Return the place of a refused value: file and line, else its variable."""
    field = next((n for n in Settings.model_fields if name in (n, _variable(n), f"{PREFIX}{n.upper()}")), "")
    if field and field != ENVIRONMENTS:
        file = nearest(Settings.model_fields)
        chosen = sections(file, environment_of(options)) if file else ()
        origin = origin_of(field, Settings.model_fields, PREFIX, options, chosen)
        if origin.layer in ("file", "section"):
            return origin.place
    return _variable(name)


def _variable(name: str) -> str:
    # An alias is reported as it was found, a field by its own name.
    if name.isupper():
        return name
    return "MLFLOW_TRACKING_URI" if name == "mlflow_tracking_uri" else f"{PREFIX}{name.upper()}"


def _unit(extra: object) -> str:
    return str(extra.get("unit", "")) if isinstance(extra, Mapping) else ""

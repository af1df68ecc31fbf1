"""The layers of ``mlops.toml`` as sources of pydantic-settings, below options and variables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import AliasChoices
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource

from mlops.settings.project_file import Section, nearest, secrecy_of, sections
from mlops.settings.references import is_reference, resolved

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo


def file_sources(
    settings: type[BaseSettings], given: Sequence[PydanticBaseSettingsSource]
) -> tuple[PydanticBaseSettingsSource, ...]:
    """Return the sections of the project's file as sources, that of the chosen environment first.

    A reference is followed only where nothing above it names the setting.

    Args:
        settings: The class of the settings.
        given: The sources above the file, the highest first.

    Raises:
        ConfigError: The file has a mistake, there is no such environment, or a reference leads to nothing.
    """
    fields, above = settings.model_fields, _values(settings.model_fields, given)
    found: list[PydanticBaseSettingsSource] = []
    named = set(above)
    for section in sections(nearest(fields), str(above.get("env") or "")):
        values = {n: v for n, v in section.values.items() if n not in named}
        found.append(InitSettingsSource(settings, _followed(section, fields, values)))
        named |= values.keys()
    return tuple(found)


def variables(fields: Mapping[str, FieldInfo], name: str, prefix: str) -> tuple[str, ...]:
    """Return the variables of a setting, the one that goes first first."""
    alias = fields[name].validation_alias
    if isinstance(alias, AliasChoices):
        return tuple(str(choice) for choice in alias.choices)
    return (f"{prefix}{name.upper()}",)


def _values(fields: Mapping[str, FieldInfo], sources: Sequence[PydanticBaseSettingsSource]) -> dict[str, Any]:
    names = {alias: name for name in fields for alias in variables(fields, name, "")}
    found: dict[str, Any] = {}
    for source in reversed(sources):
        found |= {names.get(key, key): value for key, value in source().items()}
    return found


def _followed(section: Section, fields: Mapping[str, FieldInfo], values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: resolved(value, section.file.parent, section.place(name))
        if secrecy_of(fields[name]) and is_reference(value)
        else value
        for name, value in values.items()
    }

"""The origin of each value in force, and the part of it that may be shown."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.pipelines.sources.redaction import redacted
from mlops.settings.project_file import Secrecy, Section, secrecy_of
from mlops.settings.references import is_reference
from mlops.settings.sources import variables

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from mlops.settings.fields import Settings

#: Shown in place of what may be secret.
SET = "(set)"


@dataclass(frozen=True)
class Origin:
    """The layer that a value comes from.

    Attributes:
        layer: ``default``, ``file``, ``section``, ``variable`` or ``option``.
        place: File and line, variable or option; empty for a default.
        reference: The reference that the file holds in place of a secret; else empty.
    """

    layer: str
    place: str = ""
    reference: str = ""

    def __str__(self) -> str:
        via = f" by {self.reference}" if self.reference else ""
        return f"{self.place or self.layer}{via}"


@dataclass(frozen=True)
class InForce:
    """A setting with the value in force.

    Attributes:
        name: The setting.
        value: Its value as text, or `SET` in place of a secret.
        origin: Where it comes from.
    """

    name: str
    value: str
    origin: Origin


def rows(settings: Settings, given: Mapping[str, Any], chosen: Sequence[Section]) -> list[InForce]:
    """Return every setting with its value and origin.

    Args:
        settings: The values in force.
        given: What options name.
        chosen: Sections of the project's file in force, the highest first.
    """
    fields = type(settings).model_fields
    prefix = str(type(settings).model_config.get("env_prefix", ""))
    found: list[InForce] = []
    for name, field in fields.items():
        origin = origin_of(name, fields, prefix, given, chosen)
        found.append(InForce(name, _shown(field, getattr(settings, name), origin), origin))
    return found


def origin_of(
    name: str,
    fields: Mapping[str, FieldInfo],
    prefix: str,
    given: Mapping[str, Any],
    chosen: Sequence[Section],
) -> Origin:
    """Return the highest layer that names a setting."""
    if given.get(name) is not None:
        return Origin("option", f"--{name.replace('_', '-')}")
    there = {variable.upper(): variable for variable in os.environ}
    for variable in variables(fields, name, prefix):
        if variable.upper() in there:
            return Origin("variable", there[variable.upper()])
    for section in chosen:
        if name in section.values:
            value = section.values[name]
            reference = value if secrecy_of(fields[name]) and is_reference(value) else ""
            layer = "section" if section.path else "file"
            return Origin(layer, section.place(name), reference)
    return Origin("default")


def text_of(value: object) -> str:
    """Return a value as it is written in the file or a variable."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _shown(field: FieldInfo, value: object, origin: Origin) -> str:
    if isinstance(value, Path):
        return str(value)
    text, secrecy = text_of(value), secrecy_of(field)
    if not text or not secrecy:
        return redacted(text)
    hidden = secrecy is Secrecy.ALWAYS or origin.reference or "://" not in text
    return SET if hidden else redacted(text)

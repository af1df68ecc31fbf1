"""One setting as a field of the class, and checks of the values of some."""

from __future__ import annotations

import re
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import Field

from mlops.settings.project_file import Secrecy

_HOST = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")
WEB = r"https?://\S+|"
#: Minute, hour, day of the month, month, day of the week; Dagster checks the ranges.
CRON = r"(?:[\w*/,?#-]+ +){4}[\w*/,?#-]+|"


def setting(
    default: Any, help_: str, *, unit: str = "", secrecy: Secrecy = Secrecy.NONE, **rules: Any
) -> Any:
    """Return a field.

    Args:
        default: Its default.
        help_: Its help.
        unit: Its unit.
        secrecy: How secret its value is.
        rules: Bounds of its value.
    """
    return Field(
        default=default,
        description=help_,
        json_schema_extra={"unit": unit, "secrecy": str(secrecy)},
        repr=not secrecy,
        **rules,
    )


def host_names(value: str) -> str:
    """Return host names with commas between them; raise `ValueError` where they are none."""
    for name in filter(None, (part.strip() for part in value.split(","))):
        if not _HOST.fullmatch(name):
            raise ValueError("must be host names with or without a port, with commas between them")
    return value


def time_zone(value: str) -> str:
    """Return the name of a time zone; raise `ValueError` where there is none of that name."""
    try:
        ZoneInfo(value)
    except (OSError, KeyError, ValueError):
        raise ValueError("must be the name of a time zone, e.g. Europe/Berlin") from None
    return value

"""Declare and run ``mlops settings``."""

from __future__ import annotations

import typer

from mlops.cli.options import Json
from mlops.cli.output.results import Result
from mlops.cli.output.text import columns, paragraph


def settings(context: typer.Context, json: Json = False) -> Result:
    """List the settings and their environment variables."""
    from mlops.settings import describe

    # Values are not shown, since one may hold a password.
    rows = describe()
    firsts = columns([(row.variable, row.default or "-", row.unit) for row in rows], indent="")
    lines = [
        line
        for row, first in zip(rows, firsts, strict=True)
        for line in (first, *paragraph(row.help, "    "))
    ]
    document = {
        "settings": [
            {"name": r.name, "variable": r.variable, "unit": r.unit, "default": r.default, "help": r.help}
            for r in rows
        ]
    }
    return Result(document, lines)

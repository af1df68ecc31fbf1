"""The page of settings, from `mlops.settings.describe`."""

from __future__ import annotations

from infra.docs.markdown import code, table

_INTRODUCTION = """# Settings

Generated from the program; `mlops settings` prints the same table with the values in force.

A setting is read from its environment variable, and an option of the command line takes precedence. Keys and
passwords are not settings. They come from the environment (`LAKECTL_CREDENTIALS_ACCESS_KEY_ID` and
`LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY`) or from a file that only its owner can read:
`~/.lakectl.yaml` (mode 600).

"""


def page() -> str:
    """Return the page."""
    from mlops import settings

    rows = [(code(r.variable), code(r.default), r.unit, r.help) for r in settings.describe()]
    return _INTRODUCTION + table(("Variable", "Default", "Unit", "Meaning"), rows)

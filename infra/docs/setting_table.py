"""The page of settings, from `mlops.settings.describe`."""

from __future__ import annotations

from infra.docs.markdown import code, table

_INTRODUCTION = """# Settings

Generated from the program; `mlops settings` prints the same table with the values in force, and
`mlops config show` the values with their origin.

A setting stands in `mlops.toml` by its name in small letters without `MLOPS_`, or in the section of an
environment there; its environment variable goes over the file, and an option of the command line over both.
See [how to configure a project](../how-to/configure.md). A key or password stands in the file by reference
alone. The key for a team's lakeFS is found where `lakectl` finds it as well:
`LAKECTL_CREDENTIALS_ACCESS_KEY_ID` and `LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY`, or `~/.lakectl.yaml` (mode
600).

"""

_SOURCES = """
## Sources

Settings of a pipeline's source stand in `[tool.mlops.sources.<pipeline>]` of the nearest `pyproject.toml`.
Each that is no table can also be given by the variable `MLOPS_SOURCE_<PIPELINE>_<SETTING>`, which takes
precedence; for the setting `url` of `movie-ratings` that is `MLOPS_SOURCE_MOVIE_RATINGS_URL`. See
[how to read from files or a database](../how-to/read-from-files-or-a-database.md).

"""


def page() -> str:
    """Return the page."""
    from mlops import settings

    rows = [(code(r.variable), code(r.default), r.unit, r.help) for r in settings.describe()]
    own = table(("Variable", "Default", "Unit", "Meaning"), rows)
    return (
        _INTRODUCTION
        + own
        + _SOURCES
        + table(("Setting of a source", "Kind", "For", "Default", "Meaning"), _of_sources())
    )


def _of_sources() -> list[tuple[str, str, str, str, str]]:
    from mlops.pipelines.sources.options import OPTIONS

    return [
        (
            option.name,
            f"{option.kind}, environment only" if option.secret else option.kind,
            option.used_by,
            code(option.default),
            option.help,
        )
        for option in OPTIONS
    ]

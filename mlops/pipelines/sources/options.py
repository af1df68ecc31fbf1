"""The settings that a source can have, each with its default and help, and typed access to them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlops.pipelines.sources.source import Options
from mlops.runs.errors import ConfigError


@dataclass(frozen=True)
class Option:
    """One setting of a source.

    Attributes:
        name: Its key in ``[tool.mlops.sources.<pipeline>]``, and in upper case the end of its variable.
        kind: ``text``, ``number``, ``table`` (names to texts) or ``arrivals``.
        help: Its meaning.
        default: Value where it is not set.
        used_by: ``files``, ``sql`` or both.
        secret: Whether it is taken from the environment alone, never from a file of the project.
    """

    name: str
    kind: str
    help: str
    default: str = ""
    used_by: str = "files, sql"
    secret: bool = False


#: Every setting of a source, in the order of the documentation.
OPTIONS = (
    Option("kind", "text", "`files` or `sql`; empty: the pipeline's own source"),
    Option(
        "arrivals",
        "arrivals",
        "Arrivals that there are: a list, or ranges of years, quarters, months or days such as `2005..2014`. "
        "Without it files are listed, and a database is asked by `arrivals_query`",
    ),
    Option("folder", "text", "Folder or address that patterns are relative to", used_by="files"),
    Option(
        "tables",
        "table",
        'Table to pattern of its file, e.g. `sales = "data/{arrival}/sales.csv"`; local, or '
        "`https://`, `s3://`, `lakefs://`",
        used_by="files",
    ),
    Option("sha256", "table", "Path of a file to its SHA-256, as hexadecimal text", used_by="files"),
    Option(
        "checksums",
        "text",
        "Pattern of a file as `sha256sum` writes it, e.g. `data/{arrival}/SHA256SUMS`; then every file must "
        "be listed there",
        used_by="files",
    ),
    Option("encoding", "text", "Encoding of CSV and JSON lines", "utf-8", used_by="files"),
    Option("delimiter", "text", "Delimiter of CSV", ",", used_by="files"),
    Option("max_size_mb", "number", "Largest file, packed and unpacked", "2048", used_by="files"),
    Option(
        "url",
        "text",
        "Address of the database: `postgresql+psycopg2://host/name`, `sqlite:///file`, `duckdb:///file`",
        used_by="sql",
    ),
    Option(
        "queries",
        "table",
        "Table to its query, with `:begin` and `:end` (first day, and first day after) or `:arrival` in it",
        used_by="sql",
    ),
    Option("arrivals_query", "text", "Query whose first column lists the arrivals", used_by="sql"),
    Option("user", "text", "User, for a database or `https://`"),
    Option("password", "text", "Password, for a database or `https://`", secret=True),
    Option("password_file", "text", "File with the password, readable by its owner alone (mode 600)"),
    Option(
        "cache",
        "text",
        "Folder where a pipeline's own source keeps what it makes; empty: `sources` in the state folder",
    ),
    Option("timeout_s", "number", "Longest time for reading one arrival, in seconds", "300"),
)
_BY_NAME = {option.name: option for option in OPTIONS}


def checked(options: Options, where: str) -> Options:
    """Return the options if each is known and of the right kind.

    Raises:
        ConfigError: One is not.
    """
    for name, value in options.items():
        option = _BY_NAME.get(name)
        if option is None:
            raise ConfigError(
                f"no such setting of a source; there are {', '.join(_BY_NAME)}", where=f"{where}: {name}"
            )
        if not _fits(option.kind, value):
            raise ConfigError(f"must be {_FORMS[option.kind]}", where=f"{where}: {name}")
    return options


_FORMS = {
    "text": "text",
    "number": "a number above 0",
    "table": "a table of names and texts",
    "arrivals": "a list of names, or a range such as 2005..2014",
}


def _fits(kind: str, value: object) -> bool:
    if kind == "number":
        return _number(value) is not None
    if kind == "table":
        return isinstance(value, Mapping) and all(isinstance(text, str) for text in value.values())
    if kind == "arrivals" and isinstance(value, list):
        return all(isinstance(name, str) for name in value)
    return isinstance(value, str)


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) and number > 0 else None


def text(options: Options, name: str) -> str:
    """Return a setting that is text, or its default."""
    return str(options.get(name) or _BY_NAME[name].default)


def number(options: Options, name: str) -> float:
    """Return a setting that is a number, or its default."""
    return _number(options.get(name)) or float(_BY_NAME[name].default)


def table(options: Options, name: str) -> Mapping[str, str]:
    """Return a setting that is a table; empty where it is not set."""
    found: Any = options.get(name)
    return dict(found) if found else {}

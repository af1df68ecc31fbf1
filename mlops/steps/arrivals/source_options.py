"""The settings of a pipeline's source: from the project's file, the environment, and a private file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlops.adapters.lake.credentials import Credentials, check_private
from mlops.pipelines.registry import project
from mlops.pipelines.sources.options import OPTIONS
from mlops.pipelines.sources.redaction import has_password, redacted
from mlops.pipelines.sources.source import Options
from mlops.runs.errors import ConfigError, system_reason

PREFIX = "MLOPS_SOURCE_"
#: Addresses of databases that are files.
_FILE_URLS = ("sqlite:///", "duckdb:///")


def variable(pipeline: str, option: str) -> str:
    """Return the environment variable of a setting of a pipeline's source."""
    return f"{PREFIX}{pipeline.replace('-', '_').upper()}_{option.upper()}"


def options_of(pipeline: str, state_dir: Path) -> Options:
    """Return the settings of a pipeline's source, with a folder below the state folder for what it keeps.

    Raises:
        ConfigError: As `source_options`.
    """
    return {"cache": str(state_dir / "sources"), **source_options(pipeline)}


def source_options(
    pipeline: str, environ: Mapping[str, str] | None = None, folder: Path | None = None
) -> Options:
    """Return the settings of a pipeline's source: the environment goes over the project's file.

    ``[tool.mlops.sources.<pipeline>]`` of the nearest ``pyproject.toml`` describes the source; its relative
    paths are relative to that file. Passwords come from the environment or from ``password_file``, never from
    the project's file.

    Args:
        pipeline: Name of the pipeline.
        environ: The environment; that of the process where it is None.
        folder: Where the search for the project's file begins; the working folder where it is None.

    Raises:
        ConfigError: The file cannot be read, holds a password, or the private file is not private.
    """
    env = os.environ if environ is None else environ
    file = project.find((folder or Path.cwd()).absolute())
    options = _from_project(file, pipeline) if file else {}
    for option in OPTIONS:
        value = env.get(variable(pipeline, option.name), "")
        if value:
            if option.kind == "table":
                raise ConfigError(
                    "cannot be set by a variable",
                    where=variable(pipeline, option.name),
                    todo=f"write it into [tool.mlops.sources.{pipeline}] of pyproject.toml",
                )
            options[option.name] = value
    if options.get("password_file") and not options.get("password"):
        options["password"] = _private(Path(str(options["password_file"])).expanduser())
    return options


def _from_project(file: Path, pipeline: str) -> dict[str, Any]:
    options, _ = project.settings(file, f"tool.mlops.sources.{pipeline}")
    if not options:
        return {}
    project.check_owned(file)
    where = f"{file}: tool.mlops.sources.{pipeline}"
    secret = [option.name for option in OPTIONS if option.secret and option.name in options]
    texts = [text for value in options.values() for text in _texts(value)]
    secret += [redacted(text) for text in texts if has_password(text)]
    if secret:
        raise ConfigError(
            f"{secret[0]}: a password does not belong into a file that is committed",
            where=where,
            todo=f"set {variable(pipeline, 'password')}, or name a password_file with mode 600",
        )
    folder = file.parent
    own_folder = {"folder": str(folder)} if options.get("kind") == "files" else {}
    return {**own_folder, **{name: _resolved(name, value, folder) for name, value in options.items()}}


def _texts(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for inner in value.values() for text in _texts(inner)]
    return [value] if isinstance(value, str) else []


def _resolved(name: str, value: Any, folder: Path) -> Any:
    """Return a value with its relative path made absolute."""
    if not isinstance(value, str):
        return value
    if name == "password_file" or (name == "folder" and "://" not in value):
        return str(folder / Path(value).expanduser())
    for scheme in _FILE_URLS:
        path = value.removeprefix(scheme)
        if name == "url" and path != value and not path.startswith("/") and path:
            return f"{scheme}{folder / path}"
    return value


def _private(file: Path) -> str:
    try:
        check_private(file)
        text = file.read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        raise ConfigError(f"cannot be read: {system_reason(error)}", where=str(file)) from None
    except UnicodeDecodeError:
        raise ConfigError("is no text", where=str(file)) from None
    if not text:
        raise ConfigError("is empty", where=str(file), todo="write the password into it")
    return text


def lake_storage(credentials: Credentials) -> dict[str, dict[str, str]]:
    """Return fsspec's arguments for ``lakefs://`` addresses on the lake that the credentials are for."""
    if credentials.session_token:
        return {"lakefs": {"host": credentials.endpoint, "access_token": credentials.session_token}}
    return {
        "lakefs": {
            "host": credentials.endpoint,
            "username": credentials.access_key_id,
            "password": credentials.secret_access_key,
        }
    }

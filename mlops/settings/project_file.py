"""``mlops.toml``: settings of a project, with a section for each environment, checked key by key.

The file is the nearest one from the working folder upwards. Its top level holds settings by name; a section
``[env.NAME]`` holds those that differ there. ``[params.PIPELINE]``, at the top or in a section, holds
parameters of a model.
"""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import TypeAdapter, ValidationError

from mlops.pipelines.registry import project
from mlops.pipelines.sources.redaction import has_password
from mlops.runs.errors import ConfigError
from mlops.settings.references import is_reference
from mlops.settings.toml_lines import line_of, lines_of

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

FILE_NAME = "mlops.toml"
ENVIRONMENTS, PARAMS = "env", "params"

#: Tables that have their place in another file.
_ELSEWHERE = {"sources": "tool.mlops.sources", "pipelines": "tool.mlops.pipelines"}


class Secrecy(StrEnum):
    """Secrecy of a value: a key stands in a file by reference alone, and is never shown."""

    NONE = ""
    PERHAPS = "perhaps"
    ALWAYS = "always"


@dataclass(frozen=True)
class Section:
    """The top level of the file, or the section of one environment.

    Attributes:
        file: The file.
        lines: Path of each key of the file to its line.
        path: Keys that lead to it; empty for the top level.
        values: Setting to value.
        params: Pipeline to its parameters.
    """

    file: Path
    lines: Mapping[tuple[str, ...], int]
    path: tuple[str, ...]
    values: Mapping[str, Any]
    params: Mapping[str, Mapping[str, Any]]

    def place(self, *keys: str) -> str:
        """Return file, line and section of a key, as messages name them."""
        return _place(self.file, self.lines, self.path, *keys)


@dataclass(frozen=True)
class ProjectFile:
    """A checked ``mlops.toml``.

    Attributes:
        file: Its path.
        base: Its top level.
        environments: Name to section.
    """

    file: Path
    base: Section
    environments: Mapping[str, Section]

    def chosen(self, environment: str) -> tuple[Section, ...]:
        """Return the sections in force, the highest first.

        Raises:
            ConfigError: The file has no such environment.
        """
        if not environment:
            return (self.base,)
        if environment not in self.environments:
            raise _unknown_environment(environment, self.file, self.environments)
        return (self.environments[environment], self.base)


def nearest(fields: Mapping[str, FieldInfo]) -> ProjectFile | None:
    """Return the project's file, or None where there is none.

    Args:
        fields: The settings by name.

    Raises:
        ConfigError: It cannot be read, others can change it, or a key in it is unknown or has a wrong value.
    """
    try:
        file = project.find(Path.cwd(), FILE_NAME)
    except OSError:  # the folder has been deleted
        return None
    return _read(file, fields) if file is not None else None


def sections(file: ProjectFile | None, environment: str) -> tuple[Section, ...]:
    """Return the sections in force, the highest first; none without a file.

    Raises:
        ConfigError: There is no such environment.
    """
    if file is not None:
        return file.chosen(environment)
    if environment:
        raise ConfigError(
            f"there is no environment {environment}: there is no {FILE_NAME} in this folder or above it",
            where="MLOPS_ENV",
            todo=f"write a section [env.{environment}] into {FILE_NAME}, or name no environment",
        )
    return ()


def environment_of(given: Mapping[str, Any]) -> str:
    """Return the chosen environment, by the option or else its variable; empty where none is chosen."""
    return str(given.get(ENVIRONMENTS) or os.environ.get("MLOPS_ENV") or "")


def _read(file: Path, fields: Mapping[str, FieldInfo]) -> ProjectFile:
    project.check_owned(file)
    document, text = project.document(file)
    return _Checking(file, lines_of(text), fields).checked(document)


@dataclass(frozen=True)
class _Checking:
    """One reading of a file."""

    file: Path
    lines: Mapping[tuple[str, ...], int]
    fields: Mapping[str, FieldInfo]

    def checked(self, document: Any) -> ProjectFile:
        environments = self._table(document.pop(ENVIRONMENTS, {}), ENVIRONMENTS)
        return ProjectFile(
            self.file,
            self._section(document, ()),
            {
                name: self._section(self._table(table, ENVIRONMENTS, name), (ENVIRONMENTS, name))
                for name, table in environments.items()
            },
        )

    def _section(self, table: Mapping[str, Any], path: tuple[str, ...]) -> Section:
        params = self._table(table.get(PARAMS, {}), *path, PARAMS)
        values = {name: value for name, value in table.items() if name != PARAMS}
        for name, value in values.items():
            self._check(name, value, path)
        return Section(
            self.file,
            self.lines,
            path,
            {name: self._located(name, value) for name, value in values.items()},
            {name: self._table(given, *path, PARAMS, name) for name, given in params.items()},
        )

    def _table(self, value: Any, *path: str) -> Mapping[str, Any]:
        if not isinstance(value, dict):
            raise ConfigError(f"{'.'.join(path)} must be a table", where=_place(self.file, self.lines, path))
        return value

    def _check(self, name: str, value: Any, path: tuple[str, ...]) -> None:
        place = _place(self.file, self.lines, path, name)
        field = self.fields.get(name) if name != ENVIRONMENTS else None
        if field is None:
            raise _unknown(name, place, [known for known in self.fields if known != ENVIRONMENTS])
        secrecy = secrecy_of(field)
        if (secrecy is Secrecy.ALWAYS and not is_reference(value)) or (
            isinstance(value, str) and has_password(value)
        ):
            raise ConfigError(
                f"{name}: a key or password does not belong into a file that is committed",
                where=place,
                todo="write env:NAME for a variable, or file:PATH for a file with mode 600"
                if secrecy
                else "leave it out",
            )
        if isinstance(value, (dict, list)) or not isinstance(value, (str, int, float)):
            raise ConfigError(f"{name}: must be a single value", where=place)
        if not (secrecy and is_reference(value)):
            _check_type(name, field, value, place)

    def _located(self, name: str, value: Any) -> Any:
        """Return a value with its relative path made absolute: the file's folder is where it begins."""
        if not isinstance(value, str) or not value:
            return value
        if "Path" in str(self.fields[name].annotation):
            return str(self.file.parent / Path(value).expanduser())
        path = value.removeprefix("sqlite:///")
        return f"sqlite:///{self.file.parent / path}" if path != value and path[:1] != "/" else value


def secrecy_of(field: FieldInfo) -> Secrecy:
    """Return how secret the value of a setting is."""
    extra = field.json_schema_extra
    return Secrecy(str(extra.get("secrecy", ""))) if isinstance(extra, dict) else Secrecy.NONE


def nearest_name(name: str, known: Iterable[str]) -> str:
    """Return the known name that is most like a given one; empty where none is."""
    plain = name.lower().removeprefix("mlops_").replace("-", "_")
    return next(iter(difflib.get_close_matches(plain, list(known), 1)), "")


def plain_message(error: ValidationError) -> str:
    """Return why a value is refused, without the value."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    return first["msg"].partition(", unable to parse")[0].replace("Input should be", "must be")


def _check_type(name: str, field: FieldInfo, value: Any, place: str) -> None:
    # TOML has types: a number in quotes is a text. Strict JSON takes a text for a path or a choice.
    kind: Any = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
    adapter: TypeAdapter[Any] = TypeAdapter(kind)
    try:
        adapter.validate_json(json.dumps(value), strict=True)
    except ValidationError as error:
        raise ConfigError(f"{name}: not a possible value: {plain_message(error)}", where=place) from None


def _place(file: Path, lines: Mapping[tuple[str, ...], int], path: tuple[str, ...], *keys: str) -> str:
    try:
        shown = file.relative_to(Path.cwd())
    except ValueError:
        shown = file
    section = f" [{'.'.join(path)}]" if path and keys else ""
    return f"{shown}:{line_of(lines, (*path, *keys))}{section}"


def _unknown(name: str, place: str, known: Iterable[str]) -> ConfigError:
    if name in _ELSEWHERE:
        return ConfigError(
            f"{name}: has its place in another file",
            where=place,
            todo=f"see [{_ELSEWHERE[name]}] of pyproject.toml",
        )
    close = nearest_name(name, [*known, PARAMS, ENVIRONMENTS])
    hint = f"; did you mean {close}?" if close else ""
    return ConfigError(f"there is no setting {name}{hint}", where=place, todo="see `mlops settings`")


def _unknown_environment(name: str, file: Path, known: Mapping[str, Section]) -> ConfigError:
    there = f"there are {', '.join(known)}" if known else "it has none"
    return ConfigError(
        f"there is no environment {name}; {there}", where=str(file), todo=f"write a section [env.{name}]"
    )

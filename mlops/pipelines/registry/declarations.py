"""Declarations of pipelines: built in, by entry points, or in the project's ``pyproject.toml``."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from mlops.pipelines.registry import project
from mlops.runs import names
from mlops.runs.errors import ConfigError, MlopsError

#: Group of entry points: ``name = "package.module:SPEC"``.
GROUP = "mlops.pipelines"


@dataclass(frozen=True)
class Declaration:
    """A name and the specification that it stands for.

    Attributes:
        name: Name of the pipeline.
        target: Module and attribute of the specification, ``package.module:SPEC``.
        place: Where it is declared, for people: a file and line, or a distribution.
        built_in: Whether it is part of this program.
        distribution: Name and version of the installed distribution that declares it; else empty.
        project: Folder of the project that declares it; None for an installed one.
        refused: Why it cannot be used, known without importing it.
    """

    name: str
    target: str
    place: str
    built_in: bool = False
    distribution: str = ""
    project: Path | None = None
    refused: MlopsError | None = None

    @property
    def module(self) -> str:
        """Name of the module that holds the specification."""
        return self.target.partition(":")[0]

    @property
    def attribute(self) -> str:
        """Name of the specification there."""
        return self.target.partition(":")[2]


def declarations(built_in: Mapping[str, str], folder: Path | None) -> list[Declaration]:
    """Return all declarations, those of the project last.

    Args:
        built_in: Name to target of the built-in pipelines.
        folder: Where the search for a project begins; None for no project.
    """
    found = [
        Declaration(name, target, "built into mlops", built_in=True) for name, target in built_in.items()
    ]
    found += _installed(tuple(sys.path))
    found += _of_project(folder) if folder is not None else ()
    return [_checked(one) for one in found]


def project_problem(folder: Path | None) -> ConfigError | None:
    """Return why the nearest ``pyproject.toml`` cannot be read, or None."""
    try:
        file = project.find(folder) if folder is not None else None
        if file is not None:
            project.table(file)
    except ConfigError as error:
        return error
    return None


@functools.cache
def _installed(_path: tuple[str, ...]) -> tuple[Declaration, ...]:
    """Return what installed distributions declare; they are searched once for each search path."""
    found: list[Declaration] = []
    for point in metadata.entry_points(group=GROUP):
        distribution = f"{point.dist.name} {point.dist.version}" if point.dist is not None else "unknown"
        place = f"entry point of {distribution}"
        found.append(Declaration(point.name, point.value, place, distribution=distribution))
    return tuple(found)


def _of_project(folder: Path) -> Iterator[Declaration]:
    try:
        file = project.find(folder)
        entries = project.table(file) if file is not None else {}
    except ConfigError:
        return  # reported by `project_problem` to whoever asks for a pipeline that nobody declares
    if file is None or not entries:
        return
    refused = _unsafe(file)
    for name, entry in entries.items():
        place = f"{file}:{entry.line}"
        yield Declaration(name, entry.target, place, project=file.parent, refused=refused)


def _unsafe(file: Path) -> ConfigError | None:
    try:
        for path in (file, file.parent):
            project.check_owned(path)
    except ConfigError as error:
        return error
    return None


def _checked(declaration: Declaration) -> Declaration:
    """Return a declaration, refused where its name or target has the wrong form."""
    if declaration.refused is not None:
        return declaration
    refused: MlopsError | None = None
    try:
        names.check_repository(declaration.name)
    except MlopsError as error:
        refused = ConfigError(
            f"the pipeline's name {declaration.name!r}: {error.what}", where=declaration.place
        )
    module, colon, attribute = declaration.target.partition(":")
    if not colon or not all(part.isidentifier() for part in (*module.split("."), attribute)):
        refused = ConfigError(
            f"{declaration.name} = {declaration.target!r} is not of the form package.module:SPEC",
            where=declaration.place,
        )
    return declaration if refused is None else Declaration(**{**vars(declaration), "refused": refused})

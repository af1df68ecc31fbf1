"""The code that is a pipeline's own: its package, as files whose digest is part of a run's inputs."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from mlops.runs.errors import ConfigError

#: Top-level package of this program; a pipeline in it is a folder further down.
PROGRAM = "mlops"


@dataclass(frozen=True)
class CodePackage:
    """A package, or a single module, that belongs to one pipeline.

    Attributes:
        name: Its dotted name.
        path: Its folder, or its file where it is a single module.
        version: Name and version of the installed distribution that it is part of; else empty.
    """

    name: str
    path: Path
    version: str = ""

    def files(self) -> list[tuple[str, Path]]:
        """Return name and path of each of its Python files, ascending.

        Raises:
            ConfigError: They cannot be read as files, e.g. because they are in an archive.
        """
        if self.path.is_file():
            return [(self.path.name, self.path)]
        found = sorted(self.path.rglob("*.py"))
        if not found:
            raise ConfigError(
                "the pipeline's code cannot be read as files, so no digest of it can be taken",
                where=str(self.path),
                todo="install it unpacked",
            )
        return [(f"{self.name}/{path.relative_to(self.path).as_posix()}", path) for path in found]


def package_of(module: str, version: str = "") -> CodePackage:
    """Return the package that is a pipeline's own, from the name of one of its modules, already imported.

    It is the outermost package on the way to the module that has an ``__init__``; a namespace that several
    distributions share is not one pipeline's. In this program it is the package that the module is in.
    """
    parts = module.split(".")
    prefixes = [".".join(parts[:end]) for end in range(1, len(parts) + 1)]
    if parts[0] == PROGRAM:
        prefixes = [module.rpartition(".")[0] or module]
    for name in prefixes:
        file = getattr(sys.modules.get(name), "__file__", None)
        if file is not None:
            path = Path(file)
            return CodePackage(name, path.parent if path.stem == "__init__" else path, version)
    raise ConfigError("its code is in no file", where=module)

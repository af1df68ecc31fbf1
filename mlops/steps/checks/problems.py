"""Problems of a pipeline: collected instead of raised, each with its place."""

from __future__ import annotations

import inspect
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.runs.errors import ConfigError, InputError, MlopsError, bounded

if TYPE_CHECKING:
    from mlops.pipelines.registry import CodePackage, Declaration


@dataclass
class Problems:
    """The problems found so far.

    Attributes:
        code: The pipeline's own code, whose lines are named where it fails.
        found: The problems, in the order in which they were found.
    """

    code: CodePackage
    found: list[MlopsError] = field(default_factory=list)

    def add(self, what: str, where: str, todo: str = "") -> None:
        """Add a problem of the specification or configuration."""
        self.found.append(ConfigError(what, where=where, todo=todo))

    @contextmanager
    def collected(self, doing: str, where: str = "") -> Iterator[None]:
        """Turn an exception of the block into a problem.

        Args:
            doing: What the pipeline was asked for, e.g. ``join``.
            where: Its place, where the exception does not say one.
        """
        try:
            yield
        except MlopsError as error:
            named = error.where if ":" in error.where or not where else where
            # A file or column that the error names is part of the sentence where the place is a line of code.
            thing = f"{error.where}: " if error.where and error.where != named else ""
            self.found.append(type(error)(f"{doing}: {thing}{error.what}", where=named, todo=error.todo))
        # A pipeline's functions are its author's, and may fail in any way.
        except Exception as error:
            what = f"{doing}: {type(error).__name__}: {bounded(str(error), 300)}"
            self.found.append(InputError(what, where=self._line(error) or where))

    def _line(self, error: Exception) -> str:
        """Return file and line of the innermost call of the pipeline's own code, or an empty text."""
        for frame in reversed(traceback.extract_tb(error.__traceback__)):
            if Path(frame.filename).is_relative_to(self.code.path):
                return f"{frame.filename}:{frame.lineno}"
        return ""


def line_of_attribute(declared: Declaration) -> str:
    """Return file and line of the assignment of a specification."""
    file = str(getattr(sys.modules[declared.module], "__file__", declared.module))
    pattern = re.compile(rf"{re.escape(declared.attribute)}\b.*=")
    try:
        lines = Path(file).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        lines = []
    number = next((n for n, line in enumerate(lines, 1) if pattern.match(line)), 1)
    return f"{file}:{number}"


def line_of(thing: Callable[..., Any] | type) -> str:
    """Return file and line of a function or class; empty where Python does not know them."""
    try:
        return f"{inspect.getsourcefile(thing)}:{inspect.getsourcelines(thing)[1]}"
    except (OSError, TypeError):
        return ""

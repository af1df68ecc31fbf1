"""Print the result of a command: lines for people, or one JSON document."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any

from mlops.runs.errors import SUCCESS, MlopsError
from mlops.runs.json_values import nulled

if TYPE_CHECKING:
    from mlops.steps.workspace import Workspace


_RED, _PLAIN = "\x1b[31m", "\x1b[0m"


@dataclass(frozen=True)
class Result:
    """The result of a command, for people and for scripts.

    Attributes:
        document: Plain values for ``--json``.
        lines: The same for people.
        exit_code: Code of the process; `NotPromoted.exit_code` if the gate refused a candidate, which is an
            answer and not an error.
    """

    document: Mapping[str, Any]
    lines: Sequence[str] = field(default_factory=tuple)
    exit_code: int = SUCCESS


class Alarm(str):
    """A line that is printed in red where the terminal has colours."""

    __slots__ = ()


class StoppedHalfway(Exception):
    """A command failed halfway; it carries the error and the result of what was done before and stays."""

    def __init__(self, error: MlopsError, done: Result) -> None:
        super().__init__(str(error))
        self.error = error
        self.done = done


def place_of(workspace: Workspace) -> dict[str, Any]:
    """Return the keys of a document that say which repository on which server a command worked on."""
    return {
        "pipeline": workspace.spec.name,
        "repository": workspace.lake.repository,
        "endpoint": workspace.lake.endpoint,
    }


def print_result(result: Result, command: str, *, as_json: bool, stdout: IO[str]) -> None:
    """Print the result of a command on standard output."""
    if as_json:
        _print_document({"command": command, "exit_code": result.exit_code, **result.document}, stdout)
        return
    _print_lines(result.lines, stdout)


def print_failure(
    error: MlopsError,
    command: str,
    *,
    as_json: bool,
    stdout: IO[str],
    stderr: IO[str],
    done: Result | None = None,
) -> None:
    """Print why a command failed: first what it did before, then the error as one line on standard error."""
    document = dict(done.document) if done else {}
    if as_json:
        _print_document({"command": command, **document, **error.fields()}, stdout)
    elif done is not None:
        _print_lines(done.lines, stdout)
    stdout.flush()
    print(f"error: {error}", file=stderr)


def _print_lines(lines: Sequence[str], stdout: IO[str]) -> None:
    coloured = stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
    for line in lines:
        print(f"{_RED}{line}{_PLAIN}" if coloured and isinstance(line, Alarm) else line, file=stdout)


def _print_document(document: Mapping[str, Any], stdout: IO[str]) -> None:
    # JSON knows no NaN: a metric that could not be computed is null.
    # An encoding that lacks a character would break the document: JSON has escapes of its own for that.
    plain = (getattr(stdout, "encoding", None) or "").lower().replace("-", "") != "utf8"
    text = json.dumps(nulled(document), indent=1, ensure_ascii=plain, default=str, allow_nan=False)
    print(text, file=stdout)

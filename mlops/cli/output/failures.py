"""Translate every exception into an error of one line that names its subject and the next step."""

from __future__ import annotations

import errno
import os
import tempfile
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from mlops.runs.errors import INTERRUPTED, ConfigError, MlopsError, ProtocolMisuse, bounded

#: Error of the operating system to what the user can do about it.
_LOCAL = {
    errno.ENOSPC: "free disk space, then run the same command again",
    errno.EDQUOT: "free disk space, then run the same command again",
    errno.EROFS: "name a folder that can be written in MLOPS_STATE_DIR",
    errno.EACCES: "check its owner and mode, or name another folder in MLOPS_STATE_DIR",
    errno.EPERM: "check its owner and mode, or name another folder in MLOPS_STATE_DIR",
    errno.ENOTDIR: "name another folder in MLOPS_STATE_DIR",
    errno.EEXIST: "name another folder in MLOPS_STATE_DIR",
}

#: Message of SQLite below the orchestrator's tables to the system error that causes it.
_DATABASES = {
    "database or disk is full": errno.ENOSPC,
    "attempt to write a readonly database": errno.EROFS,
    "unable to open database file": errno.EACCES,
}


class UsageFailure(MlopsError):
    """The command line has a wrong option or argument."""

    exit_code: ClassVar[int] = ConfigError.exit_code


class LocalFailure(MlopsError):
    """This machine refused to read or write a file."""


class Unexpected(MlopsError):
    """An exception that nothing in the project expected: a defect."""


class Interrupted(MlopsError):
    """The user stopped the command."""

    exit_code: ClassVar[int] = INTERRUPTED


def failure_of(error: BaseException, command: str, state_dir: Path) -> MlopsError:
    """Return the error that is shown for an exception; a defect's traceback is written to a log file."""
    if is_interruption(error):
        return interrupted()
    usage = _usage(error, command)
    if usage is not None:
        return usage
    known = _known(error)
    if isinstance(known, ProtocolMisuse):
        return _with_log(known, _write_log(error, state_dir))
    if known is not None:
        return known
    local = _local(error, state_dir)
    if local is not None:
        return local
    what = bounded(f"unexpected {type(error).__name__}: {error}", 300)
    return Unexpected(what, todo=_see(_write_log(error, state_dir)))


def _local(error: BaseException, state_dir: Path) -> LocalFailure | None:
    """Return an error if the local file system refused something, else None."""
    if isinstance(error, OSError) and error.errno is not None:
        where = str(error.filename or state_dir)
        known = _LOCAL.get(error.errno)
        if error.errno == errno.ENOENT and Path(where) in {state_dir, *state_dir.parents}:
            known = "name another folder in MLOPS_STATE_DIR"
        return LocalFailure(os.strerror(error.errno), where=where, todo=known) if known else None
    for cause in _chain(error):
        for words, number in _DATABASES.items():
            if words in str(cause):
                return LocalFailure(words, where=str(state_dir), todo=_LOCAL[number])
    return None


def is_interruption(error: BaseException) -> bool:
    """Return whether the user stopped the command; Dagster has an exception of its own for that."""
    return isinstance(error, KeyboardInterrupt) or type(error).__name__ == "DagsterExecutionInterruptedError"


def interrupted() -> Interrupted:
    """Return the error that is shown if the user stopped a command."""
    return Interrupted("interrupted", todo="run the same command again to continue")


def _usage(error: BaseException, command: str) -> UsageFailure | None:
    from typer.exceptions import TyperException

    if not isinstance(error, TyperException):
        return None
    text = _plain(error.format_message().replace("Value error, ", "").strip().rstrip("."))
    return UsageFailure(text, todo=f"see `{' '.join(filter(None, ('mlops', command)))} --help`")


def _plain(text: str) -> str:
    """Return a library's message about a value, without its words for programmers."""
    return (
        text.partition(", unable to parse")[0]
        .replace("Input should be a valid integer", "must be a whole number")
        .replace("Input should be", "must be")
    )


def _known(error: BaseException | None) -> MlopsError | None:
    """Return the first error of this project in a chain of causes: orchestrators wrap what steps raise."""
    return next((cause for cause in _chain(error) if isinstance(cause, MlopsError)), None)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        yield error
        seen.add(id(error))
        error = error.__cause__


def _with_log(error: MlopsError, log: str) -> MlopsError:
    return type(error)(error.what, where=error.where, todo="; ".join(filter(None, (error.todo, _see(log)))))


def _see(log: str) -> str:
    return f"this is a defect; the traceback is in {log}" if log else "this is a defect"


def _write_log(error: BaseException, state_dir: Path) -> str:
    """Write a traceback that only its owner may read; return its path, or "" if no folder takes it."""
    text = "".join(traceback.format_exception(error))
    name = f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{os.getpid()}.log"
    for folder in (state_dir / "logs", Path(tempfile.gettempdir())):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as out:
                out.write(text)
        except OSError:
            continue
        return str(folder / name)
    return ""

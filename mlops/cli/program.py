"""The command line: parses, calls the steps, prints. Nothing heavy is imported until a command needs it."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import sys
import warnings
from collections.abc import Iterator, Sequence

from mlops.cli.output.failures import UsageFailure, failure_of, interrupted, is_interruption
from mlops.cli.output.progress import Progress
from mlops.cli.output.results import Result, StoppedHalfway, print_failure, print_result
from mlops.cli.session import Outside, Session

_INTERRUPTED = 130
_BROKEN_PIPE = 141


def main() -> None:
    """Run the command that the program was called with, and exit."""
    _open_streams()
    try:
        with _quiet():
            code = run(sys.argv[1:])
            sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output has seen enough; the interpreter must not complain at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = _BROKEN_PIPE
    sys.exit(code)


def _open_streams() -> None:
    """Let whatever is printed be printed: a stream may be closed, and a terminal may not know a character."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            # It takes the place of what is closed, so that no file opened later is printed into.
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8"))
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def run(arguments: Sequence[str], outside: Outside | None = None) -> int:
    """Run a command and return its exit code; no exception leaves, but for a reader that went away.

    Args:
        arguments: What follows the program's name.
        outside: What the command leaves the command line for; by default the real thing.
    """
    stdout, stderr = sys.stdout, sys.stderr
    as_json = "--json" in arguments
    progress = Progress(stderr)
    session = Session(progress, outside or Outside())
    try:
        with contextlib.redirect_stdout(stderr) if as_json else contextlib.nullcontext():
            answer = _parse_and_call(arguments, session)
        progress.close()
        if answer == _INTERRUPTED:
            raise interrupted()
        if isinstance(answer, Result):
            print_result(answer, session.command, as_json=as_json, stdout=stdout)
            return answer.exit_code
        return answer if isinstance(answer, int) else 0
    except BrokenPipeError:
        raise
    except BaseException as raised:
        progress.close()
        if not isinstance(raised, Exception) and not is_interruption(raised):
            raise
        done = raised.done if isinstance(raised, StoppedHalfway) else None
        cause = raised.error if isinstance(raised, StoppedHalfway) else raised
        error = failure_of(cause, session.command, session.state_dir)
        print_failure(error, session.command, as_json=as_json, stdout=stdout, stderr=stderr, done=done)
        return error.exit_code


def _parse_and_call(arguments: Sequence[str], session: Session) -> object:
    from mlops.cli.app import app
    from mlops.cli.commands import completion

    completion.prepare()
    for position, argument in enumerate(arguments, 1):
        if not _is_text(argument):
            raise UsageFailure(
                f"argument {position} cannot be read as text in the encoding {sys.getfilesystemencoding()}",
                where=argument,
                todo="set LC_ALL to a UTF-8 locale, e.g. C.UTF-8",
            )
    return app(args=list(arguments) or ["--help"], prog_name="mlops", standalone_mode=False, obj=session)


def _is_text(argument: str) -> bool:
    # Bytes that the encoding of the terminal does not know arrive as halves of a surrogate pair.
    try:
        argument.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep libraries from talking over the command; ``-W`` and ``PYTHONWARNINGS`` let them."""
    with warnings.catch_warnings():
        if not sys.warnoptions:
            warnings.simplefilter("ignore")
        for name in ("alembic", "dagster", "great_expectations", "mlflow", "urllib3"):
            logging.getLogger(name).setLevel(logging.ERROR)
        yield

"""Run one command from its arguments to its exit code, and print its result or its error."""

from __future__ import annotations

import contextlib
import gc
import io
import logging
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from typing import IO

from mlops.cli.notifying import notify
from mlops.cli.output.failures import UsageFailure, failure_of, interrupted, is_interruption
from mlops.cli.output.progress import Progress
from mlops.cli.output.results import Result, StoppedHalfway, print_failure, print_result
from mlops.cli.session import Dependencies, Session, start_tracker
from mlops.runs.errors import BROKEN_PIPE, INTERRUPTED, SUCCESS

#: After how many new objects Python looks for garbage; 700 by default.
ALLOCATIONS_PER_COLLECTION = 100_000


def main() -> None:
    """Run the command that the program was called with, and exit."""
    _open_streams()
    # Imports make many objects that stay: looking for garbage among them takes a fifth of their time.
    gc.set_threshold(ALLOCATIONS_PER_COLLECTION)
    try:
        with _quiet():
            code = run(sys.argv[1:], Dependencies(start_tracker=start_tracker))
            sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output has seen enough; the interpreter must not complain at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = BROKEN_PIPE
    gc.freeze()  # the interpreter looks for garbage once more at its end
    sys.exit(code)


def _open_streams() -> None:
    """Make sure that printing cannot fail, on a closed stream or a terminal that lacks a character."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            # It takes the descriptor of the closed stream, so that no file opened later is printed into.
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8"))
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def run(arguments: Sequence[str], dependencies: Dependencies | None = None) -> int:
    """Run a command and return its exit code; every error is printed, not raised.

    Args:
        arguments: The arguments after the program's name.
        dependencies: What the command works with; by default the real servers and stores.

    Raises:
        BrokenPipeError: Nobody reads the output any more.
    """
    stdout, stderr = sys.stdout, sys.stderr
    as_json = "--json" in arguments
    progress = Progress(stderr)
    session = Session(progress, dependencies or Dependencies())
    try:
        with contextlib.redirect_stdout(stderr) if as_json else contextlib.nullcontext():
            answer = _parse_and_call(arguments, session)
        progress.close()
        code = _print_answer(answer, session.command, as_json=as_json, stdout=stdout)
        if isinstance(answer, Result):
            notify(session, answer.document)
        return code
    except BrokenPipeError:
        raise
    except BaseException as raised:
        progress.close()
        if not isinstance(raised, Exception) and not is_interruption(raised):
            raise
        return _print_error(raised, session, as_json=as_json, stdout=stdout, stderr=stderr)


def _print_answer(answer: object, command: str, *, as_json: bool, stdout: IO[str]) -> int:
    """Print what a command returned and return its exit code; `--help` returns a code and has printed."""
    if answer == INTERRUPTED:
        raise interrupted()
    if isinstance(answer, Result):
        print_result(answer, command, as_json=as_json, stdout=stdout)
        return answer.exit_code
    return answer if isinstance(answer, int) else SUCCESS


def _print_error(
    raised: BaseException, session: Session, *, as_json: bool, stdout: IO[str], stderr: IO[str]
) -> int:
    """Print why a command failed, after the result of what was done before; return the exit code."""
    done = raised.done if isinstance(raised, StoppedHalfway) else None
    cause = raised.error if isinstance(raised, StoppedHalfway) else raised
    error = failure_of(cause, session.command, session.state_dir)
    print_failure(error, session.command, as_json=as_json, stdout=stdout, stderr=stderr, done=done)
    notify(session, error)
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
    # Bytes that are invalid in the terminal's encoding arrive as halves of a surrogate pair.
    try:
        argument.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence warnings and chatter of libraries, unless `-W` or `PYTHONWARNINGS` asks for them."""
    with warnings.catch_warnings():
        if not sys.warnoptions:
            warnings.simplefilter("ignore")
        for name in ("alembic", "dagster", "great_expectations", "mlflow", "urllib3"):
            logging.getLogger(name).setLevel(logging.ERROR)
        yield

"""Print progress on standard error: plain lines, and on a terminal a spinner with the seconds elapsed."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    import rich.progress


class Progress:
    """Prints lines of progress; the newest one says what the command is doing now.

    On a terminal the newest line has a spinner and the seconds it has taken so far.
    """

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._live = _Live(stream) if stream.isatty() else None

    def report(self, line: str) -> None:
        """Print a line."""
        if self._live is not None:
            self._live.report(line)
        else:
            print(line, file=self._stream, flush=True)

    def close(self) -> None:
        """Stop the spinner and leave the lines as they are."""
        if self._live is not None:
            self._live.close()


class _Live:
    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._display: rich.progress.Progress | None = None
        self._line = ""

    def report(self, line: str) -> None:
        display = self._started()
        self._keep_line(display)
        self._line = line
        for task in list(display.task_ids):
            display.remove_task(task)
        display.add_task(line, total=None)

    def close(self) -> None:
        if self._display is not None:
            self._display.stop()
            self._display = None
        if self._line:
            print(self._line, file=self._stream, flush=True)
            self._line = ""

    def _keep_line(self, display: rich.progress.Progress) -> None:
        if self._line:
            display.console.print(self._line, markup=False, highlight=False)

    def _started(self) -> rich.progress.Progress:
        if self._display is None:
            self._display = _display(self._stream)
            self._display.start()
        return self._display


def _display(stream: IO[Any]) -> rich.progress.Progress:
    from rich.console import Console
    from rich.progress import Progress as Display
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

    return Display(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        TimeElapsedColumn(),
        console=Console(file=stream),
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )

"""The process that runs Lua scripts, spoken to on its standard streams.

It ends when its standard input ends. Where the system allows, it cannot open files or start processes once it
is up, and a script that outlives its time ends the process even if nobody kills it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from typing import Any, BinaryIO

from mlops.lakeserver.hooks.lua.clock import ScriptClock
from mlops.lakeserver.hooks.lua.protocol import BrokenFrame, read_frame, write_frame

_GRACE_S = 2.0
_PYTHON_BYTES = 1 << 30


def main() -> None:
    """Run scripts until the server goes away."""
    requests, answers = _take_streams()
    with contextlib.suppress(BrokenFrame, OSError, KeyboardInterrupt):
        Worker(requests, answers).serve()


def _take_streams() -> tuple[BinaryIO, BinaryIO]:
    """Return the pipe ends, moved to other descriptors so that nothing else can write to them."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    os.close(nothing)
    return requests, answers


class Worker:
    """One conversation with the server."""

    def __init__(self, requests: BinaryIO, answers: BinaryIO) -> None:
        self._requests = requests
        self._answers = answers
        self._clock = ScriptClock()

    def serve(self) -> None:
        """Answer one request after the other."""
        settings, _ = read_frame(self._requests)
        sandbox = self._sandbox(settings)
        _load_late_modules()
        _lock_down(settings["memory_bytes"])
        while True:
            request, source = read_frame(self._requests)
            _set_alarm(request["wall_clock_s"] + _GRACE_S)
            self._clock.start(request["script_cpu_s"], request["host_cpu_s"])
            try:
                header, output = self._run(sandbox, request, source)
            finally:
                self._clock.stop()
                _set_alarm(0)
            write_frame(self._answers, header, output)
            # The next script finds its interpreter ready.
            sandbox = self._sandbox(settings)

    def _sandbox(self, settings: dict[str, Any]) -> Any:
        from mlops.lakeserver.hooks.lua.sandbox import Sandbox

        return Sandbox(
            self._ask,
            clock=self._clock,
            instructions=settings["instructions"],
            memory_bytes=settings["memory_bytes"],
            output_bytes=settings["output_bytes"],
        )

    def _run(self, sandbox: Any, request: dict[str, Any], source: bytes) -> tuple[dict[str, Any], bytes]:
        variables = {name: decode(value) for name, value in request["variables"].items()}
        try:
            kind, message, output = sandbox.run(source, variables)
        except (BrokenFrame, ConnectionError):
            raise
        except Exception as error:
            # The interpreter itself gave up; the script has not passed.
            kind, message, output = "runtime", f"{type(error).__name__}: {error}".encode(), b""
        return {"kind": kind, "message": message.decode("latin-1")}, output

    def _ask(self, operation: str, arguments: list[Any]) -> tuple[int, Any, bytes]:
        write_frame(self._answers, {"call": operation, "arguments": arguments})
        answer, raw = read_frame(self._requests)
        return answer["status"], answer.get("body"), raw


def encode(value: Any) -> Any:
    """`value` for a JSON frame, dicts as lists of pairs because their keys need not be text."""
    if isinstance(value, dict):
        return {"pairs": [[encode(key), encode(item)] for key, item in value.items()]}
    return [encode(item) for item in value] if isinstance(value, list) else value


def decode(value: Any) -> Any:
    """Return the value that `encode` was given."""
    if isinstance(value, dict):
        return {decode(key): decode(item) for key, item in value["pairs"]}
    return [decode(item) for item in value] if isinstance(value, list) else value


def _set_alarm(seconds: float) -> None:
    """End the process after `seconds` unless the alarm is set again; 0 sets none."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, seconds)


def _load_late_modules() -> None:
    """Load everything that a script may need: afterwards no file can be opened any more."""
    import unicodedata  # noqa: F401
    import zoneinfo  # noqa: F401

    from mlops.lakeserver.hooks.golang import go_yaml, go_yaml_dump

    go_yaml.load(b"a: [1, true, 'x', 2013-01-01]")
    go_yaml_dump.dumps({b"a": [1.0, True, b"x"]})


def _lock_down(memory_bytes: int) -> None:
    try:
        import resource
    except ImportError:
        return
    limits = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NOFILE: 0,
        resource.RLIMIT_AS: _PYTHON_BYTES + 4 * memory_bytes,
        getattr(resource, "RLIMIT_NPROC", resource.RLIMIT_CORE): 0,
    }
    for limit, value in limits.items():
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(limit, (value, value))


if __name__ == "__main__":
    if hasattr(signal, "SIGALRM"):
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
    main()
    sys.exit(0)

"""Warm Lua worker processes: one script at a time each, killed when a script takes too long."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO, cast

from mlops.lakeserver.hooks.interface import Limits
from mlops.lakeserver.hooks.lua.protocol import BrokenFrame, read_frame, write_frame

_MAX_RUNS = 1_000
# The packages above this one are entered without running them: the worker imports what it needs and no more.
_START = """
import sys
paths, packages = {paths!r}, {packages!r}
sys.path[:0] = paths
for name, folder in packages:
    sys.modules[name] = type(sys)(name)
    sys.modules[name].__path__ = [folder]
from {package}.worker import main
main()
"""

Answers = Callable[[str, list[Any]], tuple[int, Any, bytes]]


@dataclass(frozen=True)
class LuaResult:
    """The result of a script: "ok", "runtime", "syntax" or "killed"; texts may not be valid UTF-8."""

    kind: str
    message: bytes
    output: bytes


class LuaPool:
    """Worker processes, started when first needed and used again."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._idle: list[_Worker] = []
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._closed = False
        self._places = threading.BoundedSemaphore(limits.lua_workers)
        self._held = threading.local()

    def run(self, source: bytes, variables: dict[str, Any], answers: Answers) -> LuaResult:
        """Run a script to its end; `answers` serves its requests on this thread.

        Whatever `answers` raises comes through here, and the worker is gone.
        """
        with self._place():
            worker = self._take()
            try:
                result = worker.run(source, variables, answers)
            except BaseException:
                worker.kill()
                raise
            self._give_back(worker, result)
            return result

    @contextlib.contextmanager
    def _place(self) -> Iterator[None]:
        """Occupy a slot for running a script; a nested script needs none."""
        if getattr(self._held, "place", False):
            yield
            return
        with self._places:
            self._held.place = True
            try:
                yield
            finally:
                self._held.place = False

    def close(self) -> None:
        """Stop all idle workers, and keep none from now on."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
            if self._pid != os.getpid():
                return
        for worker in idle:
            worker.kill()

    def _take(self) -> _Worker:
        with self._lock:
            if self._pid != os.getpid():
                # A fork: the workers belong to the process that started them.
                self._pid, self._idle = os.getpid(), []
            while self._idle:
                worker = self._idle.pop()
                if worker.alive():
                    return worker
                worker.kill()
        return _Worker(self._limits)

    def _give_back(self, worker: _Worker, result: LuaResult) -> None:
        used_up = (
            result.kind == "killed" or b"not enough memory" in result.message or worker.runs >= _MAX_RUNS
        )
        with self._lock:
            if not used_up and not self._closed and len(self._idle) < self._limits.lua_workers:
                self._idle.append(worker)
                return
        worker.kill()


class _Worker:
    """One process and the pipes to it."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.runs = 0
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _start()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"LANG": "C.UTF-8", "PYTHONHASHSEED": "random"},
            start_new_session=True,
        )
        self._to, self._from = cast(BinaryIO, self._process.stdin), cast(BinaryIO, self._process.stdout)
        with contextlib.suppress(OSError):
            write_frame(
                self._to,
                {
                    "instructions": limits.lua_instructions,
                    "memory_bytes": limits.lua_memory_bytes,
                    "output_bytes": limits.lua_output_bytes,
                },
            )

    def alive(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        self._process.kill()
        for stream in (self._to, self._from):
            with contextlib.suppress(OSError):
                stream.close()
        self._process.wait()

    def run(self, source: bytes, variables: dict[str, Any], answers: Answers) -> LuaResult:
        self.runs += 1
        overdue = threading.Event()

        def end() -> None:
            overdue.set()
            self._process.kill()

        timer = threading.Timer(self._limits.lua_wall_clock_s, end)
        timer.daemon = True
        timer.start()
        try:
            return self._converse(source, variables, answers)
        except (BrokenFrame, OSError):
            return LuaResult("killed", self._why_ended(overdue.is_set()).encode(), b"")
        finally:
            timer.cancel()

    def _why_ended(self, overdue: bool) -> str:
        if overdue:
            return f"the script was ended after {self._limits.lua_wall_clock_s:g} s"
        self._process.kill()
        signal_number = -self._process.wait()
        if signal_number == getattr(signal, "SIGPROF", 0):
            return f"the script was ended after {self._limits.lua_cpu_s:g} s of processor time"
        if signal_number == getattr(signal, "SIGVTALRM", 0):
            limit_s = self._limits.lua_host_cpu_s
            return f"the script was ended after {limit_s:g} s of processor time in the functions it called"
        return "the script ended its process"

    def _converse(self, source: bytes, variables: dict[str, Any], answers: Answers) -> LuaResult:
        from mlops.lakeserver.hooks.lua.worker import encode

        header = {
            "wall_clock_s": self._limits.lua_wall_clock_s,
            "script_cpu_s": self._limits.lua_cpu_s,
            "host_cpu_s": self._limits.lua_host_cpu_s,
            "variables": {name: encode(value) for name, value in variables.items()},
        }
        write_frame(self._to, header, source)
        while True:
            reply, output = read_frame(self._from)
            if "call" not in reply:
                return LuaResult(reply["kind"], reply["message"].encode("latin-1"), output)
            status, body, raw = answers(reply["call"], reply["arguments"])
            write_frame(self._to, {"status": status, "body": body}, raw)


@lru_cache(maxsize=1)
def _start() -> str:
    package = __name__.rpartition(".")[0]
    names, folder, packages = package.split("."), Path(__file__).resolve().parent, []
    while names:
        packages.insert(0, (".".join(names), str(folder)))
        names, folder = names[:-1], folder.parent
    return _START.format(paths=_paths(), packages=packages, package=package)


def _paths() -> list[str]:
    """Return the folders of lupa and yaml for the worker; all else is in the standard library."""
    paths = []
    for name in ("lupa", "yaml"):
        spec = find_spec(name)
        if spec and spec.origin:
            paths.append(str(Path(spec.origin).resolve().parents[1]))
    return list(dict.fromkeys(paths))

"""Processor time of a script, counted by the system: a script can keep Lua itself from counting."""

from __future__ import annotations

import signal


class ScriptClock:
    """Ends this process once a script has computed for too long; it does nothing until it is started.

    The interpreter has little time, which runs only while it computes; the functions of the host, which may
    have megabytes to read, have more. The system has to offer interval timers (not Windows).
    """

    def __init__(self) -> None:
        self._running = False

    def start(self, script_s: float, host_s: float) -> None:
        """Let the time run: `script_s` for the interpreter, `host_s` for the whole process (user time)."""
        if hasattr(signal, "setitimer"):
            for number in (signal.SIGPROF, signal.SIGVTALRM):
                signal.signal(number, signal.SIG_DFL)
            signal.setitimer(signal.ITIMER_VIRTUAL, host_s)
            signal.setitimer(signal.ITIMER_PROF, script_s)
            self._running = True

    def stop(self) -> None:
        """Stop counting: the script has ended."""
        if self._running:
            self._running = False
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            signal.setitimer(signal.ITIMER_PROF, 0)

    def pause(self) -> float:
        """Stop counting for the interpreter and return the seconds that it has left."""
        return signal.setitimer(signal.ITIMER_PROF, 0)[0] if self._running else 0.0

    def resume(self, left_s: float) -> None:
        """Count for the interpreter again, which has `left_s` left."""
        if self._running:
            signal.setitimer(signal.ITIMER_PROF, max(left_s, 0.001))

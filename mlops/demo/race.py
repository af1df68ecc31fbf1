"""A race between this process and another one: both decide first, then both promote."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from mlops.demo.worker import summary
from mlops.runs.errors import ProtocolMisuse
from mlops.steps import run as running

if TYPE_CHECKING:
    from mlops.settings import Settings
    from mlops.steps.workspace import Workspace


class Race:
    """The second process, started when this is made and ended by `close`."""

    def __init__(self, settings: Settings, workspace: Workspace) -> None:
        self._workspace = workspace
        command = [sys.executable, "-m", "mlops.demo.worker", str(settings.state_dir), workspace.spec.name]
        self._other = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._ready = False

    def run(self, mine: dict[str, Any], theirs: dict[str, Any]) -> list[dict[str, Any]]:
        """Run the race and return how each run ended, the winner first."""
        if not self._ready:
            self._hear("ready")
            self._ready = True
        workspace = self._workspace
        self._say({"params": theirs})
        run = running.open_(workspace, workspace.spec.parameters(mine))
        run = running.evaluate(workspace, run)
        decided = self._hear("decided")
        # Both have decided by now, and neither has promoted: this is the barrier.
        if decided["fork"] != run.fork:
            raise ProtocolMisuse("the two runs of the race forked from different commits", where=run.branch)
        self._say({"go": True})
        ended = [summary(running.promote(workspace, run)), self._hear("ended")]
        return sorted(ended, key=lambda end: (end["decided_again"], -end["number"]))

    def close(self) -> None:
        """End the other process, whatever it is doing."""
        if self._other.stdin is not None:
            self._other.stdin.close()
        if self._other.poll() is None:
            self._other.terminate()
        self._other.wait(timeout=30)
        if self._other.stdout is not None:
            self._other.stdout.close()

    def _say(self, value: dict[str, Any]) -> None:
        if self._other.stdin is None:
            raise ProtocolMisuse("the second process has no input", where="race")
        self._other.stdin.write(json.dumps(value) + "\n")
        self._other.stdin.flush()

    def _hear(self, what: str) -> Any:
        line = self._other.stdout.readline() if self._other.stdout is not None else ""
        if not line:
            raise ProtocolMisuse(f"the second process ended before it was {what}", where="race")
        return json.loads(line)[what]

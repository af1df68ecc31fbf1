"""The services of ``infra/compose.yaml`` as processes: their commands and environments, on other ports."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.infra.postgres import program

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "infra" / "compose.yaml"
DOCKERFILE = ROOT / "infra" / "mlflow.Dockerfile"

_VARIABLE = re.compile(r"\$(?:\$|\{(\w+)(?::\?[^}]*)?\})")


def services() -> dict[str, Any]:
    """Return the services as they are written."""
    return yaml.safe_load(FILE.read_text(encoding="utf-8"))["services"]


def command_of(service: Mapping[str, Any]) -> list[str]:
    """Return what a service runs: its entry point and command, or the command of the image built for it."""
    if "build" in service:
        return json.loads(re.findall(r"^CMD (\[.*\])$", DOCKERFILE.read_text(encoding="utf-8"), re.M)[0])
    return [*service.get("entrypoint", []), *service.get("command", [])]


@dataclass
class Machine:
    """This machine in place of the containers.

    Attributes:
        folder: Where processes work and keep data, in place of volumes.
        secrets: The content of ``.env``.
        here: What names a container or one of its ports, and what is there instead.
    """

    folder: Path
    secrets: Mapping[str, str]
    here: Mapping[str, str]
    _running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, name: str) -> subprocess.Popen[bytes]:
        """Start a service."""
        service = services()[name]
        log = (self.folder / f"{name}.log").open("ab")
        process = subprocess.Popen(
            [self._text(part) for part in command_of(service)],
            cwd=self.folder,
            env=self._environment(service),
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        log.close()
        self._running.append(process)
        return process

    def is_healthy(self, name: str) -> bool:
        """Return whether the health check of a service succeeds."""
        service = services()[name]
        kind, *check = service["healthcheck"]["test"]
        assert kind == "CMD"
        checked = subprocess.run(
            [self._text(part) for part in check],
            env=self._environment(service),
            capture_output=True,
            check=False,
        )
        return checked.returncode == 0

    def wait(self, name: str, process: subprocess.Popen[bytes], timeout_s: float = 120) -> None:
        """Return once a service is healthy."""
        deadline = time.monotonic() + timeout_s
        while not self.is_healthy(name):
            assert process.poll() is None, self.log(name)
            assert time.monotonic() < deadline, self.log(name)

    def log(self, name: str) -> str:
        """Return what a service has printed."""
        return (self.folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")

    def stop(self) -> None:
        """Stop all that was started here."""
        for process in self._running:
            process.terminate()
        for process in self._running:
            process.wait(timeout=60)
        self._running.clear()

    def _environment(self, service: Mapping[str, Any]) -> dict[str, str]:
        # The containers have nothing but what their image and the file give them.
        path = [str(ROOT / ".venv/bin"), str(Path(program("psql")).parent), *os.environ["PATH"].split(":")]
        given = {key: self._text(str(value)) for key, value in service.get("environment", {}).items()}
        return {"PATH": ":".join(path), "HOME": str(self.folder), "LANG": "C.UTF-8", **given}

    def _text(self, text: str) -> str:
        """Return text with variables put in, and with this machine's addresses."""
        for there, here in self.here.items():
            text = text.replace(there, here)
        return _VARIABLE.sub(lambda match: self.secrets[match[1]] if match[1] else "$", text)


def answer(address: str) -> int:
    """Return the status of an address; 0 where nobody listens."""
    try:
        with urllib.request.urlopen(address, timeout=10) as response:  # noqa: S310 - a fixed loopback address
            return response.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0

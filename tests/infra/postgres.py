"""A PostgreSQL server of the test's own, set up as PostgreSQL's image sets one up."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

#: Where Debian keeps the programs of each version, beside those on PATH.
_DEBIAN = "/usr/lib/postgresql"


def program(name: str) -> str:
    """Return the path of one of PostgreSQL's programs, the newest there is; empty where there is none."""
    versions = sorted(Path(_DEBIAN).glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3].split(".")[0]))
    return str(versions[-1]) if versions else shutil.which(name) or ""


class Postgres:
    """A server on a free port, with a password for every connection."""

    def __init__(self, port: int, password: str) -> None:
        self.port = port
        # PostgreSQL refuses to run as root, and no other user can enter pytest's own folder.
        self._folder = Path(tempfile.mkdtemp(prefix="pg-"))
        secret = self._folder / "password"
        secret.write_text(password, encoding="utf-8")
        if os.geteuid() == 0:
            for path in (self._folder, secret):
                shutil.chown(path, "postgres", "postgres")
        self._data = self._folder / "data"
        options = ["--auth=scram-sha-256", "--username=postgres", f"--pwfile={secret}", "--no-sync"]
        self._call(program("initdb"), *options, f"--pgdata={self._data}")
        listen = f"-c listen_addresses=127.0.0.1 -p {port} -k {self._folder} -c fsync=off"
        log = self._folder / "log"
        self._call(program("pg_ctl"), "start", "-D", str(self._data), "-o", listen, "-l", str(log), "-w")

    def stop(self) -> None:
        """Stop the server and remove what it kept."""
        self._call(program("pg_ctl"), "stop", "-D", str(self._data), "-m", "immediate", "-w")
        shutil.rmtree(self._folder)

    @staticmethod
    def _call(*command: str) -> None:
        as_user: Sequence[str] = ()
        if os.geteuid() == 0:
            as_user = ("setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups")
        done = subprocess.run(
            [*as_user, *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if "start" not in command else subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            cwd="/",
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{(done.stdout or b'').decode()}"

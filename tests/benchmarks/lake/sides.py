"""The servers that are compared: the embedded one, durable or not, and the real program."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mlops.adapters import server_process
from mlops.adapters.lake import credentials as lake_credentials
from mlops.adapters.lake import servers
from mlops.adapters.lake.credentials import Credentials
from tests.benchmarks.lake import filling
from tests.benchmarks.lake.raw import RawClient

OURS, OURS_OS, THEIRS = "ours", "ours_os", "theirs"


@dataclass(frozen=True)
class LakeSide:
    """One of the servers.

    Attributes:
        credentials: Its address and key.
        sizes: Objects by repository; `main` of each has so many.
    """

    credentials: Credentials
    sizes: dict[str, int]

    def client(self, repository: str) -> RawClient:
        """Return a new connection for one repository."""
        return RawClient(self.credentials, repository)


def name_of(size: int) -> str:
    """Return the name of the repository of so many objects."""
    return f"objects-{size}"


@contextmanager
def embedded(folder: Path, durability: str, sizes: tuple[int, ...]) -> Iterator[LakeSide]:
    """Run the embedded server on a store that has the repositories; it is stopped in the end."""
    state_dir = folder / f"embedded-{durability}"
    state_dir.mkdir(parents=True)
    names = {name_of(size): size for size in sizes}
    filling.fill_store(state_dir / "lake", names)
    credentials = lake_credentials.generate(f"http://127.0.0.1:{server_process.free_port(0)}")
    file = state_dir / lake_credentials.FILE_NAME
    lake_credentials.save(credentials, file)
    command = [sys.executable, "-m", servers.EMBEDDED, "--data", str(state_dir / "lake")]
    command += ["--listen", credentials.endpoint.partition("://")[2], "--credentials", str(file)]
    try:
        server_process.start(
            [*command, "--durability", durability],
            name=servers.NAME,
            state_dir=state_dir,
            address=credentials.endpoint,
            ready_path=servers.HEALTH,
            env={key: value for key, value in os.environ.items() if not key.startswith("LAKESERVER_")},
        )
        yield LakeSide(credentials, names)
    finally:
        servers.stop(state_dir)


@contextmanager
def real(folder: Path, sizes: tuple[int, ...]) -> Iterator[LakeSide]:
    """Run the real program with the repositories; it is stopped in the end."""
    state_dir, source = folder / "real", folder / "source"
    filling.make_source(source, max(sizes))
    credentials = lake_credentials.generate(f"http://127.0.0.1:{server_process.free_port(0)}")
    home = state_dir / "lakefs"
    config = _config(home, credentials, source)
    try:
        server_process.start(
            [servers.find_lakefs(), "run", "--config", str(config)],
            name=servers.NAME,
            state_dir=state_dir,
            address=credentials.endpoint,
            ready_path=servers.HEALTH,
            env=servers.lakefs_environment(home, credentials),
        )
        side = LakeSide(credentials, {name_of(size): size for size in sizes})
        for name, size in side.sizes.items():
            filling.import_into(side.credentials, name, source, size)
        yield side
    finally:
        servers.stop(state_dir)


def _config(home: Path, credentials: Credentials, source: Path) -> Path:
    """Write the configuration that the product writes, and let files of a folder be imported."""
    import yaml

    home.mkdir(parents=True)
    config = servers.write_config(home, credentials.endpoint.partition("://")[2])
    settings = yaml.safe_load(config.read_text(encoding="utf-8"))
    settings["blockstore"]["local"] |= {"import_enabled": True, "allowed_external_prefixes": [str(source)]}
    lake_credentials.write_private(config, yaml.safe_dump(settings, sort_keys=False))
    return config

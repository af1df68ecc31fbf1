"""Everything the front door is started with; handed over in a private file, and without secrets."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

UNIX = "unix:"


@dataclass(frozen=True)
class Service:
    """A service behind the door.

    Attributes:
        name: First segment of its paths, e.g. ``mlflow`` for ``/mlflow/…``; empty for the lake.
        title: Its name for people.
        address: ``unix:PATH`` or ``http://host:port``; where ``elsewhere`` is set, the address to go to.
        strips_prefix: Whether the service expects its paths without ``/<name>``.
        elsewhere: Whether the service is not proxied: people are sent to its own address.
        log: File to look into where it does not answer.
    """

    name: str
    title: str
    address: str
    strips_prefix: bool = False
    elsewhere: bool = False
    log: str = ""

    @property
    def prefix(self) -> str:
        """The path below which it is reached, without a slash at its end."""
        return f"/{self.name}" if self.name else ""

    @property
    def socket(self) -> str:
        """Path of its Unix domain socket, or nothing where it listens on a port."""
        return self.address.removeprefix(UNIX) if self.address.startswith(UNIX) else ""

    @property
    def origin(self) -> str:
        """Scheme, host and port that the service believes itself to be reached at."""
        return "http://localhost" if self.socket else self.address.rstrip("/")


@dataclass(frozen=True)
class DoorOptions:
    """The options of a front door.

    Attributes:
        port: Port on 127.0.0.1.
        control: Path of the Unix domain socket on which commands of the same user get one-time codes.
        lake: The lake, which also knows whose key is right.
        services: All other services.
        hosts: Further values of ``Host`` that are answered, each ``name`` or ``name:port``.
    """

    port: int
    control: str
    lake: Service
    services: tuple[Service, ...] = ()
    hosts: tuple[str, ...] = ()

    def dump(self) -> str:
        """Return the options as JSON."""
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def load(cls, file: Path) -> DoorOptions:
        """Return the options that `dump` wrote to a file.

        Raises:
            OSError: The file cannot be read.
            ValueError: It holds no options.
        """
        try:
            given = json.loads(file.read_text(encoding="utf-8"))
            return cls(
                port=int(given["port"]),
                control=str(given["control"]),
                lake=Service(**given["lake"]),
                services=tuple(Service(**service) for service in given["services"]),
                hosts=tuple(given["hosts"]),
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"{file} holds no options of the front door: {error}") from error

"""The scratch store of the gallery: a lake server of its own, and a new repository for every play."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mlops.adapters.lake import servers
from mlops.adapters.page_links import Links
from mlops.adapters.system import SystemClock, SystemProcesses, nonce
from mlops.anomalies import points
from mlops.anomalies.scene import Scene
from mlops.runs.main.setup import set_up
from mlops.runs.ports import Ports
from mlops.settings import LakeMode
from mlops.steps.repository import init_repository
from mlops.steps.workspace import Workspace

if TYPE_CHECKING:
    from mlops.adapters.lake.connection import Connection
    from mlops.anomalies.model import Anomaly


@dataclass(frozen=True)
class Scratch:
    """A scratch store whose server runs.

    Attributes:
        folder: Where everything lies.
        connection: The server.
    """

    folder: Path
    connection: Connection

    def scene(self, anomaly: Anomaly, *, disabled: bool) -> Scene:
        """Return a new repository for an anomaly, set up with all guards or without the anomaly's own."""
        name = f"{anomaly.name}-{'without' if disabled else 'guarded'}"
        workspace = self._workspace(name, signed=anomaly.signed)
        files = {**_actions(), **points.gate_files()}
        set_up(workspace.ports, anomaly.guard.actions(files) if disabled else files)
        return Scene(workspace, anomaly.guard, disabled)

    def _workspace(self, name: str, *, signed: bool) -> Workspace:
        from mlops.adapters.lake.lake import LakeFSLake
        from mlops.adapters.record import signing
        from mlops.adapters.tracking.tracker import MLflowTracker

        init_repository.create_repository(self.connection, name)
        lake = LakeFSLake(self.connection, name)
        uri = f"sqlite:///{(self.folder / 'mlflow.db').absolute().as_posix()}"
        ports = Ports(lake, MLflowTracker(uri, name), SystemClock(), SystemProcesses(), nonce)
        if signed:
            folder = self.folder / "signing"
            signer = signing.ensure_signer(folder / signing.KEY_FILE, folder / signing.TRUSTED_FOLDER)
            trust = signing.load_trusted(folder / signing.TRUSTED_FOLDER)
            ports = dataclasses.replace(ports, signer=signer, trust=trust)
        return Workspace(points.spec(name), lake, ports, Links(self.connection.endpoint, name))


def _actions() -> dict[str, bytes]:
    """Return the server's actions as they are shipped; they are the same for every pipeline."""
    return init_repository.action_files()


@contextmanager
def scratch_store(folder: Path, lake: LakeMode = LakeMode.EMBEDDED) -> Iterator[Scratch]:
    """Give an empty store in a folder of its own; afterwards its server is stopped and the folder is gone.

    Args:
        folder: Where it lies; what was there is removed first.
        lake: Which server is started: the embedded one or the lakeFS program.
    """
    from mlops.adapters.lake.lake import connect

    servers.stop(folder)
    shutil.rmtree(folder, ignore_errors=True)
    try:
        start = servers.start_lakefs if lake is LakeMode.LAKEFS else servers.start_embedded
        yield Scratch(folder, connect(start(folder)))
    finally:
        servers.stop(folder)
        shutil.rmtree(folder, ignore_errors=True)

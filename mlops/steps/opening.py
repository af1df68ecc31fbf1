"""A pipeline's workspace, put together: settings and credentials in, everything its steps need out."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING

from mlops.adapters import server_process
from mlops.adapters.page_links import Links
from mlops.adapters.system import SystemClock, SystemProcesses, nonce
from mlops.pipelines import pipeline
from mlops.runs.errors import ConfigError
from mlops.runs.ports import Ports
from mlops.steps.arrivals.source_options import lake_storage, options_of
from mlops.steps.run_inputs import author
from mlops.steps.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

    from mlops.adapters.record.witnesses import NotedModels
    from mlops.adapters.tracking.tracker import MLflowTracker
    from mlops.runs.record.seen import RecordWitness
    from mlops.runs.statements import Signer
    from mlops.settings import Settings

#: Name under which the server of the pages for people is started, and found again by its pid file.
DOOR = "front-door"


def open_workspace(
    settings: Settings,
    pipeline_name: str,
    tell: Callable[[str], None] = lambda _line: None,
    tracker: MLflowTracker | None = None,
) -> Workspace:
    """Return the workspace of a pipeline; nothing is sent to any server yet.

    Args:
        settings: Where everything is.
        pipeline_name: Which pipeline.
        tell: Receives one line of progress at a time.
        tracker: One that has been started already; by default MLflow in this process.

    Raises:
        ConfigError: There is no such pipeline, no lakeFS address and key, no signing key that can be used, or
            the settings of the source cannot be read.
    """
    from mlops.adapters.lake.lake import LakeFSLake, connect
    from mlops.adapters.record import signing
    from mlops.adapters.tracking.tracker import MLflowTracker

    spec = pipeline(pipeline_name)
    credentials = settings.lake_credentials()
    connection = connect(credentials, timeout_s=settings.lake_timeout_s)
    lake = LakeFSLake(connection, spec.name)
    tracker = tracker or MLflowTracker(settings.tracking_uri, spec.name)
    ports = Ports(
        lake=lake,
        tracker=tracker,
        clock=SystemClock(),
        processes=SystemProcesses(),
        nonce=nonce,
        lease_ttl_s=settings.lease_ttl_s,
        tell=tell,
        signer=signer_of(settings),
        trust=signing.load_trusted(settings.trusted_folder),
        author=functools.partial(author, settings.user, connection.user),
        mode=settings.mode,
        witnesses=witnesses_of(settings, spec.name, tracker),
    )
    door = _served(DOOR, settings.state_dir)
    links = Links(
        # The pages of the lakeFS program and of a team's lakeFS are at their own address.
        lake=door if door and settings.lake == "embedded" else connection.endpoint,
        repository=spec.name,
        mlflow=f"{door}/mlflow" if door else "",
        dagster=f"{door}/dagster" if door else "",
    )
    return Workspace(
        spec,
        lake,
        ports,
        links,
        promote_rounds=settings.promote_rounds,
        lock_file=settings.lock_file,
        options=options_of(spec.name, settings.state_dir),
        storage=lake_storage(credentials),
    )


def signer_of(settings: Settings) -> Signer:
    """Return what signs the record of `main`; a key is created where no key and no command is named.

    Raises:
        ConfigError: The key cannot be used, or the command has no key id.
    """
    from mlops.adapters.record import signing

    if not settings.signer_command:
        return signing.ensure_signer(settings.key_file, settings.trusted_folder)
    if not settings.signer_key_id:
        raise ConfigError("the command that signs needs a key id", where="MLOPS_SIGNER_KEY_ID")
    return signing.CommandSigner(settings.signer_command, settings.signer_key_id)


def witnesses_of(settings: Settings, repository: str, tracker: NotedModels) -> tuple[RecordWitness, ...]:
    """Return the places outside the lake that keep the newest change of a repository's record.

    Raises:
        ConfigError: ``MLOPS_RECORD_WITNESS`` names no place.
    """
    from mlops.adapters.record import witnesses

    own = witnesses.FileWitness(settings.state_dir / "record" / f"{repository}.json")
    seen_by = [own, witnesses.TrackerWitness(tracker, repository)]
    if settings.record_witness:
        seen_by.append(witnesses.named_witness(settings.record_witness, repository))
    return tuple(seen_by)


def _served(name: str, state_dir: Path) -> str:
    server = server_process.find(name, state_dir)
    return server.address if server is not None else ""

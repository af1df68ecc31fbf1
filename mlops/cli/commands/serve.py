"""Declare and run ``mlops serve``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlops.cli.options import Json
from mlops.cli.output.results import Result
from mlops.cli.session import Session, check_pipeline
from mlops.runs.errors import ConfigError, MlopsError

if TYPE_CHECKING:
    from mlops.serving.keys import Accepts
    from mlops.serving.service import Service
    from mlops.settings import Settings

_FIRST_KEY = "default"

Pipelines = Annotated[
    list[str], typer.Argument(metavar="PIPELINE...", help="Names of pipelines.", show_default=False)
]
Port = Annotated[int, typer.Option("--port", min=0, max=65535, help="Port to listen on; 0 for any free one.")]
NoKey = Annotated[bool, typer.Option("--no-key", help="Answer everybody on this machine, without a key.")]
Certificate = Annotated[
    Path | None, typer.Option("--tls-certificate", metavar="FILE", help="Certificate for HTTPS, PEM.")
]
PrivateKey = Annotated[
    Path | None, typer.Option("--tls-key", metavar="FILE", help="Private key of the certificate, PEM.")
]
Log = Annotated[
    Path | None,
    typer.Option("--log", metavar="FILE", help="Append a line of JSON per request; no values of rows."),
]
HostNames = Annotated[
    list[str] | None,
    typer.Option("--host-name", metavar="NAME", help="A further name to answer to, e.g. behind a proxy."),
]


def serve(
    context: typer.Context,
    pipelines: Pipelines,
    port: Port = 8700,
    no_key: NoKey = False,
    tls_certificate: Certificate = None,
    tls_key: PrivateKey = None,
    log: Log = None,
    host_name: HostNames = None,
    json: Json = False,
) -> Result:
    """Answer requests with the champions of main, until Ctrl-C.

    A promotion or a rollback is served within a second. Without the lake, the last champion goes on serving.
    Requests are those of MLflow's scoring server.
    """
    from mlops.serving.server import ChampionServer

    session: Session = context.obj
    for name in pipelines:
        check_pipeline(name)
    certificate = _certificate(tls_certificate, tls_key)
    services = {name: champion_service(session, name) for name in dict.fromkeys(pipelines)}
    accepts = _accepts(session, no_key)
    server = ChampionServer(
        services, accepts, port=port, certificate=certificate, log=log, hosts=tuple(host_name or ())
    )
    session.report(f"answering at {server.address}")
    server.run()
    return Result({"stopped": True, "address": server.address}, ["stopped"])


def _certificate(certificate: Path | None, key: Path | None) -> tuple[Path, Path] | None:
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        raise ConfigError("HTTPS takes both", where="--tls-certificate, --tls-key")
    for file in (certificate, key):
        if not file.is_file():
            raise ConfigError("no such file", where=str(file))
    return certificate, key


def _accepts(session: Session, no_key: bool) -> Accepts:
    from mlops.adapters.lake.credentials import write_private
    from mlops.adapters.system import SystemClock
    from mlops.serving.keys import keys_of, open_to_all

    if no_key:
        return open_to_all
    state_dir = session.settings.state_dir
    keys = keys_of(state_dir)
    if not keys.all():
        file = state_dir / "serving" / f"{_FIRST_KEY}.key"
        write_private(file, keys.create(_FIRST_KEY, SystemClock().now_s()) + "\n")
        session.report(f"a first key is in {file}; mlops keys makes and revokes others")
    return keys.accepts


def champion_service(session: Session, name: str) -> Service:
    """Return a pipeline's champion, loaded; without a lake the one that was served last.

    Raises:
        MlopsError: None can be loaded.
    """
    from mlops.pipelines import pipeline
    from mlops.serving.service import Service
    from mlops.steps.champion import open_lake

    try:
        session.credentials()
    except MlopsError as error:
        session.report(f"no lake: {error}")
    # A call that hangs must not keep a promotion waiting longer than a new one would take.
    settings: Settings = session.settings.model_copy(update={"lake_timeout_s": 10.0})
    service = Service(
        pipeline(name),
        lambda: open_lake(name, settings, None),
        session.settings.state_dir / "serving",
        session.report,
    )
    service.start()
    return service

"""Dagster's pages on a Unix domain socket: ``python -m mlops.orchestration.webserver SOCKET PREFIX``.

``dagster-webserver`` listens on ports only, where every user of the machine could start jobs.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from mlops.orchestration.home import CODE_LOCATION, instance_of

_STATEMENT_TIMEOUT_MS, _POOL_RECYCLE_S, _POOL_OVERFLOW = 15_000, 3600, 20
_POLL_MS = 2000


def serve(path: str, prefix: str) -> None:
    """Serve the pages of the instance in ``DAGSTER_HOME`` until a signal ends it.

    Args:
        path: Where the socket is made.
        prefix: The path below which the pages are seen, e.g. ``/dagster``.
    """
    import uvicorn
    from dagster._core.workspace.context import WorkspaceProcessContext
    from dagster._core.workspace.load_target import ModuleTarget
    from dagster_webserver.app import create_app_from_workspace_process_context
    from dagster_webserver.version import __version__

    target = ModuleTarget(CODE_LOCATION, None, str(Path.cwd()), None)
    with instance_of(Path(os.environ["DAGSTER_HOME"])) as instance:
        instance.optimize_for_webserver(_STATEMENT_TIMEOUT_MS, _POOL_RECYCLE_S, _POOL_OVERFLOW)
        with WorkspaceProcessContext(instance, target, version=__version__) as context:
            app = create_app_from_workspace_process_context(context, prefix, _POLL_MS, lifespan=_lifespan)
            uvicorn.run(app, uds=path, log_level="warning", ws="websockets-sansio")


@contextlib.asynccontextmanager
async def _lifespan(_app: Any) -> AsyncIterator[None]:
    yield


if __name__ == "__main__":
    serve(*sys.argv[1:3])

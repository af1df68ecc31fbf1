"""MLflow's pages on a Unix domain socket: ``python -m mlops.adapters.tracking.webserver SOCKET``.

``mlflow server`` does the same by two processes, each of which imports MLflow: twice the time until
the pages answer. What it prepares for its second process is prepared here (``mlflow.server._run_server``).

Environment: ``MLFLOW_BACKEND_STORE_URI`` and ``MLFLOW_DEFAULT_ARTIFACT_ROOT``, as for ``mlflow server``.
"""

from __future__ import annotations

import os
import sys


def serve(path: str) -> None:
    """Serve the pages of a store until a signal ends it.

    Args:
        path: Where the socket is made.
    """
    import uvicorn
    from mlflow.server import constants

    store, root = os.environ["MLFLOW_BACKEND_STORE_URI"], os.environ["MLFLOW_DEFAULT_ARTIFACT_ROOT"]
    os.environ.update(
        {
            constants.BACKEND_STORE_URI_ENV_VAR: store,
            constants.REGISTRY_STORE_URI_ENV_VAR: store,
            constants.ARTIFACT_ROOT_ENV_VAR: root,
            constants.ARTIFACTS_DESTINATION_ENV_VAR: root,
            constants.SERVE_ARTIFACTS_ENV_VAR: "true",
        }
    )
    from mlflow.server.fastapi_app import app
    from mlflow.server.handlers import initialize_backend_stores

    initialize_backend_stores(store, store, root)
    uvicorn.run(app, uds=path, log_level="warning")


if __name__ == "__main__":
    serve(sys.argv[1])

"""MLflow's store: its address without secrets, and its switches (no telemetry, few retries)."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import urlsplit

from mlops.runs.errors import bounded

_QUIET = {
    # Nothing is sent to anybody, and an unreachable server is noticed in seconds, not in minutes.
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "GIT_PYTHON_REFRESH": "quiet",
}
_USER_INFO = re.compile(r"//[^/@\s]*@")


def quieten() -> None:
    """Set MLflow's own switches, unless the user has; it reads some of them when it is imported."""
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)


def redacted(text: str) -> str:
    """Return a text without the user and password of addresses in it."""
    return _USER_INFO.sub("//", text)


def make_folder(uri: str) -> None:
    """Create the folder of a SQLite store; other stores are left alone."""
    file = _sqlite_file(uri)
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)


def artifacts_of(uri: str, experiment: str) -> str | None:
    """Return the artifact location of an experiment, or None where a server decides that.

    Models lie in the lake; what MLflow itself may put down stays beside its store, not in the working folder.
    """
    file = _sqlite_file(uri)
    return None if file is None else (file.parent / "mlflow-artifacts" / experiment).absolute().as_uri()


def _sqlite_file(uri: str) -> Path | None:
    parts = urlsplit(uri)
    # `sqlite:///relative` and `sqlite:////absolute`
    return Path(parts.path[1:]) if parts.scheme.startswith("sqlite") and len(parts.path) > 1 else None


def reason_of(error: Exception) -> str:
    """Return the reason of a failed call to MLflow, without passwords and details of its client."""
    text = redacted(str(error))
    if "Max retries exceeded" in text or "Connection aborted" in text:
        return "MLflow does not answer there"
    return bounded(f"{type(error).__name__}: {text}", 300)

"""``python -m tests.orchestration.lake.killed_writer LOCATION WHEN``: die while a value is stored."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any, BinaryIO
from unittest import mock

from mlops.orchestration.lake import DataStore, LakeFSResource
from mlops.orchestration.lake.branches import RunBranch
from mlops.orchestration.lake.chains import alone


def _die(*_: Any, **__: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main(location: str, when: str) -> None:
    """Store a value and die while it is written, or between the upload and its commit."""

    def dump(file: BinaryIO) -> None:
        file.write(b"first attempt")
        if when == "writing":
            _die()

    store = DataStore(location=location, lakefs=LakeFSResource())
    with mock.patch.object(RunBranch, "commit", _die):
        store.store_of(alone("run-1")).write("value", dump, title="Write", metadata={})


if __name__ == "__main__":
    main(*sys.argv[1:])

"""One warmed process for all tests of a session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.harness import Zygote, warmed


@pytest.fixture(scope="session")
def zygote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygote]:
    """The warmed process, with a folder for its worlds."""
    with warmed(tmp_path_factory.mktemp("faults")) as process:
        yield process

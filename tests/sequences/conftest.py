from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sequences.shop import Shop, open_shop


@pytest.fixture(scope="package")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """An embedded server in this process, for every sequence."""
    with open_shop(tmp_path_factory.mktemp("shop")) as opened:
        yield opened

"""Says so where the contract was not checked against a real lakeFS."""

from __future__ import annotations

import pytest

from mlops.adapters.lake import servers
from tests.contract.conftest import real_is_wanted


@pytest.mark.real_lakefs
def test_the_lakefs_program_is_here(request: pytest.FixtureRequest) -> None:
    if not real_is_wanted(request.config):
        pytest.skip("the contract runs against a real lakeFS with MLOPS_REAL_LAKEFS=1 or -m real_lakefs")
    assert servers.find_lakefs()

"""The embedded server answers as lakeFS does, whatever it is asked."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Iterator

import pytest

from mlops.adapters.lake import servers
from tests.contract.conftest import real_is_wanted
from tests.contract.fuzz.runner import Pair, explain
from tests.contract.fuzz.sequence import sequence
from tests.contract.fuzz.wire import Side


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run one test for each seed."""
    if "seed" in metafunc.fixturenames:
        metafunc.parametrize("seed", range(metafunc.config.getoption("--seeds")))


@pytest.fixture(scope="module")
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Both servers, with empty stores."""
    if not real_is_wanted(request.config):
        pytest.skip("compares with a real lakeFS with MLOPS_REAL_LAKEFS=1 or -m real_lakefs")
    real_dir, embedded_dir = tmp_path_factory.mktemp("real"), tmp_path_factory.mktemp("embedded")
    try:
        real = Side("lakeFS", servers.start_lakefs(real_dir))
        embedded = Side("embedded", servers.start_embedded(embedded_dir))
        made = Pair(real, embedded)
        yield made
        sys.stdout.write(f"{made.requests} requests to each server; documented: {dict(made.seen)}\n")
        real.close()
        embedded.close()
    finally:
        servers.stop(real_dir)
        servers.stop(embedded_dir)


@pytest.mark.real_lakefs
def test_both_servers_answer_alike(pair: Pair, seed: int) -> None:
    operations, label = sequence(seed), f"{seed}-{secrets.token_hex(3)}"
    found = pair.run(operations, label)
    if found is not None:
        shorter = pair.shrunk(operations, found, label)
        pytest.fail(f"seed {seed}: {explain(shorter, pair.run(shorter, label) or found)}")

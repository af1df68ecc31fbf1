"""A store that an earlier version left: it opens, audits clean, and rolls back, as when it was made.

``data/store-0.1.0.tar.gz`` is the state folder of the tiny pipeline after these commands of version 0.1.0, as
it was before its modules were put into sub-packages: init, ingest of two months, two promotions, a refused
repetition, a rollback, resume, a third promotion, ingest of a third month, a refused run, an audit, down.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mlops.adapters.lake import servers
from mlops.runs.main.state import read_main
from tests.cli.conftest import PIPELINE, Mlops
from tests.cli.served import Served
from tests.orchestration import tiny
from tests.support.fakes import MemoryTracker

STORE = Path(__file__).parent / "data" / "store-0.1.0.tar.gz"

pytestmark = pytest.mark.slow


@pytest.fixture
def older(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """The state folder of the earlier version, where the commands of this test work."""
    state_dir = tmp_path / "state"
    with tarfile.open(STORE) as packed:
        packed.extractall(state_dir, filter="data")
    for secret in (state_dir / "lakectl.yaml", state_dir / "signing" / "key.pem"):
        secret.chmod(0o600)
    monkeypatch.setenv("MLOPS_STATE_DIR", str(state_dir))
    monkeypatch.setenv("MLOPS_LAKE_PORT", "0")
    # The pipeline as it was when the store was made.
    monkeypatch.setattr(
        tiny, "SPEC", replace(tiny.SPEC, baseline=lambda _train, rows: 3 * rows["x"].to_numpy())
    )
    try:
        yield Served(state_dir, MemoryTracker())
    finally:
        servers.stop(state_dir)


def test_opens_audits_clean_and_rolls_back(older: Served, real: Mlops) -> None:
    listed = real("log", PIPELINE, "--json")
    assert listed.code == 0, listed.err
    assert [entry["number"] for entry in listed.document["entries"]] == [4, 3, 2, 1]
    audited = real("audit", PIPELINE, "--from-start", "--rescore", "--json")
    assert (audited.code, audited.document["findings"]) == (0, []), audited.out + audited.err

    rolled = real("rollback", PIPELINE, "--reason", "as before the move")
    assert rolled.code == 0, rolled.err
    state = read_main(older.lake)
    assert state.champion is not None
    assert state.champion.number == 1
    audited = real("audit", PIPELINE, "--from-start", "--rescore", "--json")
    assert (audited.code, audited.document["findings"]) == (0, []), audited.out + audited.err


def test_its_next_run_competes_with_the_champion_of_then(older: Served, real: Mlops) -> None:
    ran = real("run", PIPELINE, "--param", "shrinkage=0.5", "--json")
    assert ran.code in {0, 5}, ran.err
    assert ran.document["compared_to"] == 4
    assert real("audit", PIPELINE).code == 0

"""Looking after the embedded server's store, whether or not the server runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops.adapters.lake import credentials
from mlops.lakeserver import Credentials, running_server
from mlops.lakeserver.store import Store
from tests.cli.conftest import Mlops

KEY = Credentials("AKIATEST", "secret-of-the-test")


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    """A state folder with an empty store, one file of which belongs to nothing."""
    folder = tmp_path / "state"
    Store(folder / "lake", durable=False).close()
    (folder / "lake" / "objects" / "00" / ("0" * 62)).write_bytes(b"x" * 2_000_000)
    return folder


def test_a_stopped_store_is_opened(real: Mlops, state_dir: Path) -> None:
    foreseen = real("lake", "gc", "--dry-run")
    assert foreseen.out == "0 commits, 0 tree nodes, 0 objects, 1 file would go, 2.0 MB\n"
    assert real("lake", "gc").out == foreseen.out.replace("would go", "removed")
    assert real("lake", "gc", "--json").document["files"] == 0
    assert real("lake", "verify").out == "every hash and every reference holds\n"


def test_a_running_server_is_asked(real: Mlops, state_dir: Path) -> None:
    with running_server(state_dir / "lake", KEY, durable=False) as server:
        found = credentials.Credentials(server.url, KEY.access_key_id, KEY.secret_access_key)
        credentials.save(found, state_dir / "lakectl.yaml")
        assert real("lake", "verify", "--json").document["problems"] == []
        assert real("lake", "gc", "--json").document["files"] == 1


def test_damage_is_named(real: Mlops, state_dir: Path) -> None:
    store = Store(state_dir / "lake", durable=False)
    store.write(lambda tx: tx.execute("INSERT INTO blobs VALUES (?, 1, x'00')", (b"d" * 32,)) and None)
    store.close()
    answer = real("lake", "verify")
    assert answer.code == 1
    assert answer.out.splitlines() == [
        f"object {b'd'.hex() * 32}: its bytes are not what was stored",
        "1 problem found",
    ]


def test_who_holds_the_store_is_named(real: Mlops, state_dir: Path) -> None:
    with running_server(state_dir / "lake", KEY, durable=False) as server:
        answer = real("lake", "gc", "--data", str(state_dir / "lake"))
        assert answer.code != 0
        assert server.url in answer.error
    missing = real("lake", "verify", "--data", str(state_dir / "nothing"))
    assert "there is no lake store" in missing.error
    assert not (state_dir / "nothing").exists()

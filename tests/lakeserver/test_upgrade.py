from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from mlops.lakeserver import Credentials, running_server
from mlops.lakeserver.store import Store, database
from mlops.lakeserver.store.verify import verify
from mlops.lakeserver.trees import nodes
from mlops.lakeserver.trees.tree import build, scan

COUNT = 400


@pytest.fixture
def old_head(
    data_dir: Path, credentials: Credentials, new_api: Any, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    """A store as the first format had it, and its only commit."""
    with monkeypatch.context() as patch:
        patch.setattr(nodes, "NODE_SPREAD", 16)
        patch.setattr(nodes, "_NODE_VERSION", 1)
        patch.setattr(database, "FORMAT_VERSION", 1)
        with running_server(data_dir, credentials, durable=False) as running:
            api = new_api(running.url, "kept")
            api.ok("POST", "/repositories", {"name": "kept", "storage_namespace": "local://kept"})
            for number in range(COUNT):
                api.put(f"o{number:03d}", b"%d" % number)
            api.commit()
            return api.ok("GET", "R/commits/main")


def version_of(data_dir: Path) -> int:
    connection = sqlite3.connect(data_dir / "lake.sqlite")
    found = connection.execute("PRAGMA user_version").fetchone()[0]
    connection.close()
    return found


def test_a_store_of_the_first_format_is_upgraded(
    data_dir: Path, credentials: Credentials, new_api: Any, old_head: dict[str, Any]
) -> None:
    assert version_of(data_dir) == 1
    with running_server(data_dir, credentials, durable=False) as running:
        api = new_api(running.url, "kept")
        assert api.ok("GET", "R/commits/main") == old_head
        assert api.paths() == [f"o{number:03d}" for number in range(COUNT)]
        api.put("o007", b"7")
        assert api("POST", "R/branches/main/commits", {"message": "nothing"}).status == 400
        api.put("o007", b"seven")
        api.put("p")
        api.commit()
        changes = api.ok("GET", f"R/refs/{old_head['id']}/diff/main", amount=1000)["results"]
        assert [(row["type"], row["path"]) for row in changes] == [("changed", "o007"), ("added", "p")]
        new_tree = api.ok("GET", "R/commits/main")["meta_range_id"]
    store = Store(data_dir, durable=False)
    assert new_tree != old_head["meta_range_id"]
    # Put together anew, it is the same tree.
    items = list(scan(store.nodes, bytes.fromhex(new_tree)))
    assert build(store.new_nodes(), items).hex() == new_tree
    assert verify(store) == []
    store.close()
    assert version_of(data_dir) == 2

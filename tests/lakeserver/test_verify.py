from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlops.lakeserver import Credentials, running_server
from mlops.lakeserver.store import Store
from mlops.lakeserver.verify import verify


@pytest.fixture
def filled(data_dir: Path, credentials: Credentials, new_api: Any) -> Iterator[Store]:
    """A store with some history, opened without a server."""
    with running_server(data_dir, credentials, durable=False) as running:
        api = new_api(running.url, "kept")
        api.ok("POST", "/repositories", {"name": "kept", "storage_namespace": "local://kept"})
        for number in range(40):
            api.put(f"o{number:02d}", b"%d" % number)
        api.put("large", b"l" * 100_000)
        api.commit()
        api.ok("POST", "R/tags", {"id": "v1", "ref": "main"})
        api.put("staged")
    store = Store(data_dir, durable=False)
    yield store
    store.close()


def test_nothing_is_wrong_with_a_store(filled: Store) -> None:
    assert verify(filled) == []


def flip(body: bytes) -> bytes:
    middle = len(body) // 2
    return body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1 :]


def change(store: Store, statement: str, *values: Any) -> None:
    store.write(lambda tx: tx.execute(statement, values) and None)


def one(store: Store, query: str) -> Any:
    return store.database.reader.execute(query).fetchone()


def large_file(store: Store) -> Path:
    return store.blobs.path(one(store, "SELECT digest FROM blobs WHERE body IS NULL")[0])


def damage_file(store: Store) -> str:
    path = large_file(store)
    path.write_bytes(flip(path.read_bytes()))
    return path.parent.name + path.name


def shorten_file(store: Store) -> str:
    path = large_file(store)
    path.write_bytes(path.read_bytes()[:-1])
    return path.parent.name + path.name


def remove_file(store: Store) -> str:
    path = large_file(store)
    path.unlink()
    return path.parent.name + path.name


def damage_small_object(store: Store) -> str:
    digest, body = one(store, "SELECT digest, body FROM blobs WHERE body IS NOT NULL")
    change(store, "UPDATE blobs SET body = ? WHERE digest = ?", flip(body), digest)
    return digest.hex()


def remove_small_object(store: Store) -> str:
    digest = one(store, "SELECT digest FROM blobs WHERE body IS NOT NULL")[0]
    change(store, "DELETE FROM blobs WHERE digest = ?", digest)
    return digest.hex()


def damage_node(store: Store) -> str:
    key, body = one(store, "SELECT id, body FROM nodes ORDER BY length(body) DESC")
    change(store, "UPDATE nodes SET body = ? WHERE id = ?", flip(body), key)
    return key.hex()


def remove_root(store: Store) -> str:
    tree = one(store, "SELECT tree FROM branches")[0]
    change(store, "DELETE FROM nodes WHERE id = ?", tree)
    return tree.hex()


def remove_commit(store: Store) -> str:
    commit_id = one(store, "SELECT commit_id FROM tags")[0]
    change(store, "DELETE FROM commits WHERE id = ?", commit_id)
    return "v1"


def change_message(store: Store) -> str:
    commit_id = one(store, "SELECT commit_id FROM tags")[0]
    change(store, "UPDATE commits SET message = message || '!' WHERE id = ?", commit_id)
    return commit_id.hex()


def damage_metadata(store: Store) -> str:
    commit_id = one(store, "SELECT commit_id FROM tags")[0]
    change(store, "UPDATE commits SET metadata = substr(metadata, 2) WHERE id = ?", commit_id)
    return commit_id.hex()


@pytest.mark.parametrize(
    "damage",
    [
        change_message,
        damage_metadata,
        damage_file,
        shorten_file,
        remove_file,
        damage_small_object,
        remove_small_object,
        damage_node,
        remove_root,
        remove_commit,
    ],
)
def test_damage_is_named(filled: Store, damage: Any) -> None:
    name = damage(filled)
    found = verify(filled)
    assert found
    assert any(name in line for line in found), (name, found)

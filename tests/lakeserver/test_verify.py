from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlops.lakeserver import Credentials, running_server
from mlops.lakeserver.store import Store
from mlops.lakeserver.store.verify import verify


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


ROWS: dict[str, tuple[str, str]] = {
    "repository name": ("UPDATE repositories SET id = '../x'", "repository '../x': no repository can have"),
    "default branch": ("UPDATE repositories SET default_branch = ''", "name of its default branch, ''"),
    "default branch gone": ("DELETE FROM branches WHERE id = 'main'", "its default branch main is missing"),
    "namespace": ("UPDATE repositories SET namespace = 's3://x'", "its storage namespace 's3://x'"),
    "namespace free": ("DELETE FROM namespaces", "is not one that was taken"),
    "metadata": ("UPDATE repositories SET metadata = '{'", "its metadata cannot be read"),
    "protection": ("UPDATE repositories SET protection = 'x'", "its protection rules cannot be read"),
    "retention": ("UPDATE repositories SET gc_rules = '['", "its retention rules cannot be read"),
    "read only": ("UPDATE repositories SET read_only = 7", "its time or its state is not what was stored"),
    "repository gone": ("DELETE FROM repositories", "its repository (number 1) is missing"),
    "branch name": (
        "UPDATE branches SET id = 'a/b'",
        "branches of kept, 'a/b': no branch can have this name",
    ),
    "tag name": ("UPDATE tags SET id = 'a b'", "tags of kept, 'a b': no tag can have this name"),
    "branch of another store": ("UPDATE branches SET rid = 9", "branches, main: its repository (number 9)"),
    "tag to nothing": ("UPDATE tags SET commit_id = x'00'", "tags of kept, 'v1': it does not name a commit"),
    "branch elsewhere": ("UPDATE branches SET commit_id = randomblob(32)", "branches of kept, main: commit"),
    "branch's tree": ("UPDATE branches SET tree = randomblob(32)", "branch main: its tree is not that of"),
    "shared changes": (
        "INSERT INTO branches SELECT rid, 'twin', commit_id, tree, token, hidden FROM branches",
        "they share their uncommitted changes",
    ),
    "changes of nobody": ("UPDATE branches SET token = 7", "uncommitted changes: 1 belong to no branch"),
    "path": ("UPDATE staging SET path = x'ff'", "uncommitted b'\\xff': no object can have this path"),
    "generation": (
        "UPDATE commits SET generation = 7 WHERE generation = 1",
        "its generation does not follow",
    ),
    "secret": ("DELETE FROM settings WHERE name = 'secret'", "setting 'secret': it is missing"),
    "run": ("INSERT INTO hook_runs VALUES (1, 'r', 'h', '{}', NULL)", "hook run h: its run r is missing"),
    "pull": (
        "INSERT INTO pulls VALUES (1, 'p', 'open', '{\"id\": \"q\"}')",
        "pull request p: it is not what",
    ),
    "unreadable pull": ("INSERT INTO pulls VALUES (1, 'p', 'open', '[[')", "pulls, p: what was noted cannot"),
}


@pytest.mark.parametrize(("statement", "said"), ROWS.values(), ids=ROWS.keys())
def test_a_row_that_was_changed_is_named(filled: Store, statement: str, said: str) -> None:
    change(filled, statement)
    found = verify(filled)
    assert any(said in line for line in found), found

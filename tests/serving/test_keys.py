"""Keys are shown once, kept as hashes, and count until they are revoked."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mlops.runs.errors import ConfigError, NotFound
from mlops.serving.keys import ApiKeys, keys_of


@pytest.fixture
def keys(tmp_path: Path) -> ApiKeys:
    return keys_of(tmp_path)


def test_a_key_is_accepted_until_it_is_revoked(keys: ApiKeys, tmp_path: Path) -> None:
    first, second = keys.create("app", 1), keys.create("batch", 2)
    # The server is another process than the command that makes and revokes keys.
    server = keys_of(tmp_path)
    assert server.accepts(first)
    assert server.accepts(second)
    keys.revoke("app")
    assert not server.accepts(first)
    assert server.accepts(second)
    assert [key.name for key in server.all()] == ["batch"]


@pytest.mark.parametrize("given", ["", "mlops", "mlops_", "mlops__", "mlops_0000_x", "other_1_2", "\ud800"])
def test_what_is_no_key_is_refused(keys: ApiKeys, given: str) -> None:
    keys.create("app", 1)
    assert not keys.accepts(given)


def test_one_changed_character_is_refused(keys: ApiKeys) -> None:
    key = keys.create("app", 1)
    assert not keys.accepts(key[:-1] + ("a" if key[-1] != "a" else "b"))
    assert not keys.accepts(key + "a")
    assert keys.accepts(key)


def test_neither_key_nor_a_plain_hash_of_it_is_kept(keys: ApiKeys, tmp_path: Path) -> None:
    key = keys.create("app", 1)
    file = tmp_path / "serving" / "keys.json"
    assert key.rpartition("_")[2] not in file.read_text(encoding="utf-8")
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_file_that_others_can_read_is_refused(keys: ApiKeys, tmp_path: Path) -> None:
    key = keys.create("app", 1)
    file = tmp_path / "serving" / "keys.json"
    file.chmod(0o644)
    os.utime(file, ns=(1, 1))
    with pytest.raises(ConfigError, match="others can read the keys"):
        keys_of(tmp_path).accepts(key)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "serving" / "keys.json"
    file.parent.mkdir()
    file.touch(0o600)
    with pytest.raises(ConfigError, match="is no list of keys"):
        keys_of(tmp_path).all()


@pytest.mark.parametrize("name", ["", "a\nb", "x" * 65])
def test_names_are_short_and_printable(keys: ApiKeys, name: str) -> None:
    with pytest.raises(ConfigError, match="printable"):
        keys.create(name, 1)


def test_a_name_is_used_once_and_known_when_revoked(keys: ApiKeys) -> None:
    keys.create("app", 1)
    with pytest.raises(ConfigError, match="there is a key of this name"):
        keys.create("app", 1)
    with pytest.raises(NotFound):
        keys.revoke("other")

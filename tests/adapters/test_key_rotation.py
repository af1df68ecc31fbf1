"""Replacing the signing key: the old signatures count on, and colleagues can take the new key by the note."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from mlops.adapters.record.key_rotation import rotate, trust
from mlops.adapters.record.signing import ensure_signer, load_signer, load_trusted
from mlops.runs.errors import ConfigError, Corrupt, Untrusted


def test_both_keys_are_trusted_and_the_new_one_signs(tmp_path: Path) -> None:
    key, trusted = tmp_path / "key.pem", tmp_path / "trusted"
    old = ensure_signer(key, trusted)
    signature = old.sign(b"before")
    done = rotate(key, trusted, "ana@build", 7)
    new = load_signer(key)
    assert (done.old, done.new) == (old.key_id, new.key_id)
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    keys = load_trusted(trusted)
    assert keys.verify(old.key_id, b"before", signature)
    assert keys.verify(new.key_id, b"after", new.sign(b"after"))


def test_a_colleague_takes_the_new_key_by_the_note(tmp_path: Path) -> None:
    key, mine, theirs = tmp_path / "key.pem", tmp_path / "mine", tmp_path / "theirs"
    old = ensure_signer(key, mine)
    trust(mine / f"{old.key_id}.pub", theirs)
    done = rotate(key, mine, "ana@build", 7)
    assert trust(done.note, theirs) == done.new
    assert load_trusted(theirs).key_ids == tuple(sorted((done.old, done.new)))


def test_a_note_by_somebody_else_is_refused(tmp_path: Path) -> None:
    key, mine, theirs = tmp_path / "key.pem", tmp_path / "mine", tmp_path / "theirs"
    ensure_signer(key, mine)
    done = rotate(key, mine, "mallory@build", 7)
    with pytest.raises(Untrusted, match="not signed by a trusted key"):
        trust(done.note, theirs)
    assert load_trusted(theirs).key_ids == ()


def test_what_is_no_key_is_named(tmp_path: Path) -> None:
    file = tmp_path / "x"
    with pytest.raises(ConfigError, match="cannot be read"):
        trust(file, tmp_path / "trusted")
    file.write_bytes(b"{}")
    with pytest.raises(Corrupt, match="not a signed statement"):
        trust(file, tmp_path / "trusted")

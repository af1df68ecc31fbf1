"""Signing keys on disk: private, created once, and trusted by name."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from mlops.adapters.record.signing import (
    CommandSigner,
    ensure_signer,
    load_public,
    load_signer,
    load_trusted,
    write_public,
)
from mlops.runs.errors import ConfigError
from tests.support.keys import signer_and_trust


def test_a_key_is_created_once_for_its_owner_alone_and_trusted(tmp_path: Path) -> None:
    file, trusted = tmp_path / "s" / "key.pem", tmp_path / "s" / "trusted"
    signer = ensure_signer(file, trusted)
    assert file.stat().st_mode & 0o777 == 0o600
    assert ensure_signer(file, trusted).key_id == signer.key_id
    assert load_trusted(trusted).verify(signer.key_id, b"data", signer.sign(b"data"))
    assert not load_trusted(trusted).verify(signer.key_id, b"other", signer.sign(b"data"))


def test_processes_that_create_a_key_at_once_end_up_with_one(tmp_path: Path) -> None:
    file, trusted = tmp_path / "key.pem", tmp_path / "trusted"
    with ThreadPoolExecutor(8) as pool:
        made = {s.key_id for s in pool.map(lambda _: ensure_signer(file, trusted), range(8))}
    assert load_trusted(trusted).key_ids == tuple(made)


def test_a_key_that_was_taken_out_of_the_trusted_ones_does_not_come_back(tmp_path: Path) -> None:
    file, trusted = tmp_path / "key.pem", tmp_path / "trusted"
    key_id = ensure_signer(file, trusted).key_id
    (trusted / f"{key_id}.pub").unlink()
    assert not load_trusted(trusted).verify(key_id, b"x", ensure_signer(file, trusted).sign(b"x"))


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    ensure_signer(file, tmp_path / "trusted")
    file.chmod(0o640)
    with pytest.raises(ConfigError, match="others can read the signing key"):
        load_signer(file)


def test_files_that_hold_no_such_key_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "k.pub"
    file.write_text("nothing")
    file.chmod(0o600)
    for load in (load_signer, load_public):
        with pytest.raises(ConfigError, match="in PEM"):
            load(file)
    with pytest.raises(ConfigError, match="cannot be read"):
        load_signer(tmp_path / "missing")
    other = generate_private_key(65537, 2048)
    file.write_bytes(
        other.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    with pytest.raises(ConfigError, match="not an Ed25519 key"):
        load_signer(file)


def test_a_folder_that_is_not_there_trusts_nobody(tmp_path: Path) -> None:
    signer, _ = signer_and_trust(1)
    assert load_trusted(tmp_path / "none").key_ids == ()
    file = write_public(tmp_path / "trusted", signer.public)
    assert file.name == f"{signer.key_id}.pub"
    assert load_trusted(tmp_path / "trusted").key_ids == (signer.key_id,)


def _command(tmp_path: Path, body: str) -> str:
    script = tmp_path / "sign.py"
    script.write_text(body)
    return f"{sys.executable} {script}"


def test_a_command_signs_for_a_key_service(tmp_path: Path) -> None:
    signer, trust = signer_and_trust(3)
    body = (
        "import sys\n"
        "from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey\n"
        "key = Ed25519PrivateKey.from_private_bytes(bytes([3]) * 32)\n"
        "sys.stdout.buffer.write(key.sign(sys.stdin.buffer.read()))\n"
    )
    command = CommandSigner(_command(tmp_path, body), signer.key_id)
    assert trust.verify(command.key_id, b"data", command.sign(b"data"))


@pytest.mark.parametrize("body", ["print('short')", "raise SystemExit(3)"])
def test_a_command_that_gives_no_signature_is_an_error(tmp_path: Path, body: str) -> None:
    with pytest.raises(ConfigError, match="the command that signs failed"):
        CommandSigner(_command(tmp_path, body), "k").sign(b"data")
    with pytest.raises(ConfigError, match="FileNotFoundError"):
        CommandSigner(str(tmp_path / "missing"), "k").sign(b"data")

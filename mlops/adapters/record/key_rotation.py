"""Replacing the signing key: a note by the old key names the new one, and both stay trusted.

The note is a statement in an envelope, in a file that colleagues can be given: whoever trusts the old key
may take the new one from it, without another way to make sure whose it is.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from mlops.adapters.record.signing import key_id_of, load_public, load_signer, load_trusted, write_public
from mlops.runs.errors import ConfigError, Corrupt, system_reason
from mlops.runs.json_values import text
from mlops.runs.statements import Statement, open_envelope, seal

if TYPE_CHECKING:
    from mlops.adapters.record.signing import FileSigner

#: Predicate type of the statement by which a key names the one that follows it.
ROTATION = "urn:mlops-lake:key-rotation:v1"


@dataclass(frozen=True)
class Rotated:
    """A key that was replaced.

    Attributes:
        old: Id of the key that was there.
        new: Id of the key that signs from now on.
        note: File with the note, for colleagues.
    """

    old: str
    new: str
    note: Path


def rotate(key_file: Path, trusted: Path, who: str, at_s: int) -> Rotated:
    """Replace the signing key by a new one.

    The old private key is overwritten; its public key stays trusted, so that the record stays valid.

    Raises:
        ConfigError: There is no key, or it cannot be used or replaced.
    """
    old, private = load_signer(key_file), Ed25519PrivateKey.generate()
    public = write_public(trusted, private.public_key())
    note = _note(old, private.public_key(), who, at_s)
    file = key_file.parent / f"rotation-{key_id_of(private.public_key())[:12]}.json"
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    try:
        _replace(file, note.encode() + b"\n", 0o644)
        _replace(key_file, pem, 0o600)
    except OSError as error:
        public.unlink(missing_ok=True)
        raise ConfigError(
            f"the key cannot be replaced: {system_reason(error)}", where=str(key_file)
        ) from error
    return Rotated(old.key_id, key_id_of(private.public_key()), file)


def _note(old: FileSigner, new: Ed25519PublicKey, who: str, at_s: int) -> str:
    pem = new.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    said = {"old": old.key_id, "new": key_id_of(new), "public_key": pem.decode(), "who": who, "at_s": at_s}
    return seal(old, Statement(ROTATION, (), said))


def trust(file: Path, trusted: Path) -> str:
    """Trust the public key in a file, or the one that a rotation note of a trusted key names; return its id.

    Raises:
        Untrusted: It is a note by a key that is not trusted.
        ConfigError: It is neither.
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot be read: {system_reason(error)}", where=str(file)) from error
    if not data.lstrip().startswith(b"{"):
        public = load_public(file)
        write_public(trusted, public)
        return key_id_of(public)
    statement = open_envelope(data.decode(errors="replace"), load_trusted(trusted), where=str(file)).statement
    try:
        if statement.predicate_type != ROTATION:
            raise ValueError("its statement is about something else")
        public = serialization.load_pem_public_key(text(statement.predicate["public_key"]).encode())
    except (KeyError, TypeError, ValueError, UnsupportedAlgorithm) as error:
        raise Corrupt(f"no note about a key: {error}", where=str(file)) from error
    if not isinstance(public, Ed25519PublicKey) or key_id_of(public) != statement.predicate.get("new"):
        raise Corrupt("the note names another key than it holds", where=str(file))
    write_public(trusted, public)
    return key_id_of(public)


def _replace(file: Path, data: bytes, mode: int) -> None:
    descriptor, draft = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    with os.fdopen(descriptor, "wb") as stream:
        os.fchmod(stream.fileno(), mode)
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    Path(draft).replace(file)

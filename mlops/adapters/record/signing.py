"""Ed25519 keys that sign the record of `main`: a private file, a command for a key service, trusted keys.

The private key is PKCS #8 in PEM, readable by its owner alone. A public key is a PEM file in the folder of
trusted keys, named ``<key id>.pub``. The key id is the SHA-256 of the 32 raw bytes of the public key.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import stat
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from mlops.runs.errors import ConfigError

KEY_FILE = "key.pem"
TRUSTED_FOLDER = "trusted"

_SIGNATURE_BYTES = 64
#: A key service may be far away; a run waits no longer for one signature.
_COMMAND_TIMEOUT_S = 30.0


def key_id_of(public: Ed25519PublicKey) -> str:
    """Return the name of a public key: SHA-256 of its raw bytes, in hexadecimal."""
    return hashlib.sha256(public.public_bytes_raw()).hexdigest()


class FileSigner:
    """Signs with a private key that was read from a file."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self._key_id = key_id_of(private.public_key())

    @property
    def key_id(self) -> str:
        """Name of the key."""
        return self._key_id

    @property
    def public(self) -> Ed25519PublicKey:
        """The public key."""
        return self._private.public_key()

    def sign(self, data: bytes) -> bytes:
        """Return the Ed25519 signature of ``data`` (64 bytes)."""
        return self._private.sign(data)


class CommandSigner:
    """Signs by a command, so that the private key can stay in a key management service.

    The command gets the bytes to sign on standard input and writes the raw Ed25519 signature, 64 bytes, to
    standard output.
    """

    def __init__(self, command: str, key_id: str) -> None:
        self._arguments = shlex.split(command)
        self._key_id = key_id

    @property
    def key_id(self) -> str:
        """Name of the key."""
        return self._key_id

    def sign(self, data: bytes) -> bytes:
        """Return the signature that the command writes.

        Raises:
            ConfigError: The command cannot be started, fails, takes longer than 30 s or writes no
                signature.
        """
        try:
            answer = subprocess.run(
                self._arguments, input=data, capture_output=True, timeout=_COMMAND_TIMEOUT_S, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise _command_failed(type(error).__name__) from error
        if answer.returncode != 0 or len(answer.stdout) != _SIGNATURE_BYTES:
            raise _command_failed(
                f"exit code {answer.returncode}, {len(answer.stdout)} bytes instead of {_SIGNATURE_BYTES}"
            )
        return answer.stdout


def _command_failed(why: str) -> ConfigError:
    return ConfigError(f"the command that signs failed: {why}", where="MLOPS_SIGNER_COMMAND")


class TrustedKeys:
    """The public keys in a folder, read once."""

    def __init__(self, keys: Iterable[Ed25519PublicKey]) -> None:
        self._keys = {key_id_of(key): key for key in keys}

    @property
    def key_ids(self) -> tuple[str, ...]:
        """Names of the keys, ascending."""
        return tuple(sorted(self._keys))

    def verify(self, key_id: str, data: bytes, signature: bytes) -> bool:
        """Return whether ``key_id`` names one of the keys and ``signature`` is its signature of ``data``."""
        key = self._keys.get(key_id)
        if key is None:
            return False
        try:
            key.verify(signature, data)
        except InvalidSignature:
            return False
        return True


def load_signer(file: Path) -> FileSigner:
    """Return the signer of a private key file.

    Raises:
        ConfigError: There is none, others than its owner can read it, or it holds no Ed25519 key.
    """
    try:
        mode = file.stat().st_mode
        data = file.read_bytes()
    except OSError as error:
        raise ConfigError(
            "the signing key cannot be read",
            where=str(file),
            todo="`mlops signing show` says which key is expected",
        ) from error
    if stat.S_IMODE(mode) & 0o077:
        raise ConfigError(
            "others can read the signing key", where=str(file), todo=f"chmod 600 {shlex.quote(str(file))}"
        )
    try:
        private = serialization.load_pem_private_key(data, password=None)
    except (ValueError, TypeError) as error:
        raise ConfigError("not a private key in PEM", where=str(file)) from error
    if not isinstance(private, Ed25519PrivateKey):
        raise ConfigError("not an Ed25519 key", where=str(file))
    return FileSigner(private)


def ensure_signer(file: Path, trusted: Path) -> FileSigner:
    """Return the signer of a private key file; create key and trusted public key where there is no file.

    Two processes that create it at once end up with the same key.
    """
    if not file.exists():
        private = Ed25519PrivateKey.generate()
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # The public key comes first: a process that dies in between leaves no key that nobody trusts.
        public = write_public(trusted, private.public_key())
        if not _create_once(file, _private_pem(private), 0o600):
            public.unlink()
    return load_signer(file)


def _private_pem(private: Ed25519PrivateKey) -> bytes:
    return private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _create_once(file: Path, data: bytes, mode: int) -> bool:
    """Create a file with all its content; return False and leave the one that is there, if there is one."""
    descriptor, draft = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            os.fchmod(stream.fileno(), mode)
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        try:
            os.link(draft, file)
        except FileExistsError:
            return False
        return True
    finally:
        Path(draft).unlink()


def write_public(trusted: Path, public: Ed25519PublicKey) -> Path:
    """Write a public key into the folder of trusted keys and return the file."""
    trusted.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = trusted / f"{key_id_of(public)}.pub"
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    _create_once(file, pem, 0o644)
    return file


def load_public(file: Path) -> Ed25519PublicKey:
    """Return the public key in a PEM file.

    Raises:
        ConfigError: It cannot be read or holds no Ed25519 public key.
    """
    try:
        public = serialization.load_pem_public_key(file.read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigError("not a public key in PEM", where=str(file)) from error
    if not isinstance(public, Ed25519PublicKey):
        raise ConfigError("not an Ed25519 key", where=str(file))
    return public


def load_trusted(folder: Path) -> TrustedKeys:
    """Return the keys in a folder of trusted keys; none where there is no folder.

    Raises:
        ConfigError: A file there holds no Ed25519 public key.
    """
    return TrustedKeys(load_public(file) for file in sorted(folder.glob("*.pub")))

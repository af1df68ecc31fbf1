"""Signing keys for tests: the same number gives the same key."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mlops.adapters.record.signing import FileSigner, TrustedKeys


def signer_and_trust(number: int) -> tuple[FileSigner, TrustedKeys]:
    """Return a signer with a key made from ``number`` (0 to 255), and trust in this key alone."""
    signer = FileSigner(Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32))
    return signer, TrustedKeys([signer.public])


class Nobody:
    """Trusts no key."""

    def verify(self, key_id: str, data: bytes, signature: bytes) -> bool:
        """Return False."""
        return False

"""Signed statements: in-toto Statement v1 in a DSSE v1 envelope, as text that fits into commit metadata.

A statement names objects by path and SHA-256 (its subjects) and states facts about them (its predicate).
The formats are the published ones: https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md and
https://github.com/secure-systems-lab/dsse/blob/master/protocol.md, so that other tools can read and verify
what this project writes. "The hash of a statement" is the SHA-256 of the envelope's payload everywhere: it
does not depend on who signed.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from mlops.runs.digest import canonical, sha256
from mlops.runs.errors import Corrupt, Untrusted
from mlops.runs.json_values import items, parse, text

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"

#: Statements are small; a larger text is refused before it is parsed.
MAX_ENVELOPE_BYTES = 1 << 20


class Signer(Protocol):
    """A signer with one private key: from a file, or in a key management service."""

    @property
    def key_id(self) -> str:
        """Return the id of the key: SHA-256 of the raw public key, in hexadecimal."""
        ...

    def sign(self, data: bytes) -> bytes:
        """Return the signature of ``data``."""
        ...


class Trust(Protocol):
    """The public keys whose signatures count."""

    def verify(self, key_id: str, data: bytes, signature: bytes) -> bool:
        """Return whether ``key_id`` names a trusted key and ``signature`` is its signature of ``data``."""
        ...


@dataclass(frozen=True)
class Subject:
    """One object that a statement is about.

    Attributes:
        name: Its path in the repository.
        sha256: SHA-256 of its content, in hexadecimal.
    """

    name: str
    sha256: str


@dataclass(frozen=True)
class Statement:
    """A statement about some objects.

    Attributes:
        predicate_type: URI of the kind of statement; it defines the keys of the predicate.
        subjects: The objects, ascending by name.
        predicate: JSON values by key; every number is finite.
    """

    predicate_type: str
    subjects: tuple[Subject, ...]
    predicate: Mapping[str, Any]

    def payload(self) -> bytes:
        """Return the statement as canonical JSON: equal statements have equal bytes and one hash."""
        return canonical(
            {
                "_type": STATEMENT_TYPE,
                "subject": [{"name": s.name, "digest": {"sha256": s.sha256}} for s in self.subjects],
                "predicateType": self.predicate_type,
                "predicate": dict(self.predicate),
            }
        )


@dataclass(frozen=True)
class Sealed:
    """A statement read from its envelope.

    Attributes:
        statement: The statement.
        payload_sha256: Its hash, by which the next statement of a chain names it.
        key_id: The trusted key that signed it; empty where no signature was required.
    """

    statement: Statement
    payload_sha256: str
    key_id: str


def subjects_of(digests: Mapping[str, str]) -> tuple[Subject, ...]:
    """Return subjects for paths and their SHA-256, ascending by path."""
    return tuple(Subject(name, digest) for name, digest in sorted(digests.items()))


def signed_bytes(payload: bytes) -> bytes:
    """Return the bytes that are signed: DSSE's pre-authentication encoding of the payload and its type."""
    kind = PAYLOAD_TYPE.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def seal(signer: Signer | None, statement: Statement) -> str:
    """Return a statement in its envelope, as one line of JSON.

    Args:
        signer: Signs it; without one the envelope has no signature.
        statement: The statement.
    """
    payload = statement.payload()
    signatures: list[dict[str, str]] = []
    if signer is not None:
        signature = base64.b64encode(signer.sign(signed_bytes(payload))).decode()
        signatures.append({"keyid": signer.key_id, "sig": signature})
    envelope = {
        "payloadType": PAYLOAD_TYPE,
        "payload": base64.b64encode(payload).decode(),
        "signatures": signatures,
    }
    return canonical(envelope).decode()


def open_envelope(envelope: str, trust: Trust | None, *, where: str = "") -> Sealed:
    """Return the statement in an envelope, after checking its signature.

    Args:
        envelope: What `seal` returned.
        trust: The keys of which at least one must have signed it; None accepts it unsigned.
        where: The place where it was found, for errors.

    Raises:
        Corrupt: It is not an in-toto statement in a DSSE envelope.
        Untrusted: It bears no signature by a trusted key.
    """
    try:
        payload, signatures = _parsed(envelope)
        statement = _statement(payload)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise Corrupt(f"not a signed statement: {error}", where=where) from error
    key_id = "" if trust is None else _signed_by(payload, signatures, trust)
    if trust is not None and not key_id:
        said = f"only by {signatures[0][0][:12]}" if signatures else "by nobody"
        raise Untrusted(
            f"a statement is not signed by a trusted key, {said}",
            where=where,
            todo="`mlops signing trust FILE` adds a key that you know to be your team's",
        )
    return Sealed(statement, sha256(payload), key_id)


def _parsed(envelope: str) -> tuple[bytes, list[tuple[str, bytes]]]:
    if len(envelope) > MAX_ENVELOPE_BYTES:
        raise ValueError("it is larger than a statement can be")
    value = parse(envelope)
    if value["payloadType"] != PAYLOAD_TYPE:
        raise ValueError("its payload is of another type")
    signatures = [(text(s["keyid"]), _decoded(text(s["sig"]))) for s in items(value["signatures"])]
    return _decoded(text(value["payload"])), signatures


def _decoded(encoded: str) -> bytes:
    try:
        return base64.b64decode(encoded, validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error


def _statement(payload: bytes) -> Statement:
    value = parse(payload)
    if value["_type"] != STATEMENT_TYPE or not isinstance(value["predicate"], dict):
        raise ValueError("its payload is of another type")
    subjects = tuple(Subject(text(s["name"]), text(s["digest"]["sha256"])) for s in items(value["subject"]))
    statement = Statement(text(value["predicateType"]), subjects, value["predicate"])
    if statement.payload() != payload:
        # One statement has one form: nothing can hide in what a reader would pass over.
        raise ValueError("its payload is not in canonical form")
    return statement


def _signed_by(payload: bytes, signatures: Sequence[tuple[str, bytes]], trust: Trust) -> str:
    data = signed_bytes(payload)
    return next((key for key, signature in signatures if trust.verify(key, data, signature)), "")

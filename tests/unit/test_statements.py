"""Statements: what is sealed is what is opened, and nothing else is taken for a signed statement."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops.runs.errors import Corrupt, Untrusted
from mlops.runs.statements import (
    PAYLOAD_TYPE,
    Statement,
    open_envelope,
    seal,
    signed_bytes,
    subjects_of,
)
from tests.support.keys import Nobody, signer_and_trust

SIGNER, TRUST = signer_and_trust(1)
OTHER, _ = signer_and_trust(2)

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
digests = st.dictionaries(
    st.text(min_size=1, max_size=20), st.text("0123456789abcdef", min_size=64, max_size=64)
)


def statement(**predicate: object) -> Statement:
    return Statement("urn:test:v1", subjects_of({"b": "1" * 64, "a": "0" * 64}), predicate)


@given(digests, st.dictionaries(st.text(max_size=8), values, max_size=4))
def test_what_is_sealed_is_what_is_opened(subjects: dict[str, str], predicate: dict[str, object]) -> None:
    sealed = seal(SIGNER, Statement("urn:test:v1", subjects_of(subjects), predicate))
    opened = open_envelope(sealed, TRUST)
    assert opened.statement.predicate == predicate
    assert {s.name: s.sha256 for s in opened.statement.subjects} == subjects
    assert opened.key_id == SIGNER.key_id
    assert opened.payload_sha256 == open_envelope(seal(OTHER, opened.statement), None).payload_sha256


def test_the_signed_bytes_are_those_of_dsse() -> None:
    head = b"DSSEv1 28 application/vnd.in-toto+json 2 {}"
    assert signed_bytes(b"{}") == head


def test_an_envelope_is_of_the_published_form() -> None:
    envelope = json.loads(seal(SIGNER, statement(kind="ingest")))
    payload = json.loads(base64.b64decode(envelope["payload"]))
    assert envelope["payloadType"] == PAYLOAD_TYPE
    assert payload["_type"] == "https://in-toto.io/Statement/v1"
    assert payload["subject"][0] == {"name": "a", "digest": {"sha256": "0" * 64}}
    assert (payload["predicateType"], payload["predicate"]) == ("urn:test:v1", {"kind": "ingest"})


@pytest.mark.parametrize("signer", [None, OTHER])
def test_a_statement_without_a_trusted_signature_is_refused(signer: object) -> None:
    with pytest.raises(Untrusted, match="not signed by a trusted key"):
        open_envelope(seal(signer, statement()), TRUST, where="main")  # type: ignore[arg-type]


def test_a_signature_of_another_statement_does_not_count() -> None:
    one, other = (json.loads(seal(SIGNER, statement(n=n))) for n in (1, 2))
    with pytest.raises(Untrusted):
        open_envelope(json.dumps({**one, "signatures": other["signatures"]}), TRUST)


def test_nobody_is_trusted_without_trusted_keys() -> None:
    with pytest.raises(Untrusted):
        open_envelope(seal(SIGNER, statement()), Nobody())


def test_one_trusted_signature_among_others_is_enough() -> None:
    one, other = (json.loads(seal(signer, statement())) for signer in (SIGNER, OTHER))
    both = json.dumps({**one, "signatures": other["signatures"] + one["signatures"]})
    assert open_envelope(both, TRUST).key_id == SIGNER.key_id


def _with_payload(payload: bytes) -> str:
    return json.dumps(
        {"payloadType": PAYLOAD_TYPE, "payload": base64.b64encode(payload).decode(), "signatures": []}
    )


@pytest.mark.parametrize(
    "envelope",
    [
        "",
        "null",
        "[" * 100_000,
        "{}",
        json.dumps({"payloadType": "text/plain", "payload": "", "signatures": []}),
        json.dumps({"payloadType": PAYLOAD_TYPE, "payload": "*", "signatures": []}),
        _with_payload(b"{}"),
        _with_payload(statement().payload().replace(b"in-toto.io", b"in-toto.oi")),
        _with_payload(statement().payload() + b" "),
        _with_payload(statement().payload().replace(b'"subject"', b'"also":1,"subject"')),
        "x" * ((1 << 20) + 1),
    ],
)
def test_anything_else_is_no_statement(envelope: str) -> None:
    with pytest.raises(Corrupt, match="not a signed statement"):
        open_envelope(envelope, None)

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from mlops.lakeserver.trees.entries import Entry, decode, digest_of, encode, identity, size_of

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
ENTRIES = st.builds(
    Entry,
    digest=st.just(b"") | st.binary(min_size=32, max_size=32).filter(any),
    size_bytes=st.integers(0, 2**63 - 1),
    checksum=TEXT,
    mtime=st.integers(-(2**60), 2**60),
    content_type=TEXT,
    metadata=st.dictionaries(TEXT, TEXT, max_size=3),
    nonce=st.binary(min_size=10, max_size=10),
    address=TEXT,
)


@given(ENTRIES)
def test_what_is_encoded_is_decoded(entry: Entry) -> None:
    value = encode(entry)
    assert decode(value) == entry
    assert size_of(value) == entry.size_bytes
    assert digest_of(value) == entry.digest


@given(ENTRIES, st.integers(0, 2**40))
def test_when_and_where_do_not_matter(entry: Entry, mtime: int) -> None:
    assert identity(entry.moved(nonce=b"0123456789", mtime=mtime)) == identity(entry)


@given(ENTRIES, ENTRIES)
def test_content_matters(one: Entry, other: Entry) -> None:
    known = [(e.digest, e.size_bytes, e.checksum, e.content_type, e.metadata) for e in (one, other)]
    assert (identity(one) == identity(other)) == (known[0] == known[1])
    assert identity(replace(one, size_bytes=one.size_bytes // 2 + 1)) != identity(
        replace(one, size_bytes=one.size_bytes // 2)
    )

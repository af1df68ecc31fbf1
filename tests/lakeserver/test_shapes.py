from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from mlops.lakeserver.http import shapes
from mlops.lakeserver.operations.paging import CommonPrefix
from mlops.lakeserver.store.records import Repository
from mlops.lakeserver.trees.entries import Entry, encode, identity
from mlops.lakeserver.trees.nodes import Item

REPOSITORY = Repository(1, "repo", 1, "main", 'local://a"b', False, "")
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
ENTRIES = st.builds(
    Entry,
    digest=st.binary(min_size=32, max_size=32) | st.just(b""),
    size_bytes=st.integers(0, 2**60),
    checksum=TEXTS,
    mtime=st.integers(0, 2**40),
    content_type=TEXTS,
    metadata=st.dictionaries(TEXTS, TEXTS, max_size=3),
    nonce=st.just(b"0123456789"),
    address=TEXTS,
)


@given(TEXTS.map(str.encode), ENTRIES, st.booleans())
def test_an_object_in_a_list_is_the_same_json_however_it_is_made(
    key: bytes, entry: Entry, shown: bool
) -> None:
    for item in (Item(key, identity(entry), encode(entry)), CommonPrefix(key)):
        text = shapes.listed_json(REPOSITORY, item, with_metadata=shown)
        assert json.loads(text) == shapes.listed(REPOSITORY, item, with_metadata=shown)

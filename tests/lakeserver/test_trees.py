from __future__ import annotations

import hashlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops.lakeserver.errors import MergeConflict, StorageDamaged
from mlops.lakeserver.operations.paging import CommonPrefix, collapsed
from mlops.lakeserver.trees import nodes as node_module
from mlops.lakeserver.trees import tree
from mlops.lakeserver.trees.diffs import three_way, two_way
from mlops.lakeserver.trees.merges import merge
from mlops.lakeserver.trees.nodes import EMPTY_BODY, EMPTY_ID, Item, Node
from mlops.lakeserver.trees.tree import Edit

Model = dict[bytes, bytes]


class MemoryNodes:
    """Nodes in a dictionary, which counts how many were asked for."""

    def __init__(self) -> None:
        self.bodies = {EMPTY_ID: EMPTY_BODY}
        self.read = 0

    def get(self, node_id: bytes) -> Node:
        self.read += 1
        return Node(node_id, self.bodies[node_id])

    def put(self, node_id: bytes, body: bytes, decoded: Node | None = None) -> None:
        if decoded is not None:
            assert (decoded.id, decoded.body) == (node_id, body)
            assert decoded.items() == Node(node_id, body).items()
        self.bodies[node_id] = body


def item(key: bytes, value: bytes) -> Item:
    return Item(key, hashlib.blake2b(value, digest_size=32).digest(), value)


def edits(changes: dict[bytes, bytes | None]) -> list[Edit]:
    return [
        Edit(key, None if (value := changes[key]) is None else item(key, value)) for key in sorted(changes)
    ]


def tree_of(store: MemoryNodes, model: Model) -> bytes:
    return tree.build(store, [item(key, model[key]) for key in sorted(model)])


def model_of(store: MemoryNodes, root: bytes, start: bytes = b"") -> Model:
    return {found.key: found.value for found in tree.scan(store, root, start)}


def changed(model: Model, changes: dict[bytes, bytes | None]) -> Model:
    new = dict(model)
    for key, value in changes.items():
        if value is None:
            new.pop(key, None)
        else:
            new[key] = value
    return new


# Few keys and values, so that they meet; small spreads, so that small trees are deep.
KEYS = st.integers(0, 60).map(lambda number: b"dir%d/k%03d" % (number % 5, number))
VALUES = st.sampled_from([b"1", b"2", b"3"])
MODELS = st.dictionaries(KEYS, VALUES, max_size=60)
CHANGES = st.dictionaries(KEYS, VALUES | st.none(), max_size=30)


@pytest.fixture(autouse=True)
def _deep_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_module, "LEAF_SPREAD", 3)
    monkeypatch.setattr(node_module, "NODE_SPREAD", 2)


@given(MODELS, st.lists(CHANGES, max_size=4))
def test_a_tree_depends_on_its_content_alone(model: Model, history: list[dict[bytes, bytes | None]]) -> None:
    store = MemoryNodes()
    root = tree_of(store, model)
    for changes in history:
        root, model = tree.apply(store, root, edits(changes)), changed(model, changes)
        assert model_of(store, root) == model
    assert root == tree_of(store, model)
    assert tree.object_count(store, root) == len(model)


@given(MODELS, KEYS)
def test_finding_and_scanning(model: Model, key: bytes) -> None:
    store = MemoryNodes()
    root = tree_of(store, model)
    found = tree.find(store, root, key)
    assert (found and found.value) == model.get(key)
    assert model_of(store, root, key) == {other: value for other, value in model.items() if other >= key}


@given(MODELS, CHANGES, KEYS | st.just(b""))
def test_a_diff_is_what_differs(model: Model, changes: dict[bytes, bytes | None], start: bytes) -> None:
    store = MemoryNodes()
    new = changed(model, changes)
    found = [
        (change.key, change.left and change.left.value, change.right and change.right.value)
        for change in two_way(store, tree_of(store, model), tree_of(store, new), start)
    ]
    assert found == [
        (key, model.get(key), new.get(key))
        for key in sorted(model.keys() | new.keys())
        if key >= start and model.get(key) != new.get(key)
    ]


def merged_model(base: Model, source: Model, destination: Model, strategy: str) -> Model | None:
    """The table of the contract, one path at a time; None for a conflict."""
    result: dict[bytes, bytes | None] = {}
    for key in base.keys() | source.keys() | destination.keys():
        was, theirs, ours = base.get(key), source.get(key), destination.get(key)
        if theirs in (was, ours):
            result[key] = ours
        elif ours == was or strategy == "source-wins":
            result[key] = theirs
        elif strategy == "dest-wins":
            result[key] = ours
        else:
            return None
    return {key: value for key, value in result.items() if value is not None}


@given(MODELS, CHANGES, CHANGES, st.sampled_from(["", "source-wins", "dest-wins"]))
def test_a_merge_follows_the_table(base: Model, theirs: Any, ours: Any, strategy: str) -> None:
    store = MemoryNodes()
    source, destination = changed(base, theirs), changed(base, ours)
    roots = [tree_of(store, model) for model in (base, source, destination)]
    expected = merged_model(base, source, destination, strategy)
    if expected is None:
        with pytest.raises(MergeConflict) as refused:
            merge(store, *roots, strategy=strategy)
        assert refused.value.paths
    else:
        assert merge(store, *roots, strategy=strategy) == tree_of(store, expected)


@given(MODELS, CHANGES, CHANGES)
def test_merging_twice_changes_nothing_more(base: Model, theirs: Any, ours: Any) -> None:
    store = MemoryNodes()
    source, destination = tree_of(store, changed(base, theirs)), tree_of(store, changed(base, ours))
    root = tree_of(store, base)
    once = merge(store, root, source, destination, "source-wins")
    assert merge(store, source, source, once, "") == once
    assert not list(three_way(store, source, once, source))


@given(MODELS, CHANGES, CHANGES)
def test_a_three_way_diff_shows_what_a_merge_would_do(base: Model, theirs: Any, ours: Any) -> None:
    store = MemoryNodes()
    source, destination = changed(base, theirs), changed(base, ours)
    shown = {
        change.key: change.kind
        for change in three_way(
            store, tree_of(store, base), tree_of(store, destination), tree_of(store, source)
        )
    }
    expected = {}
    for key in base.keys() | source.keys():
        was, right, left = base.get(key), source.get(key), destination.get(key)
        if right in (was, left):
            continue
        kind = "added" if was is None else "removed" if right is None else "changed"
        expected[key] = kind if left == was else "conflict"
    assert shown == expected


PATHS = st.lists(st.sampled_from(["a", "b", "/", "/", "c", "é"]), min_size=1, max_size=6).map("".join)


def listed_model(paths: set[str], prefix: str, delimiter: str) -> list[bytes]:
    shown = set()
    for path in paths:
        if not path.startswith(prefix):
            continue
        at = path.find(delimiter, len(prefix)) if delimiter else -1
        shown.add((path if at < 0 else path[: at + len(delimiter)]).encode())
    return sorted(shown)


@settings(max_examples=200)
@given(st.sets(PATHS, max_size=25), PATHS | st.just(""), st.sampled_from(["", "/", "a/"]), st.integers(1, 5))
def test_pages_join_to_the_whole_list(paths: set[str], prefix: str, delimiter: str, amount: int) -> None:
    store = MemoryNodes()
    root = tree_of(store, {path.encode(): b"1" for path in paths})
    found, after = [], ""
    while True:
        page = collapsed(
            lambda start: tree.scan(store, root, start),
            prefix=prefix.encode(),
            after=after.encode(),
            delimiter=delimiter.encode(),
            amount=amount,
        )
        assert len(page.results) <= amount
        found += page.results
        if not page.has_more:
            break
        after = page.next_offset
    assert [row.key for row in found] == listed_model(paths, prefix, delimiter)
    for row in found:
        assert isinstance(row, CommonPrefix) or row.key.decode() in paths


def old_tree_of(store: MemoryNodes, model: Model) -> bytes:
    """As the first format of the store had it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(node_module, "NODE_SPREAD", 4)
        patch.setattr(node_module, "_NODE_VERSION", 1)
        return tree_of(store, model)


@given(MODELS, CHANGES)
def test_a_tree_of_the_first_format_is_read_and_becomes_as_others_when_it_is_changed(
    model: Model, changes: dict[bytes, bytes | None]
) -> None:
    store = MemoryNodes()
    old, new = old_tree_of(store, model), changed(model, changes)
    assert model_of(store, old) == model
    assert not list(two_way(store, old, tree_of(store, model)))
    differing = [change.key for change in two_way(store, old, tree_of(store, new))]
    assert differing == sorted(key for key in model.keys() | new.keys() if model.get(key) != new.get(key))
    after = tree.apply(store, old, edits(changes))
    assert after == (tree_of(store, new) if new != model else old)


def big_model(count: int) -> Model:
    return {b"data/part-%06d" % number: b"%d" % number for number in range(count)}


def test_a_change_writes_and_reads_little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_module, "LEAF_SPREAD", 16)
    monkeypatch.setattr(node_module, "NODE_SPREAD", 64)
    store = MemoryNodes()
    root = tree_of(store, big_model(20_000))
    before, store.read = len(store.bodies), 0
    new = tree.apply(store, root, [Edit(b"data/part-010000", item(b"data/part-010000", b"new"))])
    assert len(store.bodies) - before <= 8
    assert store.read <= 60
    store.read = 0
    assert [change.key for change in two_way(store, root, new)] == [b"data/part-010000"]
    assert store.read <= 20


def test_putting_the_same_object_again_changes_nothing() -> None:
    store = MemoryNodes()
    root = tree_of(store, big_model(100))
    same = item(b"data/part-000050", b"50")._replace(value=b"another time")
    assert tree.apply(store, root, [Edit(same.key, same)]) == root


def test_everything_removed_is_the_empty_tree() -> None:
    store = MemoryNodes()
    model = big_model(50)
    root = tree_of(store, model)
    assert tree.apply(store, root, [Edit(key, None) for key in sorted(model)]) == EMPTY_ID


@given(st.lists(VALUES, min_size=1, max_size=20), st.data())
def test_a_node_written_over_another_knows_where_they_differ(values: list[bytes], data: Any) -> None:
    items = [item(b"k%03d" % number, value) for number, value in enumerate(values)]
    node = Node(*node_module.encode(0, items))
    indexes = sorted(data.draw(st.sets(st.integers(0, len(items) - 1))))
    patched = node.patched(
        [(at, hashlib.blake2b(b"new %d" % at, digest_size=32).digest(), b"4") for at in indexes]
    )
    assert patched is not None
    start = data.draw(st.integers(0, len(items)))
    afresh = Node(patched.id, patched.body)
    for one, other in ((node, patched), (patched, node), (node, afresh), (afresh, node)):
        assert one.differences(other, start) == [at for at in indexes if at >= start]
    assert patched.items() == afresh.items()


def test_a_truncated_node_is_named() -> None:
    store = MemoryNodes()
    root = tree_of(store, big_model(3))
    with pytest.raises(StorageDamaged, match="truncated"):
        Node(root, store.bodies[root][:-1])

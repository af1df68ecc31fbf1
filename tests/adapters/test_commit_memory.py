"""Answers about a commit are asked for once, answers about what can change each time."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from mlops.adapters.lake import servers
from mlops.adapters.lake.lake import LOG_PAGE, LakeFSLake, connect
from mlops.adapters.lake.memory import MAX_VALUE_BYTES, CommitMemory
from mlops.runs.errors import LakeUnavailable, NotFound

COMMIT = "a" * 64


class Asked:
    """Answers with a value and counts how often it was asked."""

    def __init__(self, value: bytes) -> None:
        self.value, self.times = value, 0

    def __call__(self) -> bytes:
        self.times += 1
        return self.value


def test_an_answer_about_a_commit_is_kept() -> None:
    memory, asked = CommitMemory(), Asked(b"one")
    assert [memory.of(COMMIT, "read", asked, len) for _ in range(3)] == [b"one"] * 3
    assert asked.times == 1
    memory.of(COMMIT, "other", asked, len)
    memory.of("b" * 64, "read", asked, len)
    assert asked.times == 3


@pytest.mark.parametrize("ref", ["main", "run-0123456789ab-a1", "champion", "main~1", COMMIT[:12]])
def test_what_a_name_leads_to_can_change(ref: str) -> None:
    memory, asked = CommitMemory(), Asked(b"one")
    memory.of(ref, "read", asked, len)
    asked.value = b"two"
    assert memory.of(ref, "read", asked, len) == b"two"


def test_the_least_recently_used_answers_are_dropped_first() -> None:
    memory, asked = CommitMemory(max_bytes=30), Asked(b"0123456789")
    for what in ("a", "b", "c", "a", "d"):
        memory.of(COMMIT, what, asked, len)
    assert asked.times == 4
    memory.of(COMMIT, "a", asked, len)
    assert asked.times == 4
    memory.of(COMMIT, "b", asked, len)
    assert asked.times == 5


def test_a_large_answer_is_not_kept() -> None:
    memory, asked = CommitMemory(), Asked(bytes(MAX_VALUE_BYTES + 1))
    memory.of(COMMIT, "read", asked, len)
    memory.of(COMMIT, "read", asked, len)
    assert asked.times == 2


def test_an_error_is_not_kept() -> None:
    memory, asked = CommitMemory(), Asked(b"one")

    def down() -> bytes:
        raise LakeUnavailable("no answer")

    with pytest.raises(LakeUnavailable):
        memory.of(COMMIT, "read", down, len)
    assert memory.of(COMMIT, "read", asked, len) == b"one"


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LakeFSLake]:
    state_dir = tmp_path_factory.mktemp("lake")
    try:
        connection = connect(servers.start_embedded(state_dir))
        name = f"p{secrets.token_hex(6)}"
        connection.create_repository(name)
        yield LakeFSLake(connection, name)
    finally:
        servers.stop(state_dir)


def test_a_branch_is_read_as_it_is_now(lake: LakeFSLake) -> None:
    lake.write("main", "a", b"one")
    first = lake.commit("main", "one", {})
    assert lake.read("main", "a") == lake.read(first, "a") == b"one"
    lake.write("main", "a", b"two")
    assert (lake.read("main", "a"), lake.read(first, "a")) == (b"two", b"one")
    second = lake.commit("main", "two", {})
    assert [commit.id for commit in lake.log("main")][:2] == [second, first]
    assert lake.commit_of("main").id == second
    assert [stat.path for stat in lake.list("main", "a")] == ["a"]


def test_what_a_commit_does_not_hold_is_not_found_each_time(lake: LakeFSLake) -> None:
    head = lake.head("main")
    for _ in range(2):
        with pytest.raises(NotFound, match="missing"):
            lake.read(head, "missing")


def test_a_history_longer_than_a_page_is_walked_to_its_end(lake: LakeFSLake) -> None:
    made = [lake.commit("main", str(n), {}, allow_empty=True) for n in range(10 * LOG_PAGE)]
    for _ in range(2):
        found = [commit.id for commit in lake.log(made[-1])]
        assert found[: len(made)] == made[::-1]
        assert found[-1] == list(lake.log("main"))[-1].id
        assert len(found) == len(set(found))


def test_a_list_that_was_returned_is_the_callers_own(lake: LakeFSLake) -> None:
    head = lake.head("main")
    lake.list(head).clear()
    assert lake.list(head)

"""The fuzzer makes the same requests again, and shows a difference by the fewest of them."""

from __future__ import annotations

import dataclasses
import json

import pytest

from mlops.adapters.lake.credentials import Credentials
from tests.contract.fuzz.differences import KNOWN, known
from tests.contract.fuzz.normalise import Normal, Symbols, normal
from tests.contract.fuzz.runner import Pair, explain
from tests.contract.fuzz.sequence import sequence
from tests.contract.fuzz.wire import Answer, Operation, Side, segment, symbol

NOBODY = Credentials("http://127.0.0.1:1", "key", "secret")


class Scripted(Side):
    """Answers 200 to everything; says otherwise once two requests went before."""

    def __init__(self, name: str, needed: tuple[int, ...] = ()) -> None:
        super().__init__(name, NOBODY)
        self.needed = needed
        self.sent: list[int] = []

    def begin(self, repository: str) -> None:
        super().begin(repository)
        self.sent = []

    def send(self, operation: Operation) -> Answer:
        self.sent.append(operation.number)
        spoiled = self.needed and self.needed[-1] == operation.number and set(self.needed) <= set(self.sent)
        return Answer(409 if spoiled else 200, {}, b"{}")


def test_a_seed_is_always_the_same_sequence() -> None:
    assert sequence(7) == sequence(7)
    assert sequence(7) != sequence(8)
    assert len(sequence(7)) >= 120


def test_a_difference_is_shown_by_the_fewest_requests() -> None:
    operations = [
        dataclasses.replace(operation, name="listBranches", body=None) for operation in sequence(1)[:90]
    ]
    pair = Pair(Scripted("lakeFS"), Scripted("embedded", needed=(17, 40, 71)))
    found = pair.run(operations, "x")
    assert found is not None
    assert found.operation.number == 71
    shorter = pair.shrunk(operations, found, "x")
    assert [operation.number for operation in shorter] == [0, 17, 40, 71]
    assert "the servers differ after" in explain(shorter, found)


def test_ids_and_times_become_symbols() -> None:
    operation = Operation(0, "getCommit", "GET", "/x")
    made = []
    for user, first, second in (("mlops", "a" * 64, "b" * 64), ("admin", "c" * 64, "d" * 64)):
        body = {"id": first, "parents": [second, first], "committer": user, "meta_range_id": second}
        made.append(normal(operation, Answer(200, {}, json.dumps(body).encode()), Symbols(user)))
    assert made[0] == made[1]
    assert made[0].body["parents"] == ["<hash 1>", "<hash 0>"]
    assert made[0].body["meta_range_id"] == "<tree>"


def test_symbols_stay_in_addresses() -> None:
    assert segment(f"a b{symbol('commit', 3)}~1") == "a%20b⟦commit 3⟧~1"


@pytest.mark.parametrize("entry", KNOWN, ids=lambda entry: entry.name)
def test_no_documented_difference_hides_another_status(entry: object) -> None:
    other = Normal(200, {}, {"results": [], "pagination": {"has_more": False}})
    for operation in sequence(3):
        if "%25" not in operation.path:
            assert known(operation, other, Normal(503, {}, {"message": "out of order"})) is None

"""Requests that wait together are predicted together, and nobody pays for another's rows."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlops.runs.errors import InputError
from mlops.serving.batches import Batches, TooBusy
from mlops.serving.request_schema import schema_of
from mlops.serving.service import Served

SCHEMA = schema_of(pd.DataFrame({"x": [1.0]}), {})


class Model:
    """Doubles what it is given, once it may; refuses 13."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.begun = threading.Event()
        self.may = threading.Event()
        self.may.set()

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        self.begun.set()
        assert self.may.wait(10)
        self.sizes.append(len(rows))
        if (rows["x"] == 13).any():
            raise ValueError("unlucky")
        return rows["x"].to_numpy() * 2


def served(model: Any, number: int = 1) -> Served:
    return Served("tiny", number, "c" * 64, 0.0, SCHEMA, model)


@pytest.fixture
def batches() -> Iterator[Batches]:
    made = Batches(max_waiting=8)
    yield made
    made.close()


def held(batches: Batches, model: Model) -> Any:
    """Let the thread begin with one request and wait in the model."""
    model.may.clear()
    first = batches.submit(served(model), {"x": [1.0]})
    assert model.begun.wait(10)
    return first


def test_who_waits_together_is_predicted_together(batches: Batches) -> None:
    model = Model()
    held(batches, model)
    one = served(model)
    answers = [batches.submit(one, {"x": [float(n), float(n) + 0.5]}) for n in range(4)]
    model.may.set()
    assert [answer.result(10) for answer in answers] == [[2.0 * n, 2.0 * n + 1] for n in range(4)]
    assert model.sizes == [1, 8]


def test_two_models_are_never_mixed(batches: Batches) -> None:
    model, other = Model(), Model()
    first = held(batches, model)
    mine, theirs = served(model), served(other, 2)
    answers = [batches.submit(who, {"x": [3.0]}) for who in (mine, theirs, mine)]
    model.may.set()
    assert [answer.result(10) for answer in (first, *answers)] == [[2.0], [6.0], [6.0], [6.0]]
    assert (model.sizes, other.sizes) == ([1, 1, 1], [1])


def test_nobody_pays_for_the_rows_of_another(batches: Batches) -> None:
    model = Model()
    held(batches, model)
    one = served(model)
    good, bad, also = (batches.submit(one, {"x": [x]}) for x in (1.0, 13.0, 2.0))
    model.may.set()
    assert good.result(10) == [2.0]
    assert also.result(10) == [4.0]
    with pytest.raises(InputError, match="unlucky"):
        bad.result(10)


def test_too_many_are_turned_away(batches: Batches) -> None:
    model = Model()
    held(batches, model)
    one = served(model)
    answers = [batches.submit(one, {"x": [1.0]}) for _ in range(8)]
    with pytest.raises(TooBusy):
        batches.submit(one, {"x": [1.0]})
    model.may.set()
    assert [answer.result(10) for answer in answers] == [[2.0]] * 8


def test_who_gave_up_is_passed_over(batches: Batches) -> None:
    model = Model()
    held(batches, model)
    one = served(model)
    gone, waits = batches.submit(one, {"x": [1.0]}), batches.submit(one, {"x": [2.0]})
    assert gone.cancel()
    model.may.set()
    assert waits.result(10) == [4.0]
    assert model.sizes == [1, 1]


def test_a_model_that_exhausts_memory_ends_no_request_without_an_answer(batches: Batches) -> None:
    class Greedy:
        def predict(self, rows: pd.DataFrame) -> np.ndarray:
            raise MemoryError

    with pytest.raises(InputError, match="MemoryError"):
        batches.submit(served(Greedy()), {"x": [1.0]}).result(10)


def test_close_answers_those_who_wait() -> None:
    made, model = Batches(), Model()
    held(made, model)
    answer = made.submit(served(model), {"x": [4.0]})
    closing = threading.Thread(target=made.close)
    closing.start()
    model.may.set()
    closing.join(10)
    assert answer.result(0) == [8.0]
    assert not closing.is_alive()

"""Ranking: units are queries, predictions are lists of items."""

from __future__ import annotations

import json
import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score

from mlops.pipelines.tasks import Ranking
from mlops.runs.errors import ConfigError, InputError
from mlops.runs.evidence import is_metric

TASK = Ranking(query="playlist", item="song", k=3)
SPEC: Any = SimpleNamespace(
    cluster="playlist", slices=("genre",), target="song", model_input=("playlist", "song")
)
ITEMS = [f"s{n}" for n in range(12)]


def rows(*pairs: tuple[str, str]) -> pd.DataFrame:
    return pd.DataFrame(pairs, columns=["playlist", "song"]).assign(genre="rock")


def lists(*found: list[str]) -> pd.DataFrame:
    return TASK.predict(SimpleNamespace(predict=lambda _units: found), pd.DataFrame(index=range(len(found))))


def test_a_unit_is_a_query_with_what_is_relevant_and_what_is_known() -> None:
    units = TASK.units(SPEC, rows(("b", "s2"), ("a", "s9"), ("a", "s1")), rows(("a", "s5"), ("c", "s1")))
    assert units.to_dict("records") == [
        {"playlist": "a", "genre": "rock", "song": '["s1", "s9"]', "known": '["s5"]'},
        {"playlist": "b", "genre": "rock", "song": '["s2"]', "known": "[]"},
    ]


@given(
    st.sets(st.sampled_from(ITEMS), min_size=1),
    st.lists(st.sampled_from(ITEMS), unique=True, max_size=6),
)
def test_losses_follow_from_where_relevant_items_stand(relevant: set[str], found: list[str]) -> None:
    costs = TASK.costs(pd.Series([json.dumps(sorted(relevant))]), lists(found))
    hits = [item in relevant for item in found[:3]]
    assert tuple(costs) == TASK.losses
    assert all(is_metric(loss) for loss in TASK.losses)
    assert costs["miss_at_3"].tolist() == [0.0 if any(hits) else 1.0]
    assert costs["one_minus_recall_at_3"][0] == pytest.approx(1 - sum(hits) / len(relevant))
    truth = np.array([[item in relevant for item in ITEMS]], dtype=float)
    score = np.array([[-found.index(item) if item in found[:3] else -100.0 for item in ITEMS]])
    # Items that were not recommended tie, and scikit-learn averages over ties: only these places count here.
    truth_at = np.where(score > -100, truth, 0.0)
    ideal = sum(1 / math.log2(place + 2) for place in range(min(3, len(relevant))))
    gain = sum(hit / math.log2(place + 2) for place, hit in enumerate(hits))
    assert costs["one_minus_ndcg_at_3"][0] == pytest.approx(1 - gain / ideal)
    if len(relevant) == sum(hits) and len(found) >= 3:
        assert costs["one_minus_ndcg_at_3"][0] == pytest.approx(1 - ndcg_score(truth_at, score, k=3))


def test_only_the_first_k_items_count() -> None:
    assert json.loads(lists(["s1", "s2", "s3", "s4"])[""][0]) == ["s1", "s2", "s3"]


def test_lists_of_another_form_are_refused() -> None:
    with pytest.raises(InputError, match="1 queries, not for 2"):
        TASK.baseline([["s1"]], 2)
    with pytest.raises(InputError, match="an item twice in one list: s1, s1"):
        TASK.baseline([["s1", "s1"]], 1)
    with pytest.raises(InputError, match="no relevant item"):
        TASK.targets(pd.Series(["[]"]))


def test_a_list_that_is_missing_costs_what_no_gate_takes() -> None:
    predicted = pd.DataFrame({"": [float("nan"), "{}", '["s1"]']})
    costs = TASK.costs(pd.Series(['["s1"]'] * 3), predicted)
    assert all(np.isnan(values).tolist() == [True, True, False] for values in costs.values())


def test_a_change_is_the_share_of_places_that_differ() -> None:
    one, other = lists(["s1", "s2", "s3"], ["s1"]), lists(["s1", "s3", "s2"], ["s1"])
    assert TASK.change(one, other).tolist() == [pytest.approx(2 / 3), 0.0]


@pytest.mark.parametrize("k", [0, 1001])
def test_the_length_of_a_list_is_bounded(k: int) -> None:
    with pytest.raises(ConfigError, match="1 to 1000"):
        Ranking("playlist", "song", k)

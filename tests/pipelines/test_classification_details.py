"""Details of a classifier agree with scikit-learn, and their intervals draw whole clusters."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, f1_score, roc_auc_score

from mlops.pipelines.tasks.classification_details import describe

CLASSES = ("jazz", "pop", "rock")


def _rows(seed: int, clusters: int = 40, each: int = 25) -> tuple[np.ndarray, np.ndarray, list[str]]:
    draw = np.random.default_rng(seed)
    names = np.repeat([f"artist {number}" for number in range(clusters)], each)
    right = np.repeat(draw.integers(0, 3, clusters), each)
    right = np.where(draw.random(len(right)) < 0.2, draw.integers(0, 3, len(right)), right)
    raw = draw.normal(size=(len(right), 3)) + np.repeat(draw.normal(size=(clusters, 3)), each, axis=0)
    raw[np.arange(len(right)), right] += 1.5
    exact = np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True)
    rounded = exact.round(2)  # with ties
    return right, rounded, list(names)


@pytest.mark.parametrize("seed", range(3))
def test_values_are_those_of_scikit_learn(seed: int) -> None:
    right, given, clusters = _rows(seed)

    found = describe(CLASSES, right, given, clusters)

    chosen = given.argmax(axis=1)
    assert np.array_equal(np.asarray(found.confusion), confusion_matrix(right, chosen, labels=[0, 1, 2]))
    assert found.f1.value == pytest.approx(f1_score(right, chosen, average="macro"))
    each = [roc_auc_score(right == at, given[:, at]) for at in range(3)]
    assert found.auc.value == pytest.approx(np.mean(each))
    assert found.auc.low < found.auc.value < found.auc.high
    assert found.f1.low < found.f1.value < found.f1.high


def test_calibration_counts_every_row_once() -> None:
    right, given, clusters = _rows(5)

    bins = describe(CLASSES, right, given, clusters).calibration

    assert sum(found.rows for found in bins) == len(right)
    assert sum(found.rows * found.right for found in bins) == pytest.approx(
        (given.argmax(axis=1) == right).sum()
    )
    assert all(found.above <= found.predicted <= found.above + 0.1 + 1e-9 for found in bins)


def test_the_same_predictions_in_another_order_give_the_same() -> None:
    right, given, clusters = _rows(6)
    order = np.random.default_rng(0).permutation(len(right))

    one = describe(CLASSES, right, given, clusters)
    other = describe(CLASSES, right[order], given[order], [clusters[at] for at in order])

    assert other.confusion == one.confusion
    assert other.auc.low == pytest.approx(one.auc.low, abs=1e-12)
    assert other.f1.high == pytest.approx(one.f1.high, abs=1e-12)


def test_a_class_without_rows_is_left_out_and_one_class_alone_has_no_area() -> None:
    given = np.tile([0.5, 0.3, 0.2], (20, 1))
    clusters = [f"artist {number % 5}" for number in range(20)]

    alone = describe(CLASSES, np.zeros(20, dtype=int), given, clusters)

    assert alone.to_json()["auc"] == {"value": None, "low": None, "high": None}
    assert alone.f1.value == 1.0


def test_whole_clusters_are_drawn() -> None:
    """Rows of one artist say the same: forty artists are forty observations, not a thousand."""
    right, given, clusters = _rows(7)
    by_artist = describe(CLASSES, right, given, clusters)
    by_row = describe(CLASSES, right, given, [str(number) for number in range(len(right))])

    assert by_artist.f1.high - by_artist.f1.low > 1.2 * (by_row.f1.high - by_row.f1.low)

"""CR2 and its degrees of freedom in closed form, against the matrices of the papers that define them."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops.runs.gate.variance import cr1, cr2, degrees_of_freedom

counts_of = st.lists(st.integers(1, 12) | st.sampled_from([1, 30, 60]), min_size=2, max_size=12)


def adjusted(n: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Return the cluster of each row, and ``p_c`` of each cluster in a column: CR2 is ``sum((p_c' y)^2)``.

    Bell & McCaffrey's adjustment is the symmetric square root of the inverse of the cluster's block of I - H.
    """
    cluster = np.repeat(np.arange(len(n)), n)
    x = np.ones((len(cluster), 1))
    bread = np.linalg.inv(x.T @ x)
    annihilator = np.eye(len(cluster)) - x @ bread @ x.T
    columns = []
    for c in range(len(n)):
        own = cluster == c
        values, vectors = np.linalg.eigh(annihilator[np.ix_(own, own)])
        root = vectors @ np.diag(values**-0.5) @ vectors.T
        columns.append((annihilator[:, own] @ root @ x[own] @ bread)[:, 0])
    return cluster, np.array(columns).T


def satterthwaite(p: np.ndarray, covariance: np.ndarray) -> float:
    b = p.T @ covariance @ p
    return float(np.trace(b) ** 2 / np.trace(b @ b))


@given(counts_of, st.integers(0, 2**32))
def test_the_variance_is_that_of_the_matrices(n: list[int], seed: int) -> None:
    cluster, p = adjusted(n)
    y = np.random.default_rng(seed).standard_normal(len(cluster))
    moves = np.bincount(cluster, weights=y - y.mean()) / len(y)
    std_error, _ = cr2(moves.tolist(), n)
    assert std_error == pytest.approx(math.sqrt(((p.T @ y) ** 2).sum()), rel=1e-9, abs=1e-14)


@given(counts_of)
def test_it_is_unbiased_for_independent_rows(n: list[int]) -> None:
    _, p = adjusted(n)
    assert np.trace(p.T @ p) == pytest.approx(1 / sum(n), rel=1e-9)


@given(counts_of)
def test_the_degrees_of_freedom_are_the_smaller_of_both_suppositions(n: list[int]) -> None:
    cluster, p = adjusted(n)
    independent = satterthwaite(p, np.eye(len(cluster)))
    together = satterthwaite(p, (cluster[:, None] == cluster[None, :]).astype(float))
    assert degrees_of_freedom(tuple(n)) == pytest.approx(min(independent, together), rel=1e-9)


@given(st.integers(2, 200), st.integers(1, 1000), st.integers(0, 2**32))
def test_clusters_of_equal_size_leave_the_former_rule(clusters: int, n: int, seed: int) -> None:
    moves = np.random.default_rng(seed).standard_normal(clusters)
    moves -= moves.mean()
    assert cr2(moves.tolist(), [n] * clusters) == pytest.approx(cr1(moves.tolist()), rel=1e-9)


@given(st.lists(st.integers(1, 2**40), min_size=2, max_size=60))
def test_whatever_the_sizes_there_are_at_least_one_and_at_most_all_but_one(n: list[int]) -> None:
    assert 1 - 1e-9 <= degrees_of_freedom(tuple(n)) <= (len(n) - 1) * (1 + 1e-9)


def test_one_cluster_that_outweighs_all_others_leaves_one_degree() -> None:
    assert degrees_of_freedom((1, 1, 2**50)) == pytest.approx(1, rel=1e-9)
    assert degrees_of_freedom((1, 2**50)) == pytest.approx(1, rel=1e-9)

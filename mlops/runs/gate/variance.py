"""Variance of a difference of two metrics from the influence of each cluster, with its degrees of freedom.

The estimate is the constant of a regression of row-wise differences on nothing else. With ``n_c`` rows in
cluster ``c``, ``N`` rows, shares ``w_c = n_c / N`` and influences ``u_c``, which add up to zero, the
estimators of the variance are ::

    CR1 = C / (C - 1) * sum(u_c^2)
    CR2 = sum(u_c^2 / (1 - w_c))

*CR2.* Residuals of a cluster are ``e_c = (I - H)_c y``, smaller than the errors, because the cluster takes
part in the mean. Bell & McCaffrey ("Bias Reduction in Standard Errors for Linear Regression with
Multi-Stage Samples", *Survey Methodology* 28(2), 2002) multiply them by ``((I - H)_cc)^(-1/2)``; then the
estimator is unbiased where errors are independent and of equal variance. Of a regression on a constant
alone, ``(I - H)_cc`` is ``I - 1 1' / N``, of which the vector of ones is an eigenvector to the eigenvalue
``1 - w_c``: the adjusted residuals add up to ``N u_c / sqrt(1 - w_c)`` (see also Pustejovsky & Tipton,
"Small-Sample Methods for Cluster-Robust Variance Estimation", *Journal of Business & Economic Statistics*
36(4), 2018).

*Degrees of freedom.* CR2 is a sum of squares ``(p_c' y)^2`` with ``p_c = (1_c - w_c 1) / (N sqrt(1 - w_c))``,
where ``1_c`` marks the rows of the cluster. Satterthwaite's approximation matches its first two moments to
those of a chi-square variable, ``v = tr(B)^2 / tr(B^2)`` with ``B = P' V P``, ``V`` the covariance of errors
that is supposed. With ``q_c = w_c^2 / (1 - w_c)``, ``s = sum(w_c^2)`` and factors that cancel left out, it is

- for independent errors, as Bell & McCaffrey suppose: ``B_cc = w_c`` and ``B_cd = -w_c w_d / sqrt((1 - w_c)
  (1 - w_d))``, so ``v = 1 / (sum(w_c^2) + sum(q_c)^2 - sum(q_c^2))``;
- for errors that are the same in all rows of a cluster: ``B_cc = q_c (1 - 2 w_c + s)`` and ``B_cd =
  sqrt(q_c q_d) (s - w_c - w_d)``.

Imbens & Kolesár ("Robust Standard Errors in Small Samples: Some Practical Advice", *Review of Economics and
Statistics* 98(4), 2016) suppose something between, with a correlation that they estimate from the residuals
of rows. Evidence has sums per cluster only, which do not tell it, so the smaller of the two degrees of
freedom is taken: with clusters of unequal size whose rows move together, the first alone promises too much.
With clusters of equal size both are ``C - 1``, and CR1 and CR2 are the same.

*CR1* with ``C - 1`` degrees of freedom (Cameron & Miller, "A Practitioner's Guide to Cluster-Robust
Inference", *Journal of Human Resources* 50(2), 2015, sections II.B and VI.D) is the rule of evidence that
names none.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache


def cr1(moves: Sequence[float]) -> tuple[float, float]:
    """Return the standard error by CR1 and its degrees of freedom.

    Args:
        moves: Influence of each cluster.
    """
    clusters = len(moves)
    return _root(moves, [1.0] * clusters, clusters / (clusters - 1)), clusters - 1


def cr2(moves: Sequence[float], counts: Sequence[int]) -> tuple[float, float]:
    """Return the standard error by CR2 and its degrees of freedom.

    Args:
        moves: Influence of each cluster.
        counts: Rows of each cluster.
    """
    rows = total(counts)
    rests = [(rows - n) / rows for n in counts]
    return _root(moves, rests, 1.0), degrees_of_freedom(tuple(counts))


@lru_cache(maxsize=256)  # most comparisons of one evaluation are made on the same rows
def degrees_of_freedom(counts: tuple[int, ...]) -> float:
    """Return Satterthwaite's degrees of freedom of CR2, the smaller of both suppositions.

    Pairs with the largest cluster are added by themselves: it may outweigh all others by far, and their
    digits would be lost.

    Args:
        counts: Rows of each cluster.
    """
    rows, at = total(counts), counts.index(max(counts))
    w_l, rest_l = counts[at] / rows, (rows - counts[at]) / rows
    w = [n / rows for i, n in enumerate(counts) if i != at]
    q = [n / rows * (n / rows) / ((rows - n) / rows) for i, n in enumerate(counts) if i != at]
    q_l, s_others = w_l * w_l / rest_l, total(a * a for a in w)
    s, q0 = w_l * w_l + s_others, total(q)
    independent = 1 / (s + (2 * q_l * q0 + (q0 * q0 - total(a * a for a in q))))
    own_l = q_l * (rest_l * rest_l + s_others)
    own = [a * (1 - 2 * b + s) for a, b in zip(q, w, strict=True)]
    apart = [s_others - w_l * rest_l - b for b in w]
    with_l = q_l * total(a * (b * b) for a, b in zip(q, apart, strict=True))
    squares = own_l * own_l + total(a * a for a in own) + (2 * with_l + _among(q, w, s))
    trace = own_l + total(own)
    return min(independent, trace * trace / squares)


def _among(q: Sequence[float], w: Sequence[float], s: float) -> float:
    """Return the sum of ``q_c q_d (s - w_c - w_d)^2`` over all ordered pairs of different clusters."""
    q0, q1 = total(q), total(a * b for a, b in zip(q, w, strict=True))
    q2 = total(a * b * b for a, b in zip(q, w, strict=True))
    same = total(a * (s - 2 * b) * (a * (s - 2 * b)) for a, b in zip(q, w, strict=True))
    return s * s * q0 * q0 + 2 * q2 * q0 - 4 * s * q1 * q0 + 2 * q1 * q1 - same


def total(values: Iterable[float]) -> float:
    """Return the sum from left to right."""
    # From Python 3.12 on `sum` compensates for rounding, which a reader in another language would not.
    found = 0.0
    for value in values:
        found += value
    return found


def _root(moves: Sequence[float], rests: Sequence[float], factor: float) -> float:
    # Squares of very large or small moves leave the range of a double; squares of their ratios do not.
    largest = max(map(abs, moves))
    if largest == 0:
        return 0.0
    spread = total((u / largest) * (u / largest) / rest for u, rest in zip(moves, rests, strict=True))
    return largest * math.sqrt(factor * spread)

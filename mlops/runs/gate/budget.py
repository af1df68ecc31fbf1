"""The error level that is left on each holdout.

The k-th evaluation on a holdout spends ``alpha / (k (k + 1))``, so ``k`` evaluations leave ``alpha /
(k + 1)``. It is never all spent, but soon there is too little left to show anything but a large gain.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mlops.runs import names
from mlops.runs.errors import Corrupt, NotFound
from mlops.runs.evidence import Paired
from mlops.runs.gate.holdouts import freed
from mlops.runs.gate.verdict import level_of
from mlops.runs.main.state import parse_json
from mlops.runs.ports import Lake

#: A run warns where no more than this share of the error level is left before its evaluation.
LOW_SHARE = 0.2


@dataclass(frozen=True)
class Budget:
    """The error level of one holdout.

    Attributes:
        holdout: First twelve digits of its identity.
        begins: Its smallest time, ISO 8601; empty where it is no period of time or its evidence was erased.
        rows: Its rows at the last evaluation; 0 where the evidence was erased.
        evaluations: Evaluations on it so far.
        left: Error level that is left for all further evaluations together.
        next_level: Error level of the next evaluation.
        low: Whether little is left.
    """

    holdout: str
    begins: str
    rows: int
    evaluations: int
    left: float
    next_level: float
    low: bool


def budgets(lake: Lake, tags: Mapping[str, str], alpha: float, limit: int) -> list[Budget]:
    """Return the error level of the holdouts on record, those that begin latest first.

    Args:
        lake: The repository.
        tags: Its tags.
        alpha: Error level of the policy.
        limit: Return at most this many.
    """
    looks: dict[str, tuple[int, str]] = {}
    for tag, at in (dict.fromkeys(freed(lake, tags), "") | dict(tags)).items():
        look = names.parse_decision_tag(tag)
        if look is not None:
            looks[look.holdout] = max(looks.get(look.holdout, (0, "")), (look.look, at))
    found = [_budget(lake, holdout, count, at, alpha) for holdout, (count, at) in looks.items()]
    return sorted(found, key=lambda budget: (budget.begins, budget.rows, budget.holdout), reverse=True)[
        :limit
    ]


def is_low(look: int) -> bool:
    """Return whether little error level is left before the ``look``-th evaluation on a holdout."""
    return 1 / look <= LOW_SHARE


def warning(alpha: float, look: int) -> str:
    """Return the warning before an evaluation on a holdout on which little error level is left."""
    left, mine = f"{100 * alpha / look:.2g} %", f"{100 * level_of(alpha, look):.2g} %"
    return (
        f"evaluation {look} on this holdout: {left} of the error level of {100 * alpha:g} % is left, "
        f"and this one is made at {mine}; new data makes a new holdout"
    )


def _budget(lake: Lake, holdout: str, count: int, at: str, alpha: float) -> Budget:
    begins, rows = _holdout(lake, at)
    left, following = alpha / (count + 1), level_of(alpha, count + 1)
    return Budget(holdout, begins, rows, count, left, following, is_low(count + 1))


def _holdout(lake: Lake, at: str) -> tuple[str, int]:
    """Return when the holdout of a decision begins, and its rows."""
    try:
        paired = Paired.from_json(parse_json(lake.read(at, names.PAIRED), names.PAIRED)) if at else None
    except (Corrupt, NotFound):
        paired = None
    return (paired.holdout_from, paired.rows) if paired else ("", 0)

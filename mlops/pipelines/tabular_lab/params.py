"""Parameters of the rows of tabular-lab; imports no library."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mlops.runs.errors import ConfigError

MOST_ROWS = 1_000_000


@dataclass(frozen=True)
class Params:
    """Parameters of the rows.

    Attributes:
        rows: Number of customers, 1 to 1,000,000.
        seed: Seed of the random numbers, 0 to 4,294,967,295.
        noise: Spread of ages, incomes and visits around the means of their segment, as a multiple of the
            spread in the design, 0 to 10.
        drift: Shift of the means of incomes and visits, in spreads of the design, -10 to 10; 0 leaves them as
            the design says.
        missing: Share of the incomes that are not known, 0 to 0.5.
    """

    rows: int = 2_000
    seed: int = 7
    noise: float = 1.0
    drift: float = 0.0
    missing: float = 0.02

    def __post_init__(self) -> None:
        """Raise `ConfigError` where a parameter is out of range."""
        for name, low, high in (
            ("rows", 1, MOST_ROWS),
            ("seed", 0, 2**32 - 1),
            ("noise", 0, 10),
            ("drift", -10, 10),
            ("missing", 0, 0.5),
        ):
            value = getattr(self, name)
            if not math.isfinite(value) or not low <= value <= high:
                raise ConfigError(f"must be {low:,} to {high:,}, not {value!r}", where=name)

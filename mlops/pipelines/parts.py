# pandas ships no precise types: what an expression gives is guessed, often wrongly.
# pyright: reportReturnType=false

"""Arrivals that are parts of one table: ``part-1``, ``part-2``, …, each a stable share of its keys."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops.runs.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

_PART = re.compile(r"part-(?P<number>\d+)")


@dataclass(frozen=True)
class Parts:
    """The parts of a table. A row's part follows from one column alone, whatever else a file holds.

    Attributes:
        column: The column whose values stay together.
        name: Salt of the hash, so that tables of the same keys have other parts.
        number: How many parts there are, 1 to 256.
    """

    column: str
    name: str
    number: int

    def arrivals(self) -> tuple[str, ...]:
        """Return the names of the parts."""
        return tuple(f"part-{part}" for part in range(1, self.number + 1))

    def check(self, arrival: str) -> None:
        """Raise `InputError` where there is no such part."""
        if arrival not in self.arrivals():
            raise InputError(f"no such part; there are part-1 to part-{self.number}", where=arrival)

    def of(self, value: object) -> int:
        """Return the part that the rows with a value belong to, counted from 1."""
        return hashlib.sha256(f"{self.name} {value}".encode()).digest()[0] % self.number + 1

    def select(self, arrival: str, table: str, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the rows of a part; an arrival of any other name is the whole frame.

        Args:
            arrival: Such as ``part-2``.
            table: Name of the table, for the error.
            frame: Rows with canonical dtypes.

        Raises:
            InputError: There is no such part, or no row belongs to it.
        """
        named = _PART.fullmatch(arrival)
        if named is None:
            return frame
        self.check(arrival)
        found = frame[[self.of(value) == int(named["number"]) for value in frame[self.column]]]
        if found.empty:
            raise InputError(
                f"there are no rows of {arrival} among {len(frame)}",
                where=f"table {table}",
                todo="ingest a small file whole, under a name of its own",
            )
        return found.reset_index(drop=True)

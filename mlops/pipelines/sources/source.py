"""The interface of a source, and one that is made of two functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import pandas as pd

#: Settings of a source, e.g. the address of a database: name to value.
Options = Mapping[str, str]


class Source(Protocol):
    """A place that delivers arrivals."""

    def arrivals(self) -> Sequence[str]:
        """Return the arrivals that it can deliver, ascending.

        Raises:
            InputError: The source cannot be read.
        """
        ...

    def extract(self, arrival: str) -> Mapping[str, pd.DataFrame]:
        """Return table to frame for one arrival, with canonical dtypes.

        Raises:
            InputError: There is no such arrival, or the source cannot be read.
        """
        ...


@dataclass(frozen=True)
class FunctionSource:
    """A source of two functions, for data that travels with the program or is made by it.

    Attributes:
        list_arrivals: Returns the arrivals, ascending.
        extract_arrival: Returns table to frame for one arrival.
    """

    list_arrivals: Callable[[], Sequence[str]]
    extract_arrival: Callable[[str], Mapping[str, pd.DataFrame]]

    def arrivals(self) -> Sequence[str]:
        """Return the arrivals, ascending."""
        return self.list_arrivals()

    def extract(self, arrival: str) -> Mapping[str, pd.DataFrame]:
        """Return table to frame for one arrival."""
        return self.extract_arrival(arrival)

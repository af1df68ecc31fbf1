"""The interface of a source, one that is made of two functions, and the record of where rows came from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import pandas as pd

#: Settings of a source, e.g. the address of a database: name to value; tables of settings are mappings.
Options = Mapping[str, Any]


@dataclass(frozen=True)
class Origin:
    """Name the place that the rows of one table came from.

    No field holds a password, and addresses have no query part.

    Attributes:
        kind: ``file``, ``sql`` or ``pipeline`` (made or shipped by the pipeline itself).
        place: Address of the file or database.
        query: Query that was sent; empty for a file.
        parameters: Bound parameters of the query, by name.
        sha256: SHA-256 of the file as it was read; empty for a query.
        size_bytes: Size of the file as it was read; 0 for a query.
    """

    kind: str
    place: str
    query: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict[str, str])
    sha256: str = ""
    size_bytes: int = 0


class Extracted(Mapping[str, "pd.DataFrame"]):
    """The tables of one arrival, with their origins.

    Args:
        tables: Table to frame.
        origins: Table to where its rows came from.
    """

    def __init__(self, tables: Mapping[str, pd.DataFrame], origins: Mapping[str, Origin]) -> None:
        self._tables = dict(tables)
        self.origins = dict(origins)

    def __getitem__(self, table: str) -> pd.DataFrame:
        return self._tables[table]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tables)

    def __len__(self) -> int:
        return len(self._tables)


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

        A source that reads files or a database returns `Extracted`, which says where each table came from.

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

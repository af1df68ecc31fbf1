"""Ways to break a delivery: each spoils one table so that it must not reach `main`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

_EVERY = 500

Spoil = Callable[["pd.DataFrame"], "pd.DataFrame"]


@dataclass(frozen=True)
class Breakage:
    """One way to break a delivery.

    Attributes:
        name: What is wrong, for people.
        table: The table that is spoiled.
        spoil: Returns a spoiled copy of a frame of the table.
    """

    name: str
    table: str
    spoil: Spoil


def some(column: str, value: Any) -> Spoil:
    """Return a way to spoil: every 500th row has this value."""
    return lambda frame: frame.assign(**{column: frame[column].where(frame.index % _EVERY != 0, value)})


def negative(column: str) -> Spoil:
    """Return a way to spoil: every 500th row has its number with the other sign."""
    return lambda frame: frame.assign(
        **{column: frame[column].where(frame.index % _EVERY != 0, -frame[column])}
    )


def renamed(column: str, name: str) -> Spoil:
    """Return a way to spoil: a column has another name."""
    return lambda frame: frame.rename(columns={column: name}, errors="raise")

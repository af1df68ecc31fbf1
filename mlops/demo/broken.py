"""Deliveries that must not reach `main`: each breaks a real month in one way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Breakage:
    """One way to break a month of flights.

    Attributes:
        name: What is wrong, for people.
        spoil: Returns a spoiled copy of a frame of flights.
    """

    name: str
    spoil: Callable[[pd.DataFrame], pd.DataFrame]


def _month_13(flights: pd.DataFrame) -> pd.DataFrame:
    return flights.assign(month=flights["month"].where(flights.index % 500 != 0, 13))


def _negative_distance(flights: pd.DataFrame) -> pd.DataFrame:
    return flights.assign(distance=flights["distance"].where(flights.index % 500 != 0, -flights["distance"]))


def _renamed_column(flights: pd.DataFrame) -> pd.DataFrame:
    return flights.rename(columns={"dep_delay": "departure_delay"})


BREAKAGES = (
    Breakage("a month 13", _month_13),
    Breakage("negative distances", _negative_distance),
    Breakage("a renamed column", _renamed_column),
)

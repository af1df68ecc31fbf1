"""A rule of the protocol, and what shows that it is needed."""

from __future__ import annotations

from dataclasses import dataclass

from tests.model.guards import Guards
from tests.model.scenarios import Scenario


@dataclass(frozen=True)
class Rule:
    """A rule of the protocol.

    Attributes:
        name: What it says.
        taken_away: All guards but those that ask it.
        scenario: Where it matters.
        anomaly: What happens without it.
        places: All guards but one of those that ask it, where several do: each is enough.
    """

    name: str
    taken_away: Guards
    scenario: Scenario
    anomaly: str
    places: tuple[Guards, ...] = ()

"""Events that people are told of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class EventKind(StrEnum):
    """Kinds of events."""

    PROMOTION = "promotion"
    REVIEW = "review"
    REFUSAL = "refusal"
    REJECTION = "rejection"
    BROKEN_DELIVERY = "broken_delivery"
    ROLLBACK = "rollback"
    HOLD = "hold"
    RESUME = "resume"


@dataclass(frozen=True)
class Event:
    """One event.

    Attributes:
        kind: Its kind.
        pipeline: The pipeline.
        sentence: What happened, in one line.
        at_s: When, Unix seconds.
        facts: Further plain values.
    """

    kind: EventKind
    pipeline: str
    sentence: str
    at_s: int
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def document(self) -> dict[str, Any]:
        """Return the event as a JSON object."""
        return {
            "event": str(self.kind),
            "pipeline": self.pipeline,
            "sentence": self.sentence,
            "at_s": self.at_s,
            "facts": dict(self.facts),
        }

"""Anomalies, and the report about them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlops.anomalies.guards import Guard
    from mlops.anomalies.scene import Scene


@dataclass(frozen=True)
class Anomaly:
    """An incident that the protocol must prevent on `main` or its caches.

    Attributes:
        name: Its name, as ``--only`` takes it.
        story: What somebody does, a sentence.
        guard: The one guard that is disabled first.
        before: Prepares the repository by ordinary commands; its result is passed to the others.
        meddle: Does what the story tells. What stops it is raised, or is the verdict of the promotion it
            returns.
        seen: Returns what has happened, as the lake or the tracker shows it; nothing where it has not.
        signed: Whether changes of `main` are signed in its repositories.
    """

    name: str
    story: str
    guard: Guard
    before: Callable[[Scene], Any]
    meddle: Callable[[Scene, Any], Any]
    seen: Callable[[Scene, Any], str]
    signed: bool = False


@dataclass(frozen=True)
class Answer:
    """The party that stopped or found an anomaly, with its message.

    Attributes:
        who: ``server``, ``command``, ``gate`` or ``audit``.
        code: What identifies the answer: status and hook, class of the error, reason code, invariant.
        words: What was said.
    """

    who: str
    code: str
    words: str


@dataclass(frozen=True)
class Act:
    """The outcome of playing an anomaly once.

    Attributes:
        happened: What has happened; empty where it has not.
        stopped: Who stopped it; None where nobody did.
        found: What the audit finds afterwards, if it was asked and something has happened.
        elapsed_s: How long it took, seconds.
    """

    happened: str
    stopped: Answer | None
    found: tuple[Answer, ...]
    elapsed_s: float


@dataclass(frozen=True)
class Shown:
    """An anomaly, played both ways.

    Attributes:
        anomaly: Which one.
        without: How it ended with the guard disabled.
        guarded: How it ended with all guards on.
    """

    anomaly: Anomaly
    without: Act
    guarded: Act

    @property
    def by(self) -> Answer | None:
        """Return who stopped or found it with all guards on; None where nobody did."""
        found = self.guarded.found
        return self.guarded.stopped or (found[0] if found else None)

    @property
    def complaint(self) -> str:
        """Return the reason why this does not prove the guard's effect; empty where it does."""
        if not self.without.happened:
            stopped = self.without.stopped
            other = f": {stopped.code} stopped it all the same" if stopped else ""
            return f"it did not happen without the guard{other}"
        if self.anomaly.guard.audits:
            if self.without.found:
                return f"found without the guard too, by {self.without.found[0].code}"
            return "" if self.guarded.found else "nobody found it"
        if self.guarded.happened:
            return "it happened although the guard is on"
        return "" if self.guarded.stopped else "nobody stopped it"

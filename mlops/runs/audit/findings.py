"""Findings: what an audit says of a commit, and how one check is asked for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops.runs.errors import Corrupt, LakeDenied, LakeUnavailable, MlopsError, TrackerUnavailable

if TYPE_CHECKING:
    from mlops.runs.audit.subject import PromotionSubject


@dataclass(frozen=True)
class AuditFinding:
    """A deviation from the protocol, or something that cannot be proved.

    Attributes:
        commit: The commit it is about; empty where it is about tags, protection or the tracker.
        invariant: Which invariant does not hold, ``I3`` to ``I15``.
        what: What is wrong, a sentence without its full stop.
        todo: What to do about it.
        proved: Whether the deviation is certain; otherwise only its proof is missing.
    """

    commit: str
    invariant: str
    what: str
    todo: str
    proved: bool = True


class Unprovable(Exception):
    """Data that a proof needs is missing, so the invariant can be neither confirmed nor refuted."""


@dataclass(frozen=True)
class Check:
    """One check of a commit.

    Attributes:
        invariant: The invariant that it proves.
        todo: The next command or correction if it does not hold.
        find: Yields a sentence for each deviation.
    """

    invariant: str
    todo: str
    find: Callable[[PromotionSubject], Iterator[str]]


#: Errors of the outside: they say nothing about the commit, and end the audit.
_OUTSIDE = (LakeUnavailable, LakeDenied, TrackerUnavailable)


def ask(check: Check, subject: PromotionSubject) -> Iterator[AuditFinding]:
    """Yield the findings of a check; an unreadable object is a finding too."""

    def finding(what: str, *, proved: bool = True) -> AuditFinding:
        return AuditFinding(subject.commit.id, check.invariant, what, check.todo, proved)

    try:
        for what in check.find(subject):
            yield finding(what)
    except Unprovable as missing:
        yield finding(str(missing), proved=False)
    except _OUTSIDE:
        raise
    except Corrupt as error:
        yield finding(str(error))
    except (MlopsError, ArithmeticError, LookupError, TypeError, ValueError) as error:
        yield finding(f"it cannot be read: {error}")

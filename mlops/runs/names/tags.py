"""Tags, by which what happened stays on record, and what their names tell."""

from __future__ import annotations

import re
from typing import NamedTuple

from mlops.runs.names.identifiers import COUNT, NUMBER, RUN_ID, check_arrival

CHAMPION_TAG = "champion"
HOLD_TAG = "hold"

#: What the tags start with that keep the results of validations.
VALIDATED_TAGS = "validated-"
_PROMOTION_TAG = re.compile(rf"promotion-(?P<number>{NUMBER})")
_ROLLBACK_TAG = re.compile(rf"rolledback-(?P<number>{NUMBER})")
_SETTLED_TAG = re.compile(rf"settled-(?P<number>{NUMBER})")
_RESUMED_TAG = re.compile(r"resumed-(?P<number>[0-9]{6,9})")
_DECISION_TAG = re.compile(rf"decision-(?P<holdout>[0-9a-f]{{12}})-(?P<look>{COUNT})")
_VERSION_TAG = re.compile(rf"v{COUNT}")
_REVOKED_TAG = re.compile(rf"revoked-(?P<run>{RUN_ID.pattern})")


class Look(NamedTuple):
    """The parts of ``decision-<holdout>-<k>``: the k-th look at a holdout, counted from 1."""

    holdout: str
    look: int


def promotion_tag(number: int) -> str:
    """Return the record tag of promotion ``number``."""
    return f"promotion-{number:06d}"


def rollback_tag(number: int) -> str:
    """Return the record tag of rollback ``number``: it holds the head that was left."""
    return f"rolledback-{number:06d}"


def settled_tag(number: int) -> str:
    """Return the tag that says that the reset of rollback ``number`` is over, for good."""
    return f"settled-{number:06d}"


def decision_tag(holdout: str, look: int) -> str:
    """Return the record tag of the ``look``-th decision on a holdout (digest, first 12 digits count)."""
    return f"decision-{holdout[:12]}-{look}"


def revoked_tag(run: str) -> str:
    """Return the tag that bars a run which was rolled back."""
    return f"revoked-{run}"


def restored_tag(run: str) -> str:
    """Return the tag by which somebody asked for old outputs to return as ``run``; it holds the reason."""
    return f"restored-{run}"


def rejected_tag(run: str) -> str:
    """Return the tag of a run that somebody rejected on review; it holds the reason."""
    return f"rejected-{run}"


def forgotten_tag(run: str) -> str:
    """Return the tag by which somebody asked for a run to be forgotten."""
    return f"forgotten-{run}"


def written_off_tag(number: int, arrival: str) -> str:
    """Return the tag by which an arrival that rollback ``number`` dropped is written off."""
    return f"writtenoff-{number:06d}-{check_arrival(arrival)}"


def validated_tag(evidence_commit: str) -> str:
    """Return the tag that keeps the results of an arrival's validation, at the commit that holds them."""
    return f"{VALIDATED_TAGS}{evidence_commit[:12]}"


def resumed_tag(number: int) -> str:
    """Return the tag by which somebody lifted the hold after rollback ``number``, the newest one then."""
    return f"resumed-{number:06d}"


def resumed_number(tag: str) -> int | None:
    """Return the number of the rollback after which a tag says that promotions go on; None for any other."""
    match = _RESUMED_TAG.fullmatch(tag)
    return int(match["number"]) if match else None


def event_number(tag: str) -> int | None:
    """Return the number in a promotion's or rollback's record tag, or None for any other tag."""
    match = _PROMOTION_TAG.fullmatch(tag) or _ROLLBACK_TAG.fullmatch(tag)
    return int(match["number"]) if match else None


def settled_number(tag: str) -> int | None:
    """Return the number of the rollback that a tag says is over, or None for any other tag."""
    match = _SETTLED_TAG.fullmatch(tag)
    return int(match["number"]) if match else None


def is_promotion_tag(tag: str) -> bool:
    """Return whether ``tag`` records a promotion."""
    return _PROMOTION_TAG.fullmatch(tag) is not None


def version_tag(place: int) -> str:
    """Return the tag of the version that the ``place``-th promotion is, counted from 1."""
    return f"v{place}"


def is_version_tag(tag: str) -> bool:
    """Return whether ``tag`` has the form of a version's."""
    return _VERSION_TAG.fullmatch(tag) is not None


def is_rollback_tag(tag: str) -> bool:
    """Return whether ``tag`` records a rollback."""
    return _ROLLBACK_TAG.fullmatch(tag) is not None


def parse_decision_tag(tag: str) -> Look | None:
    """Return the parts of a decision's record tag, or None for any other tag."""
    match = _DECISION_TAG.fullmatch(tag)
    return Look(match["holdout"], int(match["look"])) if match else None


def parse_revoked_tag(tag: str) -> str | None:
    """Return the run that a tag revokes, or None for any other tag."""
    match = _REVOKED_TAG.fullmatch(tag)
    return match["run"] if match else None

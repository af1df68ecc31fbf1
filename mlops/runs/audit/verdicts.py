"""Checks of the verdict of a promotion, derived again from its evidence, and of who approved it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import fields

from mlops.runs.approval import approval_of, overridable, overrides
from mlops.runs.audit.subject import PromotionSubject
from mlops.runs.decisions import Interval, Policy
from mlops.runs.gate import verdict as gate

#: Numbers that were computed twice agree to this, relatively.
TOLERANCE = 1e-9


def agree(one: float, other: float) -> bool:
    """Return whether two numbers are equal up to rounding; NaN equals NaN."""
    return math.isclose(one, other, rel_tol=TOLERANCE) or (math.isnan(one) and math.isnan(other))


def derived_again(policy: Policy, subject: PromotionSubject) -> Iterator[str]:
    """Yield how the verdict on record differs from what evidence and policy give."""
    stated, rule = subject.decision.verdict, subject.before.rules.interval
    if {subject.paired.interval, stated.interval} != {rule}:
        asked = f"the rule '{rule}'" if rule else "the rule of before"
        yield f"its intervals are not by {asked}, which the enforcer on main asked for"
    derived = gate.decide(subject.paired, policy, look=stated.look)
    overridden = overrides(policy, stated, approval_of(subject.meta))
    if not stated.promotes and not overridden:
        yield "its decision does not promote"
    if not derived.promotes and not (overridden and overridable(derived)):
        yield f"by its evidence it is refused: {derived.sentence}"
    if not agree(derived.level, stated.level):
        yield f"evaluation {stated.look} has the error level {derived.level:.6g}, not {stated.level:.6g}"
    if len(derived.intervals) != len(stated.intervals):
        yield f"the policy asks for {len(derived.intervals)} comparisons, it has {len(stated.intervals)}"
    if derived.bounds != stated.bounds:
        yield "its size or prediction time, or their bounds, are not those of evidence and policy"
    if derived.not_judged != stated.not_judged:
        yield "it names other slices as too small to judge than its evidence"
    for mine, theirs in zip(derived.intervals, stated.intervals, strict=False):
        yield from _differences(mine, theirs)


def approved(policy: Policy, subject: PromotionSubject) -> Iterator[str]:
    """Prove that a person approved it where the policy asks for it, and overrode only what may be."""
    approval = approval_of(subject.meta)
    if policy.asks_for_review and (approval is None or not approval.name):
        yield "nobody approved it, although the policy asks for review"
    if approval is None or not approval.override:
        return
    if approval.name not in policy.override_by:
        yield f"{approval.name or 'nobody'} overrode its refusal, whom the policy does not let do that"
    elif not overrides(policy, subject.decision.verdict, approval):
        yield "its refusal was overridden without a reason, or for one that nobody can override"


def _differences(derived: Interval, stated: Interval) -> Iterator[str]:
    for field in fields(Interval):
        mine, theirs = getattr(derived, field.name), getattr(stated, field.name)
        same = agree(mine, theirs) if isinstance(mine, float) else mine == theirs
        if not same:
            yield f"{field.name} of {derived.name} is {mine} by its evidence, {theirs} in its decision"

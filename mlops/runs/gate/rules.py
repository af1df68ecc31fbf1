"""The rules in force at a commit: those of the enforcer there, which nothing on a run's branch can change.

An enforcer of an earlier version judges by the rules of its time. Runs are decided by them until ``mlops
policy apply`` brings a newer one, and the audit asks of each promotion the rules of the commit that it was
merged onto. So no evidence can choose: the enforcer of now refuses any other rule than its own.
"""

from __future__ import annotations

from dataclasses import dataclass

from mlops.runs import names
from mlops.runs.evidence import IntervalRule
from mlops.runs.main.state import read_optional
from mlops.runs.ports import Lake

#: An enforcer that looks for this field counts evaluations by identity; an older one counts them by bytes.
_BY_IDENTITY = b"holdout_id"

#: An enforcer that judges by CR2 names the rule so.
_CR2 = b'INTERVAL = "cr2"'


@dataclass(frozen=True)
class Rules:
    """The rules of an enforcer.

    Attributes:
        by_identity: Whether evaluations are counted by what a holdout is, rather than by its bytes.
        interval: How intervals are computed, and what is compared.
        judges: Whether it reads evidence at all; an emptied enforcer does not.
    """

    by_identity: bool = True
    interval: IntervalRule = IntervalRule.CR2
    judges: bool = True


#: What is asked where there is no enforcer.
NO_RULES = Rules(by_identity=False, interval=IntervalRule.CR1, judges=False)


def rules_in_force(lake: Lake, ref: str) -> Rules:
    """Return the rules of the enforcer at a commit."""
    enforcer = read_optional(lake, ref, names.ENFORCER) or b""
    interval = IntervalRule.CR2 if _CR2 in enforcer else IntervalRule.CR1
    return Rules(_BY_IDENTITY in enforcer, interval, names.PAIRED.encode() in enforcer)

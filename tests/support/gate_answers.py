"""The gate's answers about evidence: reasons and sentences."""

from mlops.runs.decisions import Guard, Policy, Reason
from mlops.runs.evidence import Metric, Paired
from mlops.runs.gate.verdict import decide
from tests.support.losses import evidence

#: Evidence of a candidate that is better on all rows and on each slice.
SOUND = evidence()
#: Name of one slice of it.
JFK = "origin=JFK"
GUARDED = Policy(
    min_clusters=20,
    guards=(Guard(Metric.RMSE, 0.5), Guard(Metric.BIAS, 1.0), Guard(Metric.MAE, 0.5, by="origin")),
)


def reasons(paired: Paired, policy: Policy = GUARDED, look: int = 1) -> list[Reason]:
    return [finding.reason for finding in decide(paired, policy, look=look).findings]


def sentences(paired: Paired, policy: Policy = GUARDED) -> str:
    return "\n".join(finding.sentence for finding in decide(paired, policy, look=1).findings)

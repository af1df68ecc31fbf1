"""Ask another policy about a run that was decided, from the evidence on record; nothing is written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mlops.adapters.policy.files import parse_policy
from mlops.runs import names
from mlops.runs.decisions import Decision
from mlops.runs.digest import sha256
from mlops.runs.errors import Corrupt, InputError, system_reason
from mlops.runs.evidence import Paired
from mlops.runs.gate.verdict import decide
from mlops.runs.main.state import parse_json, read_json
from mlops.runs.promotion.lookup import evidence_of

if TYPE_CHECKING:
    from mlops.runs.decisions import Outcome, Policy, Verdict
    from mlops.runs.ports import Lake


@dataclass(frozen=True)
class WhatIf:
    """The verdict of another policy on a run.

    Attributes:
        evidence_commit: The commit with the losses that were judged.
        verdict: What the policy says about them.
        on_record: How the run was decided when it was run.
    """

    evidence_commit: str
    verdict: Verdict
    on_record: Outcome


def policy_of_file(file: Path) -> Policy:
    """Return the policy in a file.

    Raises:
        InputError: The file cannot be read.
        ConfigError: It is not a policy.
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        why = system_reason(error)
        raise InputError(f"cannot be read: {why}", where=str(file), todo="check --policy") from error
    return parse_policy(data, name=str(file))


def policy_on_main(lake: Lake) -> Policy:
    """Return the policy on `main`."""
    return parse_policy(lake.read(lake.head(names.MAIN), names.POLICY), name=names.POLICY)


def ask_policy(lake: Lake, run_id: str, policy: Policy) -> WhatIf:
    """Return what a policy says about the evidence of a run.

    Raises:
        NotFound: No decision on such a run is on record.
        Corrupt: The losses on record are not the ones that were judged.
    """
    evidence = evidence_of(lake, run_id)
    decision = Decision.from_json(read_json(lake, evidence, names.DECISION))
    paired = _paired(lake, evidence, decision)
    verdict = decide(paired, policy, look=decision.verdict.look, what_if=True)
    return WhatIf(evidence, verdict, decision.verdict.outcome)


def _paired(lake: Lake, evidence: str, decision: Decision) -> Paired:
    data = lake.read(evidence, names.PAIRED)
    if sha256(data) != decision.paired_sha256:
        raise Corrupt("not the losses that the decision names", where=f"{evidence[:12]}:{names.PAIRED}")
    return Paired.from_json(parse_json(data, names.PAIRED))

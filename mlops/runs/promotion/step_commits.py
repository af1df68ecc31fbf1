"""The commit of a step: an attempt as the metadata of a commit on its branch, written and read back."""

from __future__ import annotations

from mlops.runs import json_values
from mlops.runs.digest import canonical
from mlops.runs.errors import Corrupt
from mlops.runs.ports import Commit
from mlops.runs.records import Lease, Run, RunInputs, Step


def run_of(commit: Commit) -> Run:
    """Return the attempt that a step's commit describes, unverified.

    Raises:
        Corrupt: The metadata is not that of a step.
    """
    meta = commit.metadata
    try:
        return Run(
            run_id=meta["run_id"],
            attempt=int(meta["attempt"]),
            fork=meta["fork"],
            head=commit.id,
            step=Step(meta["step"]),
            inputs=RunInputs(**json_values.parse(meta["inputs"])),
            lease=Lease(meta["lease_owner"], int(meta["lease_expires_at_s"])),
            opened_at_s=int(meta["opened_at_s"]),
            restores=int(meta.get("restores", 0)),
        )
    except (KeyError, ValueError, TypeError) as error:
        raise Corrupt(f"not a step of a run: {error}", where=commit.id[:12]) from error


def metadata_of(run: Run) -> dict[str, str]:
    """Return the metadata that describes an attempt."""
    return {
        "kind": "run",
        "run_branch": run.branch,
        "run_id": run.run_id,
        "attempt": str(run.attempt),
        "step": str(run.step),
        "fork": run.fork,
        "inputs": canonical(run.inputs.to_json()).decode(),
        "inputs_digest": run.inputs.digest,
        "lease_owner": run.lease.owner,
        "lease_expires_at_s": str(run.lease.expires_at_s),
        "opened_at_s": str(run.opened_at_s),
        **({"restores": str(run.restores)} if run.restores else {}),
    }

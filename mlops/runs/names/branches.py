r"""Branches, and what their names tell.

lakeFS allows branches to match ``^\w[-\w]*$`` (no slash, no dot), so the parts of a name are joined by
``-`` and contain none themselves.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from mlops.runs.names.identifiers import COUNT, NUMBER, RUN_ID, checked

MAIN = "main"

#: What the branches of rollbacks start with.
ROLLBACK_BRANCHES = "rollback-"
_RUN_BRANCH = re.compile(rf"run-(?P<run>{RUN_ID.pattern})-a(?P<attempt>{COUNT})")
_NONCE = r"[0-9a-z]{1,32}"
_ROLLBACK_BRANCH = re.compile(rf"{ROLLBACK_BRANCHES}(?P<number>{NUMBER})-{_NONCE}")


class RunBranch(NamedTuple):
    """The parts of ``run-<id>-a<attempt>``."""

    run_id: str
    attempt: int


def run_branch(run: str, attempt: int) -> str:
    """Return the branch of one attempt of a run."""
    return f"run-{run}-a{attempt}"


def parse_run_branch(branch: str) -> RunBranch | None:
    """Return the parts of a run branch, or None for any other branch."""
    match = _RUN_BRANCH.fullmatch(branch)
    return RunBranch(match["run"], int(match["attempt"])) if match else None


def run_branch_prefix(run: str) -> str:
    """Return what the branches of all attempts of a run start with."""
    return f"run-{run}-a"


def ingest_branch(arrival: str, nonce: str) -> str:
    """Return the branch on which an arrival is validated."""
    return f"ingest-{_flat(arrival)}-{checked(_NONCE, nonce)}"


def promote_branch(run: str, nonce: str) -> str:
    """Return the branch on which a run that lost a race is laid on the new head of `main`."""
    return f"promote-{run}-{checked(_NONCE, nonce)}"


def rollback_branch(number: int, nonce: str) -> str:
    """Return a branch that leads `main` to rollback ``number``: its freeze, the new commit, or a reset."""
    return f"{ROLLBACK_BRANCHES}{number:06d}-{checked(_NONCE, nonce)}"


def rollback_number(branch: str) -> int | None:
    """Return the number of the rollback that a branch was made for, or None for any other branch."""
    match = _ROLLBACK_BRANCH.fullmatch(branch)
    return int(match["number"]) if match else None


def policy_branch(nonce: str) -> str:
    """Return the branch that carries a change of what judges to `main`."""
    return f"policy-{checked(_NONCE, nonce)}"


def note_branch(nonce: str) -> str:
    """Return the branch on which a note is committed before a tag names it."""
    return f"note-{checked(_NONCE, nonce)}"


def rehearsal_branch(nonce: str) -> str:
    """Return the branch on which a rollback is tried out."""
    return f"rehearsal-{checked(_NONCE, nonce)}"


def setup_branch(nonce: str) -> str:
    """Return the branch from which a repository is set up."""
    return f"setup-{checked(_NONCE, nonce)}"


def _flat(text: str) -> str:
    return re.sub(r"[^0-9A-Za-z_]", "_", text)

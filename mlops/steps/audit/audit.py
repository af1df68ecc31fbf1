"""The audit of a pipeline's repository, continued from the previous audit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from mlops.runs import json_values
from mlops.runs.audit.audit import Audited, AuditFinding, Depth, Mark, Witness, audit, failure, limits
from mlops.runs.audit.subject import SHALLOW

if TYPE_CHECKING:
    from mlops.steps.workspace import Workspace

__all__ = ["AuditFinding", "Audited", "Depth", "audit_pipeline", "failure", "limits"]

#: What an audit can compute again, and what says in the state folder that it was.
_KEYS = {"rescore": "rescored", "rebuild": "rebuilt", "refit": "refitted"}

#: How many commits are audited before it is written down how far it got.
_SAVE_EVERY = 50


def audit_pipeline(
    workspace: Workspace,
    state_dir: Path,
    *,
    since: str = "",
    depth: Depth = SHALLOW,
    from_start: bool = False,
) -> Iterator[Audited]:
    """Audit a pipeline's `main`, one commit after the other, and the record last.

    Commits that an earlier audit on this machine found clean are skipped: its position is kept in
    ``<state_dir>/audit/<repository>.json``, with a digest over every commit up to there. Whoever does not
    trust this folder starts from the beginning.

    Args:
        workspace: The pipeline's workspace.
        state_dir: Folder for what is kept on this machine.
        since: A ref in the history of `main`: only what came after it is audited, beside the record.
        depth: How much is computed again.
        from_start: Whether to ask everything again.

    Raises:
        InputError: ``since`` is not in the history of `main`.
        LakeUnavailable: The lake cannot be reached.
    """
    from mlops.steps.audit.proofs import FrameProver

    file = state_dir / "audit" / f"{workspace.spec.name}.json"
    tracker = workspace.ports.tracker
    steps = audit(
        workspace.ports,
        FrameProver(workspace),
        tracker if isinstance(tracker, Witness) else None,
        since=since,
        depth=depth,
        known=None if from_start else _load(file),
    )
    mark: Mark | None = None
    try:
        for step in steps:
            if step.mark is not None:
                mark = step.mark
                if step.position % _SAVE_EVERY == 0:
                    _save(file, mark)
            yield step
    finally:
        if mark is not None:
            _save(file, mark)


def _load(file: Path) -> Mark | None:
    """Return the position of an earlier audit; None where it is not known."""
    try:
        value = json_values.parse(file.read_bytes())
        depth = Depth(**{name: value.get(key) is True for name, key in _KEYS.items()})
        return Mark(str(value["commit"]), str(value["digest"]), depth)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _save(file: Path, mark: Mark) -> None:
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    done = {key: getattr(mark.depth, name) for name, key in _KEYS.items()}
    text = json.dumps({"commit": mark.commit, "digest": mark.digest, **done})
    draft = file.with_suffix(".tmp")
    draft.write_text(text + "\n", encoding="utf-8")
    draft.replace(file)

"""The re-use of a step: what an earlier run made of the same inputs is copied inside the server.

Two runs that differ in a parameter of the model alone join, split and validate the same rows. A step is not
done again where a step on record had the same inputs: the raw data, the code, the locked libraries and
everything that its statement says it read. Only steps of runs that were decided on count, only with signed
statements that follow one another, and only objects whose bytes are those of the statement. ``mlops audit
--rebuild`` makes them from the raw data all the same.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops.pipelines.tasks import DataOnly
from mlops.runs import names
from mlops.runs.errors import Corrupt, NotFound
from mlops.runs.main.state import read_main
from mlops.runs.promotion.attempts import finish_step
from mlops.runs.promotion.step_commits import run_of
from mlops.runs.promotion.step_statements import Written, chain_of, written_by
from mlops.runs.records import Run, Step

if TYPE_CHECKING:
    from mlops.runs.ports import Commit
    from mlops.steps.workspace import Workspace

#: Metadata of a step that was not done again: the commit whose objects were copied.
REUSED_KEY = "reused_from"
#: What a step records beside its objects.
_RESULTS = ("rows", "dropped", "validation")
#: Decisions that are looked at, at most.
_MOST_DECISIONS = 50


@dataclass(frozen=True)
class Earlier:
    """A step on record: the commit that finished it, the run that it belongs to, and what it wrote."""

    commit: Commit
    run_id: str
    written: Written


def reused(workspace: Workspace, run: Run, step: Step, read: Mapping[str, str]) -> Run | None:
    """Finish a step with what an earlier run made of the same inputs; None where no run did.

    Args:
        workspace: The pipeline's workspace.
        run: The run, whose next step it is.
        step: The step.
        read: Name to digest of everything that the step would read.
    """
    if not workspace.reuse_steps:
        return None
    found = next((each for each in _earlier(workspace, run, step, read) if _whole(workspace, each)), None)
    if found is None:
        return None
    workspace.ports.tell(
        f"{run.branch}: {step} as run {found.run_id} on the same inputs (--no-cache does it again)"
    )
    for path in found.written.objects:
        workspace.lake.copy(run.branch, path, found.commit.id, path)
    known = {key: value for key, value in found.commit.metadata.items() if key in _RESULTS}
    message = f"{found.commit.message.partition(', as run')[0]}, as run {found.run_id}"
    extra = {**known, REUSED_KEY: found.commit.id}
    return finish_step(workspace.ports, run, step, message, extra, written=found.written)


def _earlier(workspace: Workspace, run: Run, step: Step, read: Mapping[str, str]) -> Iterator[Earlier]:
    """Yield the steps on record that read the same by the same code."""
    ports = workspace.ports
    trust = ports.trust if ports.signer is not None else None
    wanted = _inputs(workspace, run)
    for commit in _decided(workspace):
        try:
            other = run_of(commit)
            if other.inputs.is_dev and not run.inputs.is_dev:
                continue
            if other.run_id == run.run_id or other.restores or _inputs(workspace, other) != wanted:
                continue
            for made, sealed in chain_of(workspace.lake, commit, trust):
                written = written_by(sealed)
                if made.metadata["step"] == step and written.read == read and not written.removed:
                    yield Earlier(made, other.run_id, written)
        except (Corrupt, NotFound):
            continue


def _decided(workspace: Workspace) -> Iterator[Commit]:
    """Yield the evidence of the champion, then of other decisions, those of often-used holdouts first."""
    state = read_main(workspace.lake)
    looks = {tag: look for tag in state.tags if (look := names.parse_decision_tag(tag))}
    newest = sorted(looks, key=lambda tag: (looks[tag].look, tag), reverse=True)
    commits = [state.tags[tag] for tag in newest[:_MOST_DECISIONS]]
    if state.champion is not None:
        commits.insert(0, state.champion.evidence_commit)
    for commit in dict.fromkeys(commits):
        with contextlib.suppress(NotFound):
            yield workspace.lake.commit_of(commit)


def _inputs(workspace: Workspace, run: Run) -> tuple[object, ...]:
    """Return the inputs that the rows depend on; without a model, the parameters make the rows."""
    inputs = run.inputs
    params = tuple(sorted(inputs.params.items())) if isinstance(workspace.spec.task, DataOnly) else ()
    return inputs.raw_digest, inputs.code_digest, inputs.lock_digest, params


def _whole(workspace: Workspace, found: Earlier) -> bool:
    """Return whether the stored objects are the bytes that the statement names."""
    try:
        return all(
            workspace.lake.sha256(found.commit.id, path) == digest
            for path, digest in found.written.objects.items()
        )
    except NotFound:
        return False

"""Signed statements about the steps of a run: the objects that each step read and wrote.

The commit of every step carries a statement. Its subjects are the objects that the step wrote, with the
SHA-256 of the bytes as they were in memory; its predicate names the run, the commit that it follows, the
statement before it and everything that the step read. Anybody with the lake's key can change a branch, so a
run continues from the last commit for which statement, metadata and objects agree.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mlops.runs import names
from mlops.runs.digest import digest_of
from mlops.runs.errors import Corrupt, NotFound
from mlops.runs.json_values import text
from mlops.runs.main.state import kind_of
from mlops.runs.ports import Commit, Lake, Ports
from mlops.runs.promotion.step_commits import run_of
from mlops.runs.records import Run, Step
from mlops.runs.statements import Sealed, Statement, Trust, open_envelope, seal, subjects_of

PREDICATE_TYPE = "urn:mlops-lake:run-step:v1"

#: A run has a few commits for each attempt; whoever put more on its branch is not followed for ever.
_MOST_COMMITS = 1000


@dataclass(frozen=True)
class Written:
    """The objects that a step wrote, removed and read.

    Attributes:
        objects: Path to SHA-256 of every object it wrote.
        removed: Paths that it removed, ascending.
        read: Name to digest of everything it read.
    """

    objects: Mapping[str, str] = dataclasses.field(default_factory=dict[str, str])
    removed: tuple[str, ...] = ()
    read: Mapping[str, str] = dataclasses.field(default_factory=dict[str, str])


@dataclass(frozen=True)
class Proven:
    """The part of a branch that its statements prove.

    Attributes:
        run: The attempt at the last commit for which everything agrees.
        ignored: Commits of the branch after that one.
        why: The reason why the first of them is ignored; empty where there is none.
    """

    run: Run
    ignored: int = 0
    why: str = ""


def sealed_step(ports: Ports, run: Run, metadata: Mapping[str, str], written: Written) -> tuple[str, str]:
    """Return the envelope for the commit of a step, and the hash of its statement.

    Args:
        ports: Dependencies; the lake names the repository, the signer signs.
        run: The attempt; its head is the commit that the step's commit follows.
        metadata: The commit's metadata, without the statement.
        written: The objects of the step.
    """
    predicate = {
        "repository": ports.lake.repository,
        "run_id": run.run_id,
        "attempt": run.attempt,
        "step": str(run.step),
        "fork": run.fork,
        "parent": run.head,
        "previous": run.statement,
        "inputs": run.inputs.to_json(),
        "materials": dict(written.read),
        "removed": list(written.removed),
        "metadata_sha256": _metadata_digest(metadata),
        "at_s": ports.clock.now_s(),
        **{key: metadata[key] for key in ("outcome", "reason", "decision_tag") if key in metadata},
    }
    statement = Statement(PREDICATE_TYPE, subjects_of(written.objects), predicate)
    envelope = seal(ports.signer, statement)
    return envelope, open_envelope(envelope, None).payload_sha256


def staged_objects(lake: Lake, branch: str) -> Written:
    """Return the staged objects of a branch with the digest of their content."""
    changes = lake.staged(branch)
    removed = tuple(change.path for change in changes if change.type == "removed")
    objects = {c.path: lake.sha256(branch, c.path) for c in changes if c.type != "removed"}
    return Written(objects, removed)


def outputs_after(run: Run, written: Written) -> dict[str, str]:
    """Return path to SHA-256 of all outputs of the run after a step."""
    kept = {path: digest for path, digest in run.outputs.items() if path not in written.removed}
    return {**kept, **written.objects}


def step_statement(commit: Commit, trust: Trust | None) -> Sealed:
    """Return the statement that the commit of a step carries.

    Raises:
        Corrupt: There is none, or it is not about a step of a run.
        Untrusted: It bears no signature by a trusted key.
    """
    where = commit.id[:12]
    envelope = commit.metadata.get(names.STATEMENT_KEY)
    if envelope is None:
        raise Corrupt("carries no signed statement", where=where)
    sealed = open_envelope(envelope, trust, where=where)
    if sealed.statement.predicate_type != PREDICATE_TYPE:
        raise Corrupt("carries a statement that is not about a step", where=where)
    return sealed


def proven(ports: Ports, head: Commit) -> Proven | None:
    """Return the attempt at the last commit, from a run's fork to ``head``, that its statements prove.

    Args:
        ports: Dependencies; commits that this process proved or made are not read again.
        head: The commit that a branch is at.

    Returns:
        None where not even the commit that opened the run is proved.
    """
    known = ports.proved.get(head.id)
    if known is not None:
        return Proven(known)
    commits = _since_fork(ports, head)
    last, why = None, "carries no signed statement of this run"
    for place, commit in enumerate(commits):
        try:
            last = ports.proved.get(commit.id) or _next(ports, commit, last)
        except (Corrupt, NotFound) as error:
            why = error.what
            return Proven(last, len(commits) - place, why) if last else None
        ports.proved[commit.id] = last
    return Proven(last) if last else None


def chain_of(lake: Lake, head: Commit, trust: Trust | None) -> list[tuple[Commit, Sealed]]:
    """Return the steps' commits from a run's fork to ``head`` with their statements, oldest first.

    Objects are not read: the caller compares the subjects with the stored objects.

    Raises:
        Corrupt: A commit in between carries no statement that follows from the one before it.
        Untrusted: A statement bears no signature by a trusted key.
        NotFound: A commit in between is gone.
    """
    found = [(head, step_statement(head, trust))]
    fork = str(found[0][1].statement.predicate.get("fork"))
    while found[-1][0].parents and found[-1][0].parents[0] != fork:
        if len(found) >= _MOST_COMMITS:
            raise Corrupt("its run has too many commits", where=head.id[:12])
        commit = lake.commit_of(found[-1][0].parents[0])
        found.append((commit, step_statement(commit, trust)))
    found.reverse()
    before: tuple[Commit, Sealed] | None = None
    for commit, sealed in found:
        check_step(lake.repository, commit, sealed, before[1] if before else None)
        before = (commit, sealed)
    return found


def check_step(repository: str, commit: Commit, sealed: Sealed, before: Sealed | None) -> None:
    """Check that a statement is about this commit and follows the statement before it.

    Raises:
        Corrupt: It is not; the error names the difference.
    """
    check_own(repository, commit, sealed)
    said = sealed.statement.predicate
    earlier = before.statement.predicate if before else said
    parent = commit.parents[0] if commit.parents else ""
    _check_same(
        commit,
        {
            "statement before it": (said.get("previous"), before.payload_sha256 if before else ""),
            "run before it": (said.get("run_id"), earlier.get("run_id")),
            "fork before it": (said.get("fork"), earlier.get("fork") if before else parent),
        },
    )


def check_own(repository: str, commit: Commit, sealed: Sealed) -> None:
    """Check that a statement names this commit's parent and metadata, else raise `Corrupt`."""
    said, meta = sealed.statement.predicate, commit.metadata
    parent = commit.parents[0] if commit.parents else ""
    named = {key: (str(said.get(key)), meta.get(key, "")) for key in ("run_id", "attempt", "step", "fork")}
    own = {
        "repository": (said.get("repository"), repository),
        "parent": (said.get("parent"), parent),
        "metadata": (said.get("metadata_sha256"), _metadata_digest(meta)),
    }
    _check_same(commit, {**own, **named})


def _check_same(commit: Commit, pairs: Mapping[str, tuple[object, object]]) -> None:
    for name, (one, other) in pairs.items():
        if one != other:
            raise Corrupt(f"its statement names another {name}", where=commit.id[:12])


def _metadata_digest(metadata: Mapping[str, str]) -> str:
    """Return the digest of a commit's metadata without the statement and keys that a server adds."""
    own = {k: v for k, v in metadata.items() if k != names.STATEMENT_KEY and not k.startswith(".")}
    return digest_of(own)


def _since_fork(ports: Ports, head: Commit) -> Sequence[Commit]:
    """Return the commits from the fork that the newest sound statement names to ``head``, oldest first."""
    found: list[Commit] = []
    fork = ""
    for commit in ports.lake.log(head.id):
        if commit.id == fork or kind_of(commit) is not None or len(found) >= _MOST_COMMITS:
            break
        if not fork:
            fork = _fork_of(ports, commit)
        found.append(commit)
    return found[::-1]


def _trust(ports: Ports) -> Trust | None:
    """Return the trusted keys; without a signer only digests are checked."""
    return ports.trust if ports.signer is not None else None


def _fork_of(ports: Ports, commit: Commit) -> str:
    try:
        return str(step_statement(commit, _trust(ports)).statement.predicate.get("fork"))
    except Corrupt:
        return ""


def _next(ports: Ports, commit: Commit, last: Run | None) -> Run:
    """Return the attempt at a commit whose statement follows ``last`` and agrees with its objects."""
    sealed = step_statement(commit, _trust(ports))
    before = step_statement(ports.lake.commit_of(last.head), _trust(ports)) if last else None
    check_step(ports.lake.repository, commit, sealed, before)
    written = written_by(sealed)
    for what in _differences(ports.lake, commit, written):
        raise Corrupt(what, where=commit.id[:12])
    run = run_of(commit)
    if last is None:
        _check_first(ports.lake, run)
    start = last or dataclasses.replace(run, outputs={})
    return dataclasses.replace(run, statement=sealed.payload_sha256, outputs=outputs_after(start, written))


def _check_first(lake: Lake, run: Run) -> None:
    """Check that the first commit of a run opens it, without objects of an earlier run."""
    if run.step is not Step.OPENED:
        raise Corrupt("the first step of its run is missing", where=run.head[:12])
    left = [stat.path for prefix in names.OUTPUTS for stat in lake.list(run.head, prefix)]
    if left:
        raise Corrupt(f"{left[0]} is there before any step wrote it", where=run.head[:12])


def written_by(sealed: Sealed) -> Written:
    """Return the objects of a step from its statement.

    Raises:
        Corrupt: The statement does not contain them.
    """
    said = sealed.statement.predicate
    try:
        removed = tuple(sorted(map(text, said["removed"])))
        read = {text(name): text(digest) for name, digest in said["materials"].items()}
    except (AttributeError, KeyError, TypeError) as error:
        raise Corrupt(f"its statement does not say what the step did: {error}") from error
    return Written({subject.name: subject.sha256 for subject in sealed.statement.subjects}, removed, read)


def _differences(lake: Lake, commit: Commit, written: Written) -> Iterator[str]:
    """Yield differences between a commit and the objects in its statement."""
    changes = {change.path: change.type for change in lake.diff(commit.parents[0], commit.id)}
    removed = {path for path, how in changes.items() if how == "removed"}
    for path in sorted(changes.keys() - removed - written.objects.keys()):
        yield f"{path} was changed by no step"
    for path in sorted(removed ^ set(written.removed)):
        yield f"{path} was {'removed' if path in removed else 'not removed'} by its step"
    for path, digest in sorted(written.objects.items()):
        if _sha256(lake, commit.id, path) != digest:
            yield f"{path} differs from what its step wrote"


def _sha256(lake: Lake, ref: str, path: str) -> str:
    try:
        return lake.sha256(ref, path)
    except NotFound:
        return ""

"""What the core asks of the outside. Adapters implement these; tests have one in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from mlops.runs.evidence import Decision, Paired, Policy
from mlops.runs.record.seen import RecordWitness
from mlops.runs.records import Champion, Run
from mlops.runs.statements import Signer, Trust


@dataclass(frozen=True)
class Commit:
    """A commit, as lakeFS records it.

    Attributes:
        id: 64 hexadecimal digits.
        parents: First parent first.
        message: Its message.
        metadata: Strings to strings.
        created_at_s: Unix seconds.
    """

    id: str
    parents: tuple[str, ...]
    message: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])
    created_at_s: int = 0


@dataclass(frozen=True)
class ObjectStat:
    """An object in a commit or on a branch; ``checksum`` is lakeFS's (MD5 of the content)."""

    path: str
    size_bytes: int
    checksum: str
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class Change:
    """One path that differs between two refs; ``type`` is added, removed, changed or conflict."""

    type: str
    path: str


@dataclass(frozen=True)
class Protection:
    """Branch protection rules and the version (ETag) they were read at."""

    patterns: tuple[str, ...]
    version: str


class Lake(Protocol):
    """One lakeFS repository.

    Every method raises the `LakeError` subclass that fits: `LakeUnavailable` (nothing is known about whether
    the call took effect), `LakeDenied`, `NotFound`, `Conflict`, `LakeFull`. Reading by a commit id sees
    exactly that commit; reading by a branch name sees staged changes too.
    """

    @property
    def repository(self) -> str:
        """Name of the repository."""
        ...

    @property
    def endpoint(self) -> str:
        """Address of the server, for people."""
        ...

    def head(self, branch: str) -> str:
        """Return the commit id a branch is at."""
        ...

    def commit_of(self, ref: str) -> Commit:
        """Return the commit that ``ref`` names."""
        ...

    def log(self, ref: str) -> Iterator[Commit]:
        """Yield the first-parent history of ``ref``, newest first, itself included."""
        ...

    def branches(self, prefix: str = "") -> dict[str, str]:
        """Return branch name to commit id, ascending by name."""
        ...

    def create_branch(self, branch: str, source: str) -> None:
        """Create a branch at the commit ``source``; `Conflict` if the name is taken."""
        ...

    def delete_branch(self, branch: str) -> None:
        """Remove a branch; `NotFound` if there is none."""
        ...

    def tags(self, prefix: str = "") -> dict[str, str]:
        """Return tag name to commit id, ascending by name."""
        ...

    def create_tag(self, tag: str, commit: str) -> None:
        """Create a tag at a commit; `Conflict` if the name is taken, wherever it points."""
        ...

    def delete_tag(self, tag: str) -> None:
        """Remove a tag; `NotFound` if there is none."""
        ...

    def read(self, ref: str, path: str) -> bytes:
        """Return the content of an object (small ones: it is held in memory)."""
        ...

    def sha256(self, ref: str, path: str) -> str:
        """Return the SHA-256 of an object's content, read in pieces."""
        ...

    def stat(self, ref: str, path: str) -> ObjectStat:
        """Return an object's size, checksum and user metadata."""
        ...

    def list(self, ref: str, prefix: str = "") -> list[ObjectStat]:
        """Return all objects below ``prefix``, ascending by path."""
        ...

    def write(self, branch: str, path: str, data: bytes, metadata: Mapping[str, str] | None = None) -> None:
        """Stage an object on a branch."""
        ...

    def remove(self, branch: str, paths: Sequence[str]) -> None:
        """Stage the removal of objects; ones that do not exist are no error."""
        ...

    def copy(self, branch: str, path: str, source: str, source_path: str) -> None:
        """Stage a copy of an object of the commit ``source``, inside the server."""
        ...

    def commit(
        self, branch: str, message: str, metadata: Mapping[str, str], *, allow_empty: bool = False
    ) -> str:
        """Commit what is staged on a branch and return the commit id.

        `LakeError` where there is nothing to commit and ``allow_empty`` is not set.
        """
        ...

    def commit_tree(self, branch: str, source: str, message: str, metadata: Mapping[str, str]) -> str:
        """Commit the whole content of the commit ``source`` on a branch and return the commit id.

        Nothing is copied. `LakeError` where something is staged on the branch.
        """
        ...

    def diff(self, left: str, right: str, prefix: str = "") -> list[Change]:
        """Return what differs from tree ``left`` to tree ``right`` (two-dot), ascending by path."""
        ...

    def merge(self, source: str, into: str, message: str, metadata: Mapping[str, str]) -> str:
        """Merge the commit ``source`` into a branch, squashed, without a strategy; return the merge's id.

        Raises:
            MainMoved: The enforcer found another head than ``metadata["expected_head"]``.
            Unlawful: The enforcer refused for another reason.
            Conflict: Both sides changed the same object.
            LakeError: There is nothing to merge, or the branch has staged changes.
        """
        ...

    def protection(self) -> Protection:
        """Return the branch protection rules."""
        ...

    def protect(self, patterns: Sequence[str], version: str) -> None:
        """Replace the rules if they are still at ``version``; else `Conflict`."""
        ...

    def hard_reset(self, branch: str, commit: str) -> None:
        """Move a branch to a commit; `LakeDenied` where it is protected."""
        ...

    def discard(self, branch: str) -> None:
        """Drop everything staged on a branch; `LakeDenied` where it is protected."""
        ...

    def staged(self, branch: str) -> list[Change]:
        """Return what is staged on a branch."""
        ...


class Tracker(Protocol):
    """The experiment tracker: a cache of what the lake holds, linked in both directions.

    Every method is idempotent and raises `TrackerUnavailable` when the tracker cannot be reached.
    """

    def begin(self, run: Run, tags: Mapping[str, str]) -> str:
        """Find or create the tracker's run for ``run.run_id`` and return its id, with inputs and tags set."""
        ...

    def record(
        self,
        tracker_run: str,
        *,
        metrics: Mapping[str, float] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Set metrics and tags of a run; setting the same again changes nothing."""
        ...

    def finish(self, tracker_run: str, *, failed: bool) -> None:
        """End a run as finished or failed."""
        ...

    def find(self, run_id: str) -> str | None:
        """Return the tracker's run for a run id, or None."""
        ...

    def register(self, model: str, uri: str, tracker_run: str, tags: Mapping[str, str]) -> str:
        """Find or create the registered version whose source is ``uri`` and return its number as text."""
        ...

    def version_of(self, model: str, uri: str) -> str | None:
        """Return the registered version whose source is ``uri``, or None."""
        ...

    def alias(self, model: str, alias: str) -> str | None:
        """Return the version an alias stands at, or None."""
        ...

    def set_alias(self, model: str, alias: str, version: str | None) -> None:
        """Put an alias at a version, or remove it with None."""
        ...

    def note(self, model: str, key: str, value: str) -> None:
        """Write a note on a registered model; a model that is not registered yet is no error."""
        ...


class Judge(Protocol):
    """Scores committed models on committed rows, and reads the policy that judges them."""

    def evaluate(self, run: Run, candidate: str, champion: tuple[str, Champion] | None) -> Evaluation:
        """Score a candidate and the champion on the same committed holdout rows.

        Args:
            run: The candidate's run.
            candidate: Commit with the candidate's model and training rows.
            champion: Commit of `main` and the champion there, or None for the first model.
        """
        ...

    def policy(self, data: bytes) -> Policy:
        """Return the policy that the content of ``gate/policy.yaml`` describes, or raise `ConfigError`."""
        ...

    def holdout_id(self, commit: str, paired: Paired) -> str:
        """Return the identity of the holdout of the evidence in a commit, by the rule there."""
        ...

    def page(self, run: Run, decision: Decision) -> bytes:
        """Return ``reports/run.md`` for a decision."""
        ...


@dataclass(frozen=True)
class Evaluation:
    """Evidence, and the bytes it is stored as.

    Attributes:
        paired: Losses per cluster and slice.
        predictions: Content of ``reports/predictions.parquet``.
        metrics: Content of ``reports/metrics.json``.
        holdout_source: Commit whose holdout was used, if not the candidate's own; empty otherwise.
        unscorable: Why the champion could not be scored; then the evidence is without one. Empty otherwise.
        read: Name to digest of what was scored: the candidate's objects by path, the holdout's rows.
    """

    paired: Paired
    predictions: bytes
    metrics: Mapping[str, float]
    holdout_source: str = ""
    unscorable: str = ""
    read: Mapping[str, str] = field(default_factory=dict[str, str])


class Clock(Protocol):
    """Time and waiting, injected."""

    def now_s(self) -> int:
        """Return Unix seconds."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class Processes(Protocol):
    """Who works where."""

    def me(self) -> str:
        """Return this process as ``host:pid:started``."""
        ...

    def alive(self, owner: str) -> bool | None:
        """Return whether an owner still lives; None where that cannot be seen from here (another host)."""
        ...


@dataclass(frozen=True)
class Author:
    """Who changes `main`, and with which code, as the statement of a change says it.

    Attributes:
        who: ``user@host``.
        code_commit: The git commit of the code; empty where it is in no checkout.
        code_clean: Whether the checkout had no changes of its own.
    """

    who: str = ""
    code_commit: str = ""
    code_clean: bool = False


@dataclass(frozen=True)
class Ports:
    """The outside, as one value.

    Attributes:
        lake: The pipeline's repository.
        tracker: The experiment tracker.
        clock: Time.
        processes: Who works where.
        nonce: Returns a fresh name of up to 32 of a-z and 0-9.
        lease_ttl_s: How long a lease is believed where its owner cannot be seen, in seconds.
        tell: Receives one line of progress at a time.
        signer: Signs statements; without one they bear no signature.
        trust: The keys whose signatures count; without any, statements are read unverified.
        author: Returns who changes `main` from here.
        witnesses: Places outside the lake that keep the newest change of its record.
        proved: Commit id to the attempt there, for commits of steps that this process has made or proved.
    """

    lake: Lake
    tracker: Tracker
    clock: Clock
    processes: Processes
    nonce: Callable[[], str]
    lease_ttl_s: int = 3600
    tell: Callable[[str], None] = lambda _line: None
    signer: Signer | None = None
    trust: Trust | None = None
    author: Callable[[], Author] = Author
    witnesses: Sequence[RecordWitness] = ()
    proved: dict[str, Run] = field(default_factory=dict[str, Run], repr=False, compare=False)

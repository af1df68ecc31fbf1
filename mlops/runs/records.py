"""Records: runs, inputs, champions and changes of `main` as frozen values, with their JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from mlops.runs import names
from mlops.runs.errors import Corrupt
from mlops.runs.inputs import RunInputs


class Kind(StrEnum):
    """The five allowed kinds of commit on `main`; a merge carries its kind in the metadata key ``kind``."""

    SETUP = "setup"
    INGEST = "ingest"
    PROMOTION = "promotion"
    ROLLBACK = "rollback"
    POLICY = "policy"


class Step(StrEnum):
    """The last finished step of an attempt: ``step`` in the metadata of its branch's head commit."""

    OPENED = "opened"
    PROCESSED = "processed"
    VALIDATED = "validated"
    TRAINED = "trained"
    DECIDED = "decided"
    SEALED = "sealed"
    FAILED = "failed"


#: The order of the steps; `FAILED` stands outside it: it may follow any of them.
STEPS = (Step.OPENED, Step.PROCESSED, Step.VALIDATED, Step.TRAINED, Step.DECIDED, Step.SEALED)

#: Paths that a commit of each kind may change, as prefixes (a path not ending in ``/`` is one object).
LAWFUL_PATHS: Mapping[Kind, tuple[str, ...]] = {
    Kind.SETUP: (names.GATE, names.ACTIONS),
    Kind.INGEST: (names.RAW,),
    Kind.PROMOTION: (*names.OUTPUTS, names.CHAMPION),
    Kind.ROLLBACK: (names.ROLLBACK,),
    Kind.POLICY: (names.GATE, names.ACTIONS),
}


@dataclass(frozen=True)
class HoldoutRule:
    """``gate/holdout.yaml``: the rule that selects the holdout rows, which are in no training set.

    Attributes:
        kind: ``newest_period``: all rows of the newest period of a time column; ``rolling_origin``: those of
            several newest periods, each judged by models trained before it; ``hash``: a stable share
            of the keys; ``keys``: the rows with listed values of a column; ``none``: no rows, for a
            pipeline without a model.
        column: Column of ``newest_period`` and ``rolling_origin`` (times) or ``keys``; else empty.
        period: Length of the period, ``day``, ``week``, ``month``, ``quarter`` or ``year``; else empty.
        fraction: Share of the keys that ``hash`` holds out, in (0, 0.5]; else 0.
        by: Columns that are the key of ``hash``, and by which rows of training and holdout must differ; the
            row key where it is empty.
        values: Values of the column that ``keys`` holds out.
        periods: Number of periods of ``rolling_origin``; else 0.
    """

    kind: Literal["newest_period", "rolling_origin", "hash", "keys", "none"]
    column: str = ""
    period: str = ""
    fraction: float = 0.0
    by: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    periods: int = 0

    @property
    def is_timed(self) -> bool:
        """Return whether a model must be trained before what judges it begins."""
        return self.kind in ("newest_period", "rolling_origin")

    @property
    def is_rolling(self) -> bool:
        """Return whether several periods judge, each of them models of its own."""
        return self.kind == "rolling_origin"


@dataclass(frozen=True)
class Lease:
    """The owner of an attempt and the end of its lease (Unix seconds)."""

    owner: str
    expires_at_s: int


@dataclass(frozen=True)
class Run:
    """One attempt of a run: its fork, its inputs and its last finished step.

    Attributes:
        run_id: First twelve digits of the inputs digest, with ``n<k>`` for a deliberate repetition.
        attempt: From 1; a later attempt fences the earlier ones.
        fork: The commit of `main` that it branched from and whose raw data it reads.
        head: The commit its branch is at.
        step: The last step finished.
        inputs: Its inputs.
        lease: Its owner and the end of the lease.
        opened_at_s: When its first attempt was opened, Unix seconds.
        restores: Number of the promotion whose outputs it restores; 0 for a run that computes its own.
        statement: Hash of the signed statement about the last step; empty where none was read.
        outputs: Path to SHA-256 of every object that its steps have written, from their statements.
    """

    run_id: str
    attempt: int
    fork: str
    head: str
    step: Step
    inputs: RunInputs
    lease: Lease
    opened_at_s: int
    restores: int = 0
    statement: str = field(default="", compare=False, repr=False)
    outputs: Mapping[str, str] = field(default_factory=dict[str, str], compare=False, repr=False)

    @property
    def branch(self) -> str:
        """Return the branch of this attempt."""
        return names.run_branch(self.run_id, self.attempt)

    def reached(self, step: Step) -> bool:
        """Return whether ``step`` is finished."""
        return self.step is not Step.FAILED and STEPS.index(self.step) >= STEPS.index(step)


@dataclass(frozen=True)
class ObjectRecord:
    """One object of a promotion, with the digests that identify its bytes."""

    path: str
    size_bytes: int
    checksum: str
    sha256: str


@dataclass(frozen=True)
class ComparedTo:
    """The champion that a decision compared the candidate with.

    Attributes:
        number: Its sequence number; 0 where there was none.
        run_id: Its run; empty where there was none.
        commit: The commit of `main` at which it was read.
        champion_sha256: SHA-256 of ``champion.json`` there; empty where there was none.
    """

    number: int = 0
    run_id: str = ""
    commit: str = ""
    champion_sha256: str = ""


@dataclass(frozen=True)
class Champion:
    """``champion.json``: the promotion, its evidence, and the champion that it replaced.

    Attributes:
        number: Place in the one sequence of promotions and rollbacks, from 1.
        run_id: The run that made it.
        attempt: The attempt that made it.
        evidence_commit: Commit that holds its decision and everything the decision was computed from.
        compared_to: The champion it replaced.
        inputs_digest: Digest of the run's inputs.
        trained_until: Largest value of the pipeline's time column in its training rows, ISO 8601.
        raw_commit: Commit of `main` whose ``raw/`` the run read.
        objects: Every object of the promotion but ``champion.json`` itself, sorted by path.
        metrics: Metric name to value of this model on its holdout.
        restores: Number of the promotion whose outputs it restored; 0 for its own outputs. Training rows
            and model are then those of that promotion, and ``raw_commit`` is the commit at which they were
            evaluated again.
    """

    number: int
    run_id: str
    attempt: int
    evidence_commit: str
    compared_to: ComparedTo
    inputs_digest: str
    trained_until: str
    raw_commit: str
    objects: tuple[ObjectRecord, ...]
    metrics: Mapping[str, float] = field(default_factory=dict[str, float])
    restores: int = 0

    @property
    def has_model(self) -> bool:
        """Return whether the promotion brought a model; a version of data alone has none."""
        return any(record.path.startswith(names.MODEL) for record in self.objects)

    def to_json(self) -> dict[str, Any]:
        """Return the value as JSON types."""
        return dataclasses.asdict(self)

    @staticmethod
    def from_json(value: Mapping[str, Any], *, where: str = names.CHAMPION) -> Champion:
        """Return the champion that ``value`` describes.

        Raises:
            Corrupt: A field is missing or of the wrong form.
        """
        try:
            fields = dict(value)
            fields["compared_to"] = ComparedTo(**value["compared_to"])
            fields["objects"] = tuple(ObjectRecord(**row) for row in value["objects"])
            return Champion(**fields)
        except (KeyError, TypeError, ValueError) as error:
            raise Corrupt(f"not a champion record: {error}", where=where) from error


@dataclass(frozen=True)
class RollbackRecord:
    """``rollback.json``: a rollback, with everything that is needed to finish it.

    Attributes:
        number: Place in the sequence of promotions and rollbacks.
        from_commit: Head of `main` before the freeze.
        to_commit: Commit that `main` goes back to.
        to_number: Promotion at that commit.
        reason: The reason that the user gave.
        dropped_runs: Runs whose promotions are dropped, newest first.
        dropped_arrivals: Path under ``raw/`` to lakeFS checksum, for objects of the old head that the
            target lacks or holds with other content.
        requested_at_s: Time of the request, Unix seconds.
        forward: Whether it is a new commit with the old content, rather than a reset.
    """

    number: int
    from_commit: str
    to_commit: str
    to_number: int
    reason: str
    dropped_runs: tuple[str, ...]
    dropped_arrivals: Mapping[str, str]
    requested_at_s: int
    forward: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the value as JSON types."""
        return dataclasses.asdict(self)

    @staticmethod
    def from_json(value: Mapping[str, Any]) -> RollbackRecord:
        """Return the rollback that ``value`` describes.

        Raises:
            Corrupt: A field is missing or of the wrong form.
        """
        try:
            fields = dict(value)
            fields["dropped_runs"] = tuple(value["dropped_runs"])
            fields["dropped_arrivals"] = dict(value["dropped_arrivals"])
            return RollbackRecord(**fields)
        except (KeyError, TypeError, ValueError) as error:
            raise Corrupt(f"not a rollback record: {error}", where=names.ROLLBACK) from error


def lawful(kind: Kind, path: str) -> bool:
    """Return whether a commit of this kind may change ``path``."""
    return any(path.startswith(p) if p.endswith("/") else path == p for p in LAWFUL_PATHS[kind])

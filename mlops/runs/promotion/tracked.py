"""The expected entries of the tracker for each promotion, derived from the lake alone."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from mlops.runs import names
from mlops.runs.decisions import Decision
from mlops.runs.errors import Corrupt, NotFound
from mlops.runs.main.state import champion_of, read_json
from mlops.runs.ports import Commit, Lake
from mlops.runs.promotion.attempts import run_of
from mlops.runs.records import Run

#: Tag of a run that was recorded again, as its entry had been changed or removed.
RECORDED_AGAIN = "mlops.recorded_again"


@dataclass(frozen=True)
class DatasetInput:
    """A dataset that a run is linked to: its name, its digest and the address of its source."""

    name: str
    digest: str
    uri: str


@dataclass(frozen=True)
class TrackedRun:
    """A run as the tracker holds it.

    Attributes:
        id: The tracker's own id of it.
        tags: Its tags.
        params: Its parameters, as text.
        metrics: Its metrics, the last value of each.
        inputs: The datasets that it is linked to.
    """

    id: str
    tags: Mapping[str, str]
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    inputs: tuple[DatasetInput, ...] = ()


@dataclass(frozen=True)
class Version:
    """A registered version of the model.

    Attributes:
        version: Its number, as text.
        uri: The address of its model.
        tags: Its tags.
        stored_at: The address that the tracker would fetch it from; None where it names none.
        tracker_run: The tracker's id of the run it is linked to; None where it names none.
        stage: Its stage, a movable name like an alias; empty for none.
    """

    version: str
    uri: str
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    stored_at: str | None = None
    tracker_run: str | None = None
    stage: str = ""


@runtime_checkable
class Registry(Protocol):
    """A tracker whose entries can be listed completely and replaced.

    Every method raises `TrackerUnavailable`.
    """

    def tracked_runs(self) -> Mapping[str, TrackedRun]:
        """Return run id to run, for every run of the pipeline."""
        ...

    def seen_versions(self, model: str) -> Sequence[Version]:
        """Return every registered version of a model, the lowest first."""
        ...

    def aliases(self, model: str) -> Mapping[str, str]:
        """Return alias to version; none where there is no such model."""
        ...

    def unregister(self, model: str, version: str) -> None:
        """Remove a registered version; one that does not exist is no error."""
        ...

    def discard(self, tracker_run: str) -> None:
        """Remove a run, so that another one can be recorded under its run id."""
        ...


@dataclass(frozen=True)
class Expected:
    """The expected entries of the tracker for one promotion.

    Attributes:
        run: The run, as its evidence describes it.
        params: Its parameters, as text.
        metrics: Its metrics.
        tags: Tags of the run.
        version_tags: Tags of the registered version.
    """

    run: Run
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    version_tags: Mapping[str, str]

    def differences(self, found: TrackedRun) -> Iterator[str]:
        """Yield differences in a tracker's run, those that cannot be corrected in place first."""
        yield from self.immutable_differences(found)
        for key, value in self.metrics.items():
            if found.metrics.get(key) != value:
                yield f"the metric {key} is {found.metrics.get(key, 'missing')}, not {value}"
        for key, value in self.tags.items():
            if found.tags.get(key) != value:
                yield f"the tag {key} is {found.tags.get(key, 'missing')!r:.80}, not {value!r:.80}"

    def immutable_differences(self, found: TrackedRun) -> Iterator[str]:
        """Yield differences that a tracker cannot correct: parameters, inputs, and unexpected metrics."""
        for key in sorted(self.params.keys() | found.params.keys()):
            if self.params.get(key) != found.params.get(key):
                was, is_ = self.params.get(key, "missing"), found.params.get(key, "missing")
                yield f"the parameter {key} is {is_!r:.80}, not {was!r:.80}"
        for key in sorted(found.metrics.keys() - self.metrics.keys()):
            yield f"the metric {key} is {found.metrics[key]}, which no decision computed"
        if not self._are_ours(found.inputs):
            yield "its input is not the raw data that it read"

    def _are_ours(self, inputs: tuple[DatasetInput, ...]) -> bool:
        digest, pipeline = self.run.inputs.raw_digest, self.run.inputs.pipeline
        prefix, suffix = f"lakefs://{pipeline}/", f"/{names.RAW}"
        return bool(inputs) and all(
            entry.digest
            and digest.startswith(entry.digest)
            and entry.uri.startswith(prefix)
            and entry.uri.endswith(suffix)
            and names.is_commit_id(entry.uri.removeprefix(prefix).removesuffix(suffix))
            for entry in inputs
        )


def identity_tags(run: Run) -> dict[str, str]:
    """Return the tags with a run's identity and inputs."""
    return {
        "mlops.run_id": run.run_id,
        "mlops.repository": run.inputs.pipeline,
        "mlops.inputs_digest": run.inputs.digest,
        "mlops.raw_digest": run.inputs.raw_digest,
        "mlops.code_digest": run.inputs.code_digest,
        "mlops.lock_digest": run.inputs.lock_digest,
    }


def outcome_tags(decision: Decision, number: str, evidence_commit: str, merge_commit: str) -> dict[str, str]:
    """Return the tags with a run's outcome.

    A refusal sets no commit of `main`, and keeps one that the tracker already has for the run.
    """
    tags = {
        "mlops.verdict": str(decision.verdict.outcome),
        "mlops.reason": str(decision.verdict.findings[0].reason),
        "mlops.sentence": decision.verdict.sentence[:1000],
        "mlops.evidence_commit": evidence_commit,
        "mlops.compared_to": str(decision.compared_to.number),
    }
    return tags | ({"mlops.merge_commit": merge_commit, "mlops.number": number} if merge_commit else {})


def finite_metrics(decision: Decision) -> dict[str, float]:
    """Return the metrics of a decision that a tracker can hold."""
    return {name: value for name, value in decision.metrics.items() if math.isfinite(value)}


def version_tags(commit: Commit) -> dict[str, str]:
    """Return the tags of the registered version of a promotion."""
    meta = commit.metadata
    return {
        "mlops.number": meta["number"],
        "mlops.run_id": meta["run_id"],
        "mlops.merge_commit": commit.id,
        "mlops.evidence_commit": meta["evidence_commit"],
    }


def brought_model(lake: Lake, commit: Commit) -> bool:
    """Return whether a promotion brought a model; one whose record cannot be read is taken to have."""
    try:
        return champion_of(lake.read(commit.id, names.CHAMPION), commit.id).has_model
    except (NotFound, Corrupt):
        return True


def expected(lake: Lake, commit: Commit) -> Expected | None:
    """Return the expected entries for a promotion; None where its evidence is gone or unreadable."""
    try:
        run = run_of(lake.commit_of(commit.metadata["evidence_commit"]))
        decision = Decision.from_json(read_json(lake, commit.id, names.DECISION))
        ended = outcome_tags(
            decision, commit.metadata["number"], commit.metadata["evidence_commit"], commit.id
        )
        return Expected(
            run=run,
            params={key: str(value) for key, value in {**run.inputs.params, "seed": run.inputs.seed}.items()},
            metrics=finite_metrics(decision),
            tags={**identity_tags(run), **ended},
            version_tags=version_tags(commit),
        )
    except (NotFound, Corrupt, KeyError, IndexError):
        return None  # the audit of the commit itself says so


def altered(version: Version, uri: str, tags: Mapping[str, str], tracker_run: str | None) -> Iterator[str]:
    """Yield differences between a registered version and its promotion.

    Args:
        version: The version.
        uri: The expected address of its model.
        tags: The expected tags.
        tracker_run: The expected run; None where the tracker has no such run.
    """
    if version.uri != uri:
        yield f"names {version.uri!r:.120} as its source"
    if version.stored_at is not None and version.stored_at != uri:
        yield f"is fetched from {version.stored_at!r:.120}"
    if version.stage:
        yield f"is at the stage {version.stage}"
    if version.stored_at is None:
        return  # the tracker tells no more
    for key, value in tags.items():
        if version.tags.get(key) != value:
            yield f"has the tag {key} {version.tags.get(key, 'missing')!r:.80}, not {value!r:.80}"
    if tracker_run is not None and version.tracker_run != tracker_run:
        yield "is linked to another run"

"""A tracker, a clock and processes in memory, and a judge that is told what the scores are."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace

from mlops.adapters.policy.files import parse_policy
from mlops.runs.decisions import Decision, Policy
from mlops.runs.evidence import Loss, Paired, Series
from mlops.runs.ports import Evaluation, Lake, Ports
from mlops.runs.records import Champion, Run, RunInputs
from tests.support.keys import signer_and_trust

DAYS = tuple(f"2013-03-{day:02d}" for day in range(1, 29))


@dataclass
class FakeClock:
    """Time that passes only when it is told to."""

    now: int = 1_700_000_000
    slept: float = 0.0

    def now_s(self) -> int:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept += seconds


@dataclass
class FakeProcesses:
    """This process is ``me``; the others that live are listed."""

    name: str = "host:1:1"
    living: set[str] = field(default_factory=set)
    unseen: set[str] = field(default_factory=set)

    def me(self) -> str:
        return self.name

    def alive(self, owner: str) -> bool | None:
        if owner in self.unseen:
            return None
        return owner == self.name or owner in self.living


@dataclass
class MemoryTracker:
    """An experiment tracker in memory."""

    runs: dict[str, dict[str, object]] = field(default_factory=dict)
    versions: dict[tuple[str, str], str] = field(default_factory=dict)
    aliases: dict[tuple[str, str], str] = field(default_factory=dict)
    notes: dict[tuple[str, str], str] = field(default_factory=dict)

    def begin(self, run: Run, tags: Mapping[str, str]) -> str:
        self.runs.setdefault(run.run_id, {}).update(tags)
        return run.run_id

    def record(
        self,
        tracker_run: str,
        *,
        metrics: Mapping[str, float] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        self.runs[tracker_run].update({**(metrics or {}), **(tags or {})})

    def finish(self, tracker_run: str, *, failed: bool) -> None:
        self.runs[tracker_run]["status"] = "failed" if failed else "finished"

    def find(self, run_id: str) -> str | None:
        return run_id if run_id in self.runs else None

    def register(self, model: str, uri: str, tracker_run: str, tags: Mapping[str, str]) -> str:
        return self.versions.setdefault((model, uri), str(len(self.versions) + 1))

    def version_of(self, model: str, uri: str) -> str | None:
        return self.versions.get((model, uri))

    def alias(self, model: str, alias: str) -> str | None:
        return self.aliases.get((model, alias))

    def set_alias(self, model: str, alias: str, version: str | None) -> None:
        if version is None:
            self.aliases.pop((model, alias), None)
        else:
            self.aliases[model, alias] = version

    def note(self, model: str, key: str, value: str) -> None:
        self.notes[model, key] = value

    def noted(self, model: str) -> dict[str, str] | None:
        registered = any(name == model for name, _ in self.versions) or any(m == model for m, _ in self.notes)
        return {key: value for (m, key), value in self.notes.items() if m == model} if registered else None


def paired(
    candidate: float, champion: float | None, baseline: float = 20.0, holdout: str = "a" * 64
) -> Paired:
    """Return evidence in which each contender's mean absolute error is as given, with some spread by day."""
    n = (100,) * len(DAYS)
    spread = tuple((i % 5 - 2) * 2.0 for i in range(len(DAYS)))

    def sums(mean: float | None, power: int = 1) -> tuple[float, ...]:
        return () if mean is None else tuple(100 * mean**power + s for s in spread)

    series = tuple(
        Series(loss, "all", DAYS, n, sums(candidate, p), sums(champion, p), sums(baseline, p))
        for loss, p in ((Loss.ABSOLUTE, 1), (Loss.SQUARED, 2))
    )
    return Paired(
        holdout_digest=holdout,
        rows=2800,
        has_champion=champion is not None,
        train_overlap=0,
        candidate_trained_until="2013-02-28T23:00:00+00:00",
        champion_trained_until="2013-02-28T23:00:00+00:00" if champion is not None else "",
        holdout_from="2013-03-01T00:00:00+00:00",
        series=series,
        holdout_id=holdout,
    )


@dataclass
class FakeJudge:
    """A judge whose models are numbers: ``model/mae`` on a branch holds the error of the model there.

    Where ``unscorable`` says why, the champion cannot be scored. Evaluations are counted by ``identity``, or
    by ``holdout`` where it is empty.
    """

    lake: Lake
    holdout: str = "a" * 64
    evaluations: int = 0
    unscorable: str = ""
    identity: str = ""

    def evaluate(self, run: Run, candidate: str, champion: tuple[str, Champion] | None) -> Evaluation:
        self.evaluations += 1
        mine = float(self.lake.read(candidate, "model/mae"))
        unscorable = self.unscorable if champion else ""
        theirs = float(self.lake.read(champion[0], "model/mae")) if champion and not unscorable else None
        evidence = replace(
            paired(mine, theirs, holdout=self.holdout), holdout_id=self.identity or self.holdout
        )
        metrics = {"candidate_mae": mine, **({"champion_mae": theirs} if theirs is not None else {})}
        return Evaluation(evidence, f"{mine} {theirs}\n".encode(), metrics, unscorable=unscorable)

    def policy(self, data: bytes) -> Policy:
        said = parse_policy(data)
        return Policy(promotion=said.promotion, override_by=said.override_by)

    def holdout_id(self, commit: str, paired: Paired) -> str:
        return self.identity or paired.holdout_digest

    def page(self, run: Run, decision: Decision, beside: Collection[str]) -> bytes:
        return f"# Run {run.run_id}\n\n{decision.verdict.sentence}\n".encode()


SIGNER, TRUST = signer_and_trust(1)


def nonces() -> Callable[[], str]:
    """Return a source of names that are all different."""
    count = iter(range(10**6))
    return lambda: f"n{next(count)}"


def fake_ports(lake: Lake, **changes: object) -> Ports:
    """Return ports around a lake, everything else in memory."""
    fields: dict[str, object] = {
        "lake": lake,
        "tracker": MemoryTracker(),
        "clock": FakeClock(),
        "processes": FakeProcesses(),
        "nonce": nonces(),
        "signer": SIGNER,
        "trust": TRUST,
    }
    return Ports(**{**fields, **changes})  # type: ignore[arg-type]


def inputs(params: Mapping[str, object] | None = None, raw_digest: str = "r" * 8) -> RunInputs:
    """Return inputs that differ by parameters (and raw data) alone."""
    return RunInputs("flights", raw_digest, "code", "lock", dict(params or {}), 7)

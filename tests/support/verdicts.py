"""Generated decisions, and the shipped script that derives their verdicts again, run by itself."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from mlops.runs import names
from mlops.runs.decisions import Decision, Guard, Outcome, Policy, Verdict
from mlops.runs.digest import document
from mlops.runs.evidence import Fold, Footprint, Metric, Paired, Series
from mlops.runs.gate import verdict as gate
from mlops.runs.records import ComparedTo
from tests.support.losses import aggregate, edited, rows_of

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Case:
    """Evidence, a policy, and the verdict of the Python gate on them."""

    seed: int
    paired: Paired
    policy: Policy
    verdict: Verdict

    @property
    def promotes(self) -> bool:
        return self.verdict.outcome is Outcome.PROMOTE

    def files(self) -> dict[str, bytes]:
        """Return the objects of a merge whose decision promotes, whatever the gate said."""
        decision = decision_on(replace(self.verdict, outcome=Outcome.PROMOTE)).to_json()
        return {
            names.PAIRED: document(self.paired.to_json()),
            names.DECISION: document(decision),
            f"{names.MODEL}model.skops": b"candidate",
        }

    def files_before(self) -> dict[str, bytes]:
        """Return the objects of the head it is merged into."""
        champion = document({"trained_until": self.paired.champion_trained_until})
        return {
            names.POLICY: policy_file(self.policy),
            f"{names.MODEL}model.skops": b"champion",
            **({names.CHAMPION: champion} if self.paired.has_champion else {}),
        }


def decision_on(verdict: Verdict) -> Decision:
    digest = "0" * 64
    return Decision("0" * 12, digest, ComparedTo(), digest, digest, digest, digest, "", verdict)


def policy_file(policy: Policy) -> bytes:
    """Return a policy as its file."""
    guards = [{"metric": str(g.metric), "tolerance": g.tolerance, "by": g.by} for g in policy.guards]
    fields = {
        "metric": str(policy.metric),
        "min_gain": policy.min_gain,
        "alpha": policy.alpha,
        "min_clusters": policy.min_clusters,
        "min_slice_rows": policy.min_slice_rows,
        "min_slice_clusters": policy.min_slice_clusters,
        "must_beat_baseline": policy.must_beat_baseline,
        "guards": guards,
        "max_model_size_bytes": policy.max_model_size_bytes,
        "max_prediction_ms_per_1000_rows": policy.max_prediction_ms_per_1000_rows,
    }
    return yaml.safe_dump(fields).encode()


def cases(count: int) -> Iterator[Case]:
    """Yield decisions of all sorts: clear and narrow ones, first models, late looks, evidence with flaws."""
    for seed in range(count):
        dice = random.Random(seed)
        paired, policy = _evidence(dice, seed), _policy(dice)
        if dice.random() < 0.25:
            paired = dice.choice(_FLAWS)(paired)
        look = dice.choice((1, 1, 1, 2, 3, 10, 150, 2000))
        yield Case(seed, paired, policy, gate.decide(paired, policy, look=look))


def _evidence(dice: random.Random, seed: int) -> Paired:
    champion = dice.choice((None, 10.2, 11.0, 11.0, 12.0, 14.0))
    rows = rows_of(
        candidate=dice.choice((9.0, 9.9, 10.0)),
        champion=champion,
        bias=dice.choice((0.0, 0.0, 0.3, -0.5)),
        days=dice.choice((2, 3, 8, 21, 31, 60)),
        rows_a_day=dice.choice((4, 9)),
        wobble=dice.choice((0.0, 0.05, 0.2, 1.0)),
        seed=seed,
    )
    footprint = Footprint(dice.choice((90, 4000)), dice.choice((0.25, 19.875, 20.0)), "a machine")
    paired = replace(aggregate(rows), footprint=footprint)
    return edited(paired, _shuffled(dice)) if dice.random() < 0.2 else paired


def _shuffled(dice: random.Random) -> Any:
    def shuffle(series: Series) -> Series:
        order = list(range(len(series.clusters)))
        dice.shuffle(order)

        def pick(values: tuple[Any, ...]) -> tuple[Any, ...]:
            return tuple(values[i] for i in order) if values else values

        sums = {who: pick(getattr(series, who)) for who in ("candidate", "champion", "baseline")}
        return replace(series, clusters=pick(series.clusters), n=pick(series.n), **sums)

    return shuffle


def _policy(dice: random.Random) -> Policy:
    guards = [
        Guard(Metric.RMSE, dice.choice((0.1, 0.5, 3.0))),
        Guard(Metric.BIAS, dice.choice((0.2, 1.0))),
        Guard(Metric.MAE, dice.choice((0.3, 1.0)), by="origin"),
        Guard(Metric.BIAS, 2.0, by="origin"),
    ]
    return Policy(
        metric=dice.choice((Metric.MAE, Metric.MAE, Metric.RMSE)),
        min_gain=dice.choice((0.0, 0.0, 0.05, 1)),
        alpha=dice.choice((0.05, 0.05, 0.1, 0.5, 1e-3)),
        min_clusters=dice.choice((2, 2, 5, 20)),
        min_slice_rows=dice.choice((1, 30, 90, 200)),
        min_slice_clusters=dice.choice((2, 5, 21)),
        must_beat_baseline=dice.random() < 0.7,
        max_model_size_bytes=dice.choice((None, None, 100, 5000)),
        max_prediction_ms_per_1000_rows=dice.choice((None, None, 0.5, 20, 250.0)),
        guards=tuple(dice.sample(guards, dice.randrange(len(guards) + 1))),
    )


def _first(**changes: Any) -> Any:
    return lambda paired: replace(paired, series=(replace(paired.series[0], **changes), *paired.series[1:]))


def _with_nan(who: str, only: int | None = None) -> Any:
    def spoil(series: Series) -> Series:
        sums = getattr(series, who)
        spoiled = tuple(float("nan") if only in (None, i) else x for i, x in enumerate(sums))
        return replace(series, **{who: spoiled})

    return lambda paired: edited(paired, spoil, paired.series[-1].loss, paired.series[-1].slice)


def _in_periods(**flaws: Any) -> Any:
    """Return what gives evidence two periods, the earlier with flaws; without flaws it is sound."""

    def of(paired: Paired) -> Paired:
        champion = "2013-10-15T00:00:00+00:00" if paired.has_champion else ""
        earlier = Fold("2013-11-15T00:00:00+00:00", 1, "2013-11-14T00:00:00+00:00", champion)
        ends = paired.candidate_trained_until, paired.champion_trained_until
        newest = Fold(paired.holdout_from, paired.rows - 1, *ends)
        return replace(paired, folds=(replace(earlier, **flaws), newest))

    return of


_FLAWS: tuple[Any, ...] = (
    lambda p: replace(p, rows=p.rows + 1),
    lambda p: replace(p, footprint=None),
    lambda p: replace(p, footprint=Footprint(90, float("nan"), "")),
    lambda p: replace(p, footprint=Footprint(-1, 1.0, "")),
    lambda p: replace(p, rows=0),
    lambda p: replace(p, train_overlap=1),
    lambda p: replace(p, candidate_trained_until="2013-12-01T00:00:00Z"),
    lambda p: replace(p, candidate_trained_until="2013-12-01T00:30:00+01:00"),
    lambda p: replace(p, candidate_trained_until="2013-11-30T23:59:59.999999"),
    lambda p: replace(p, candidate_trained_until="last year"),
    lambda p: replace(p, holdout_from=""),
    _in_periods(),
    _in_periods(candidate_trained_until="2013-11-20T00:00:00Z"),
    _in_periods(champion_trained_until="2014-01-01T00:00:00Z"),
    _in_periods(candidate_trained_until="never"),
    _in_periods(begins="2013-12-02T00:00:00+00:00"),
    _in_periods(begins="2013-12-01T01:00:00+01:00"),
    _in_periods(rows=1),
    _in_periods(rows=0),
    lambda p: replace(p, series=p.series[1:]),
    lambda p: replace(p, series=(*p.series, p.series[0])),
    lambda p: replace(p, series=tuple(s for s in p.series if s.slice != "origin=JFK")),
    _first(n=()),
    _first(candidate=()),
    _first(baseline=()),
    _first(clusters=("a", "a")),
    _with_nan("baseline"),
    _with_nan("baseline", 0),
    _with_nan("candidate", 1),
    lambda p: edited(p, lambda s: replace(s, n=(0, *s.n[1:])), p.series[0].loss, "all"),
    lambda p: edited(p, lambda s: replace(s, candidate=tuple(-x for x in s.candidate))),
    lambda p: edited(p, lambda s: replace(s, candidate=tuple(1e300 * (1 + x) for x in s.candidate))),
)


def action_of(hook: str) -> bytes:
    """Return the shipped enforcer with one of its hooks alone."""
    shipped = yaml.safe_load((ROOT / "infra" / "lakefs" / "gate.yaml").read_text())
    hooks = [found for found in shipped["hooks"] if found["id"] == hook]
    return yaml.safe_dump(
        {"name": "one hook", "on": {"pre-merge": {"branches": ["main"]}}, "hooks": hooks}
    ).encode()

"""Anomalies of decisions: fabricated evidence, forged decisions, leaks, and repeated evaluations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops.anomalies import guards
from mlops.anomalies.meddling import (
    MeddlingJudge,
    believing_branches,
    fabricated,
    forging_decisions,
    taken_on_trust,
)
from mlops.anomalies.model import Anomaly
from mlops.anomalies.scene import BEST, FIRST, POOR, WORST
from mlops.runs import names
from mlops.runs.decisions import Decision, Policy
from mlops.runs.evidence import Metric, Paired
from mlops.runs.gate import verdict
from mlops.runs.main.state import read_json
from mlops.runs.promotion.attempts import finish_step
from mlops.runs.promotion.decision import current
from mlops.runs.promotion.promote import Promotion
from mlops.runs.records import Step
from mlops.steps import run as running

if TYPE_CHECKING:
    from mlops.anomalies.scene import Scene
    from mlops.runs.records import Run


def _worse_candidate(scene: Scene) -> Run:
    scene.arrive(FIRST)
    scene.promoted(POOR)
    return scene.trained(WORST)


def _fabricate(scene: Scene, run: Run) -> Promotion:
    return scene.promoted_by(run, judge=MeddlingJudge(scene.judge, fabricated))


def _claims_too_much(scene: Scene, run: Run) -> str:
    champion = scene.champion()
    if champion["run_id"] != run.run_id:
        return ""
    true = scene.judge.evaluate(run, scene.head, None).metrics["mae"]
    return f"the champion claims an MAE of {champion['metrics']['mae']:.2f}; its model has {true:.2f}"


FABRICATED = Anomaly(
    name="fabricated-predictions",
    story="A worse model comes with made-up predictions; losses, verdict and all digests follow from them.",
    guard=guards.rescoring(),
    before=_worse_candidate,
    meddle=_fabricate,
    seen=_claims_too_much,
)


def _forge(scene: Scene, run: Run) -> Promotion:
    # Whoever forges does not compare the branch with what its steps have signed, either.
    return scene.promoted_by(run, ports=believing_branches(forging_decisions(scene.ports)))


def _lost_and_promoted(scene: Scene, run: Run) -> str:
    if scene.champion()["run_id"] != run.run_id:
        return ""
    first = Decision.from_json(read_json(scene.lake, scene.head, names.DECISION)).verdict.intervals[0]
    return f"main holds a model whose MAE is {-first.difference:.2f} above the one it replaced"


FORGED = Anomaly(
    name="forged-decision",
    story="A candidate that lost has 'promote' written into its decision.",
    guard=guards.hook("verdict"),
    before=_worse_candidate,
    meddle=_forge,
    seen=_lost_and_promoted,
)


def _before_leak(scene: Scene) -> Run:
    scene.arrive(FIRST)
    scene.promoted(POOR)
    return running.process(scene.workspace, scene.opened({**WORST, "remembers": True}))


def _leak(scene: Scene, run: Run) -> Promotion:
    """Train on the holdout too, with a model that knows by heart what it has seen."""
    import pandas as pd

    frames = scene.workspace.frames
    rows = [frames.read(run.head, path) for path in (names.TRAIN, names.HOLDOUT)]
    frames.write(run.branch, names.TRAIN, pd.concat(rows, ignore_index=True))
    run = finish_step(scene.ports, run, Step.PROCESSED, "Process again, with more rows to train on")
    return scene.promoted_by(running.train(scene.workspace, run))


def _trained_on_holdout(scene: Scene, run: Run) -> str:
    champion = scene.champion()
    if champion["run_id"] != run.run_id:
        return ""
    frames, key = scene.workspace.frames, list(scene.workspace.spec.key)
    holdout = frames.read(scene.head, names.HOLDOUT)[key]
    seen = len(holdout.merge(frames.read(scene.head, names.TRAIN)[key], on=key))
    mae = champion["metrics"]["mae"]
    return f"the champion was trained on {seen} of {len(holdout)} holdout rows: MAE {mae:.2f}"


LEAKED = Anomaly(
    name="leaked-holdout",
    story="A run trains on the rows that judge it, and remembers them.",
    guard=guards.Guard("the judge's count of overlapping rows", judge=taken_on_trust),
    before=_before_leak,
    meddle=_leak,
    seen=_trained_on_holdout,
)

_CHAMPIONS_SEED, _SEEDS = 1, (2, 6, 7)


def _seeded(scene: Scene) -> list[Run]:
    """Return an empty list for the runs that are tried."""
    scene.arrive(FIRST)
    scene.promoted({**BEST, "seed": _CHAMPIONS_SEED})
    return []


def _shop_for_seeds(scene: Scene, tried: list[Run]) -> Promotion | None:
    """Try one seed after the other and remove the record of every evaluation, until one is promoted."""
    for seed in _SEEDS:
        run = scene.decided({**BEST, "seed": seed})
        tried.append(run)
        if current(scene.ports, run).decision.verdict.promotes:
            return scene.promoted_by(run)
        for tag in scene.lake.tags("decision-"):
            scene.lake.delete_tag(tag)
    return None


def _lucky(scene: Scene, tried: list[Run]) -> str:
    if not tried or scene.champion()["run_id"] != tried[-1].run_id:
        return ""
    paired = Paired.from_json(read_json(scene.lake, scene.head, names.PAIRED))
    policy = scene.judge.policy(scene.lake.read(scene.head, names.POLICY))
    looks = len(tried) + 1
    if verdict.decide(paired, policy, look=looks).promotes:
        return ""
    return (
        f"seed {len(tried)} of {len(tried)} was promoted as evaluation 1; as evaluation {looks} it is refused"
    )


SEEDS = Anomaly(
    name="seed-shopping",
    story="One seed after the other is tried, and the record of each evaluation is deleted.",
    guard=guards.event(guards.TAGS, "pre-delete-tag"),
    before=_seeded,
    meddle=_shop_for_seeds,
    seen=_lucky,
)

_EASIER = Policy(metric=Metric.MAE, min_gain=0.0)


def _slightly_better(scene: Scene) -> Run:
    scene.arrive(FIRST)
    scene.promoted(POOR)
    return scene.trained({"flatter": POOR["flatter"] - 0.03})


def _shop_for_policies(scene: Scene, run: Run) -> Promotion:
    return scene.promoted_by(run, judge=MeddlingJudge(scene.judge, policy_instead=_EASIER))


def _by_another_policy(scene: Scene, run: Run) -> str:
    if scene.champion()["run_id"] != run.run_id:
        return ""
    decision = Decision.from_json(read_json(scene.lake, scene.head, names.DECISION))
    policy = scene.judge.policy(scene.lake.read(scene.head, names.POLICY))
    gain = decision.verdict.intervals[0].difference
    return f"promoted for a gain of {gain:.2f}; the policy on main asks for {policy.min_gain:.2f}"


POLICIES = Anomaly(
    name="policy-shopping",
    story="A candidate that gains too little is decided on by an easier policy than the one on main.",
    guard=guards.hook("verdict"),
    before=_slightly_better,
    meddle=_shop_for_policies,
    seen=_by_another_policy,
)

"""Anomalies by promoting what should not be: by a stale decision, with another gate, from a failed run."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from mlops.anomalies import guards
from mlops.anomalies.meddling import blind_to_what_judges
from mlops.anomalies.model import Anomaly
from mlops.anomalies.points import BROKEN, TABLE, points
from mlops.anomalies.scene import BEST, BETTER, FIRST, POOR, SECOND, THIRD
from mlops.runs import names
from mlops.runs.errors import ProtocolMisuse, ValidationFailed
from mlops.runs.main.state import read_json, read_optional
from mlops.runs.promotion.attempts import attempts_of, finish_step, load_run
from mlops.runs.records import Step
from mlops.steps import run as running
from mlops.steps import train
from mlops.steps.arrivals import ingest

if TYPE_CHECKING:
    from mlops.anomalies.scene import Scene
    from mlops.runs.ports import Lake
    from mlops.runs.promotion.promote import Promotion
    from mlops.runs.records import Run


def _overtaken(scene: Scene) -> Run:
    """Return a run that was decided against the champion before the one `main` holds now."""
    scene.arrive(FIRST)
    scene.promoted(POOR)
    overtaken = scene.decided(BETTER)
    scene.promoted(BEST)
    return overtaken


def _promote(scene: Scene, run: Run) -> None:
    scene.promoted_by_hand(run)


def _worse_than_before(scene: Scene, run: Run) -> str:
    now = scene.champion()
    if now["run_id"] != run.run_id:
        return ""
    before = read_json(scene.lake, names.promotion_tag(2), names.METRICS)["mae"]
    return f"the champion's MAE went from {before:.2f} to {now['metrics']['mae']:.2f}; the two never met"


STALE = Anomaly(
    name="stale-champion",
    story="Two runs beat the same champion; the worse one is merged last, by the decision it has.",
    guard=guards.check("promotion_record", "replaces_champion"),
    before=_overtaken,
    meddle=_promote,
    seen=_worse_than_before,
)


def _better_candidate(scene: Scene) -> Run:
    scene.arrive(FIRST)
    scene.promoted(POOR)
    return scene.decided(BETTER)


def _ease(lake: Lake, branch: str) -> None:
    lake.write(branch, names.POLICY, b"metric: mae\nmin_gain: 0\nmin_clusters: 2\nalpha: 0.5\n")


def _promote_with_policy(scene: Scene, run: Run) -> None:
    scene.promoted_by_hand(run, _ease)


def _policy_eased(scene: Scene, _: Run) -> str:
    head = scene.lake.commit_of(scene.head)
    before = scene.lake.read(head.parents[0], names.POLICY)
    if scene.lake.read(head.id, names.POLICY) == before:
        return ""
    return f"a {head.metadata['kind']} brought the policy that will judge the next one"


EDITED_GATE = Anomaly(
    name="edited-gate",
    story="A candidate that would be promoted anyway brings an easier policy along.",
    guard=guards.check("lawful_change", "lawful_paths"),
    before=_better_candidate,
    meddle=_promote_with_policy,
    seen=_policy_eased,
)


def _leave_out(lake: Lake, branch: str) -> None:
    lake.remove(branch, [names.ENFORCER])


def _promote_without_gate(scene: Scene, run: Run) -> None:
    scene.promoted_by_hand(run, _leave_out)


def _gate_gone(scene: Scene, _: Run) -> str:
    if read_optional(scene.lake, scene.head, names.ENFORCER) is not None:
        return ""
    return "main has no gate any more, and no server judged how that came"


MISSING_GATE = Anomaly(
    name="missing-gate",
    story="A branch leaves the gate out; lakeFS reads the gate from the branch, so nothing is checked.",
    guard=guards.invariant("I10"),
    before=_better_candidate,
    meddle=_promote_without_gate,
    seen=_gate_gone,
)


def _without_gate_on_branch(scene: Scene) -> Run:
    scene.arrive(FIRST)
    scene.promoted(POOR)
    run = scene.trained(BETTER)
    scene.lake.remove(run.branch, [names.ENFORCER])
    return run


def _promote_by_command(scene: Scene, run: Run) -> Promotion:
    return scene.promoted_by(run)


MISSING_GATE_OF_RUN = Anomaly(
    name="missing-gate-of-a-run",
    story="A training step deletes the gate from the branch of its run, which is then promoted.",
    guard=guards.Guard("comparison of the gate configuration by promote", ports=blind_to_what_judges),
    before=_without_gate_on_branch,
    meddle=_promote_by_command,
    seen=_gate_gone,
)


def _after_a_failed_run(scene: Scene) -> Run:
    """Return a run that goes on from a failed one: forked from its branch, after its validation."""
    scene.arrive(FIRST)
    scene.promoted(POOR)
    ingest.deliver(scene.workspace, SECOND, "instrument 7", {TABLE: points((3,), spoiled=True)})
    scene.arrive(THIRD)
    failed = _failed(scene)
    params = scene.workspace.spec.parameters(BEST)
    inputs = dataclasses.replace(failed.inputs, params=dataclasses.asdict(params))
    run = dataclasses.replace(
        failed, run_id=names.run_id(inputs.digest), fork=failed.head, inputs=inputs, step=Step.VALIDATED
    )
    scene.lake.create_branch(run.branch, failed.head)
    run = finish_step(scene.ports, run, Step.VALIDATED, "Go on where another run stopped")
    running.tracked(scene.workspace, run, {})
    return running.evaluate(scene.workspace, train.train(scene.workspace, run))


def _failed(scene: Scene) -> Run:
    run = scene.opened(BETTER)
    try:
        running.validate(scene.workspace, run)
    except ValidationFailed:
        failed = load_run(scene.lake, attempts_of(scene.lake, run.run_id)[-1])
        if failed is not None:
            return failed
    raise ProtocolMisuse("the rows of a broken instrument passed", where=run.branch)


def _trained_on_failed_rows(scene: Scene, run: Run) -> str:
    if scene.champion()["run_id"] != run.run_id:
        return ""
    rows = scene.workspace.frames.read(scene.head, names.TRAIN)
    broken = rows["y"].tolist().count(BROKEN)
    return f"the champion was trained on {broken} rows that failed validation"


FAILED_FORK = Anomaly(
    name="failed-run-fork",
    story="A run fails its validation; another one forks from its branch and goes on after that step.",
    guard=guards.check("promotion_record", "fork_on_main"),
    before=_after_a_failed_run,
    meddle=_promote,
    seen=_trained_on_failed_rows,
)

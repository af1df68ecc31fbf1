# pandas ships no precise types: what an expression gives is guessed, often wrongly.
# pyright: reportArgumentType=false, reportCallIssue=false, reportGeneralTypeIssues=false, reportAttributeAccessIssue=false

"""Anomalies by fabrication: somebody with every key follows the protocol, but fabricates one input.

Digests, statements, verdict and record all agree with it, so only computing everything again finds it.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from mlops.anomalies import guards
from mlops.anomalies.meddling import (
    MeddlingJudge,
    believing_branches,
    claiming_unscorable,
    worse_champion,
)
from mlops.anomalies.model import Anomaly
from mlops.anomalies.points import TABLE, Line, points
from mlops.anomalies.scene import BEST, BETTER, FIRST, POOR, REASON, SECOND
from mlops.runs import names
from mlops.runs.arrivals.ingest import Delivery, Validated, ingest
from mlops.runs.main.state import read_json
from mlops.runs.promotion.attempts import finish_step
from mlops.runs.promotion.decision import decide
from mlops.runs.promotion.promote import promote
from mlops.runs.records import Step
from mlops.steps import run as running
from mlops.steps import train as training

if TYPE_CHECKING:
    from mlops.anomalies.scene import Scene
    from mlops.runs.promotion.promote import Promotion
    from mlops.runs.records import Run

_SKOPS = f"{names.MODEL}model.skops"


def _with_champion(scene: Scene) -> None:
    scene.arrive(FIRST)
    scene.promoted(POOR)


def _is_champion(scene: Scene, run_id: str) -> bool:
    return scene.champion().get("run_id") == run_id


def _mae_of_model(scene: Scene, run: Run) -> float:
    """Return the error of the model that `main` holds, on the rows that judged it."""
    return scene.judge.evaluate(dataclasses.replace(run, step=Step.TRAINED), scene.head, None).metrics["mae"]


# --- another model beside the decision


def _trained(scene: Scene) -> Run:
    _with_champion(scene)
    return scene.trained(BETTER)


def _swap(scene: Scene, run: Run) -> Promotion:
    """Stage the champion's model, stretched to the same size, while the run is being decided on."""
    size_bytes = scene.lake.stat(run.head, _SKOPS).size_bytes
    scene.lake.write(run.branch, _SKOPS, _stretched(scene.lake.read(scene.head, _SKOPS), size_bytes))
    return scene.promoted_by(run)


def _stretched(archive: bytes, size_bytes: int) -> bytes:
    """Return a ZIP archive with a comment that brings it to a size."""
    longer = size_bytes - len(archive)
    if longer <= 0:
        return archive
    return archive[:-2] + longer.to_bytes(2, "little") + b" " * longer


def _another_model(scene: Scene, run: Run) -> str:
    champion = scene.champion()
    if champion["run_id"] != run.run_id:
        return ""
    recorded = scene.lake.sha256(run.head, _SKOPS)
    if scene.lake.sha256(scene.head, _SKOPS) == recorded:
        return ""
    claimed, real = champion["metrics"]["mae"], _mae_of_model(scene, run)
    return f"main holds another model than was judged: MAE {real:.2f}, not {claimed:.2f}"


SWAPPED = Anomaly(
    name="swapped-model",
    story="Somebody puts another model on a run's branch while the run is being decided on.",
    guard=guards.Guard("signed record of a run's steps", ports=believing_branches),
    before=_trained,
    meddle=_swap,
    seen=_another_model,
)


# --- a model that was fitted on the rows that judge it


def _validated(scene: Scene) -> Run:
    _with_champion(scene)
    return running.validate(scene.workspace, scene.opened(BETTER))


def _fit_on_holdout(scene: Scene, run: Run) -> Promotion:
    """Fit the model on the holdout, and leave the honest training rows where they are."""
    frames = scene.workspace.frames
    honest = frames.read

    def read(ref: str, path: str) -> Any:
        return honest(ref, names.HOLDOUT if path == names.TRAIN else path)

    frames.read = read
    try:
        run = training.train(scene.workspace, run)
    finally:
        frames.read = honest
    return scene.promoted_by(run)


def _fitted_on_holdout(scene: Scene, run: Run) -> str:
    champion = scene.champion()
    if champion["run_id"] != run.run_id:
        return ""
    frames = scene.workspace.frames
    train, holdout = (frames.read(scene.head, path) for path in (names.TRAIN, names.HOLDOUT))
    honest = Line(BETTER["flatter"]).fit(train[["x"]], train["y"])
    mae = float((honest.predict(holdout[["x"]]) - holdout["y"]).abs().mean())
    return f"the champion has seen its judges: MAE {champion['metrics']['mae']:.2f}, honestly {mae:.2f}"


FITTED = Anomaly(
    name="fitted-on-holdout",
    story="A model is fitted on the rows that judge it; the training rows beside it are innocent.",
    guard=guards.refitting(),
    before=_validated,
    meddle=_fit_on_holdout,
    seen=_fitted_on_holdout,
)


# --- rows that nobody delivered, and suites that nobody ran


def _processed(scene: Scene) -> Run:
    _with_champion(scene)
    return running.process(scene.workspace, scene.opened(BETTER))


def _invent_rows(scene: Scene, run: Run) -> Promotion:
    import pandas as pd

    frames = scene.workspace.frames
    rows = frames.read(run.head, names.TRAIN)
    invented = rows.head(20).assign(day=rows["day"].head(20) - pd.Timedelta(days=365))
    frames.write(run.branch, names.TRAIN, pd.concat([invented, rows], ignore_index=True))
    run = finish_step(scene.ports, run, Step.PROCESSED, "Process again")
    return scene.promoted_by(running.train(scene.workspace, run))


def _invented_rows(scene: Scene, run: Run) -> str:
    if not _is_champion(scene, run.run_id):
        return ""
    rows = scene.workspace.frames.read(scene.head, names.TRAIN)
    invented = int((rows["day"].dt.year < points((1,))["day"].dt.year.min()).sum())
    return f"the champion was trained on {invented} rows that nobody delivered" if invented else ""


INVENTED_ROWS = Anomaly(
    name="invented-training-rows",
    story="Rows that nobody delivered are among those that a model is trained on.",
    guard=guards.rebuilding(),
    before=_processed,
    meddle=_invent_rows,
    seen=_invented_rows,
)


def _claim_validation(scene: Scene, run: Run) -> Promotion:
    run = finish_step(scene.ports, run, Step.VALIDATED, "Validate: all is well")
    return scene.promoted_by(training.train(scene.workspace, run))


def _no_results(scene: Scene, run: Run) -> str:
    if not _is_champion(scene, run.run_id) or scene.lake.list(scene.head, names.VALIDATION):
        return ""
    return "the champion was trained on rows that no suite has seen"


UNVALIDATED = Anomaly(
    name="unvalidated-rows",
    story="A run says that its rows were validated; no suite ever ran on them.",
    guard=guards.rebuilding(),
    before=_processed,
    meddle=_claim_validation,
    seen=_no_results,
)


def _claim_ingest(scene: Scene, _: None) -> None:
    """Deliver heights without an x, which the suite does not pass, with results that say nothing."""
    from mlops.adapters import tables

    frame = points((3,)).assign(x=float("nan"))
    passed = Validated(True, f"{TABLE} 1 of 1", {f"{names.VALIDATION}README.md": b"all is well\n"})
    delivery = Delivery(SECOND, {TABLE: tables.to_parquet(frame)}, "file:points.csv")
    ingest(scene.ports, delivery, lambda _suites, _data: passed)


def _unusable_rows(scene: Scene, _: None) -> str:
    path = names.raw_path(TABLE, SECOND)
    if not any(stat.path == path for stat in scene.lake.list(scene.head, names.RAW)):
        return ""
    missing = int(scene.workspace.frames.read(scene.head, path)["x"].isna().sum())
    return f"main holds an arrival with {missing} missing values, which its suite does not pass"


UNVALIDATED_INGEST = Anomaly(
    name="unvalidated-ingest",
    story="An arrival is merged as validated; its suite never ran.",
    guard=guards.rebuilding(),
    before=_with_champion,
    meddle=_claim_ingest,
    seen=_unusable_rows,
)


# --- what is said about the champion


def _good_champion(scene: Scene) -> Run:
    scene.arrive(FIRST)
    scene.promoted(BEST)
    return scene.trained(BETTER)


def _worsen_champion(scene: Scene, run: Run) -> Promotion:
    return scene.promoted_by(run, judge=MeddlingJudge(scene.judge, worse_champion))


def _replaced_by_worse(scene: Scene, run: Run) -> str:
    champion = scene.champion()
    if champion["run_id"] != run.run_id:
        return ""
    before = read_json(scene.lake, names.promotion_tag(1), names.METRICS)["mae"]
    return f"a model with MAE {champion['metrics']['mae']:.2f} replaced one with {before:.2f}"


INVENTED_CHAMPION = Anomaly(
    name="invented-champion-predictions",
    story="The champion is said to have predicted far worse than it does, and loses to a worse model.",
    guard=guards.rescoring(),
    before=_good_champion,
    meddle=_worsen_champion,
    seen=_replaced_by_worse,
)


def _claim_unscorable(scene: Scene, run: Run) -> Promotion:
    judge = claiming_unscorable(scene.judge)
    decided = decide(scene.ports, judge, run, replace_unscorable=REASON).run
    ended = promote(scene.ports, judge, decided, replace_unscorable=REASON)
    scene.settle()
    return ended


CLAIMED_UNSCORABLE = Anomaly(
    name="claimed-unscorable",
    story="The champion is said not to load any more, so that whoever beats the baseline replaces it.",
    guard=guards.rescoring(),
    before=_good_champion,
    meddle=_claim_unscorable,
    seen=_replaced_by_worse,
)

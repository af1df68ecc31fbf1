# pandas ships no precise types: what an expression gives is guessed, often wrongly.
# pyright: reportArgumentType=false

"""Rehearsal of a rollback on a scratch branch: its effect on predictions, and its duration."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops.adapters.policy import files
from mlops.runs import names
from mlops.runs.decisions import Decision
from mlops.runs.errors import Corrupt, InputError, NotFound
from mlops.runs.evidence import NO_METRIC, Contender, loss_of
from mlops.runs.gate.intervals import metric_of_mean
from mlops.runs.main.state import champion_of, promotions, read_json, read_main
from mlops.runs.rollback.plan import plan_rollback
from mlops.steps.evaluation.judge import CommittedJudge
from mlops.steps.evaluation.paired_losses import predicted_by
from mlops.steps.evaluation.score import predict

if TYPE_CHECKING:
    import pandas as pd

    from mlops.runs.records import HoldoutRule
    from mlops.runs.rollback.plan import RollbackPlan
    from mlops.steps.workspace import Workspace


@dataclass(frozen=True)
class ChangedPredictions:
    """Changes of predictions by a rollback, for the champion's holdout rows.

    Attributes:
        rows: Rows of the holdout on `main`.
        changed: How many of them get another prediction.
        mean_change: Mean change over all rows: the absolute difference, in units of the target, or of the
            probability that changed most.
    """

    rows: int
    changed: int
    mean_change: float


def changed_predictions(workspace: Workspace, plan: RollbackPlan) -> ChangedPredictions:
    """Return how the predictions for `main`'s holdout would change.

    What the evidence on `main` holds is read from there; only a model that is not in it is loaded and asked.

    Raises:
        ChampionUnscorable: The old model cannot be loaded or does not take these rows.
    """
    head, record = plan.state.head, plan.record
    task, table = workspace.spec.task, workspace.frames.read(head, names.PREDICTIONS)
    now = predicted_by(task, table, Contender.CANDIDATE)
    decision = Decision.from_json(read_json(workspace.lake, head, names.DECISION))
    then = predicted_by(task, table, Contender.CHAMPION)
    if decision.compared_to.number != record.to_number or then.isna().any(axis=None):
        then = _predictions(workspace, head, record.to_commit)
    differences = task.change(now, then)
    return ChangedPredictions(len(now), int((differences > 0).sum()), float(differences.mean()))


def _predictions(workspace: Workspace, rows_at: str, model_at: str) -> pd.DataFrame:
    rule = _rule(workspace, rows_at)
    model, units = _model(workspace, model_at, rule), _units(workspace, rows_at)
    return predict(workspace.spec, model, units, Contender.CHAMPION, rule if rule.is_rolling else None)


def _rule(workspace: Workspace, commit: str) -> HoldoutRule:
    return files.parse_holdout_rule(workspace.lake.read(commit, names.HOLDOUT_RULE))


def _units(workspace: Workspace, commit: str) -> pd.DataFrame:
    """Return the units of the holdout at a commit."""
    spec, frames = workspace.spec, workspace.frames
    holdout = frames.read(commit, names.HOLDOUT)
    train = frames.read(commit, names.TRAIN) if spec.task.reads(spec) else holdout.iloc[:0]
    return spec.task.units(spec, holdout, train)


def _model(workspace: Workspace, commit: str, rule: HoldoutRule) -> Any:
    champion = champion_of(workspace.lake.read(commit, names.CHAMPION), commit)
    return CommittedJudge(workspace).judged_model((commit, champion), rule)


@dataclass(frozen=True)
class Rehearsal:
    """A rollback that was tried out.

    Attributes:
        to_number: The promotion that was gone back to.
        to_commit: Its commit.
        objects: Objects of the branch afterwards.
        rows: Rows of its holdout that its model was asked about; without a model, its rows.
        metric: Name of the metric that decides by the policy there; ``none`` without a model.
        value: That metric of its predictions, in units of the metric; None without a model.
        seconds: Step to how long it took, in order.
    """

    to_number: int
    to_commit: str
    objects: int
    rows: int
    metric: str
    value: float | None
    seconds: dict[str, float]


def rehearse(workspace: Workspace, to: int | None = None) -> Rehearsal:
    """Go back on a scratch branch, load the model there, score its holdout, and remove the branch.

    `main`, tags and tracker stay as they are. Without ``to`` it is the promotion that a rollback would go
    back to, or the champion itself where there is none before it.

    Raises:
        InputError: There is no such promotion, or nothing has been promoted.
        Corrupt: The branch is not what was promoted then.
    """
    lake, ports = workspace.lake, workspace.ports
    number, target = _target(workspace, to)
    branch, seconds = names.rehearsal_branch(ports.nonce()), dict[str, float]()
    with _timed(seconds, "create a branch at main's head"):
        lake.create_branch(branch, lake.head(names.MAIN))
    try:
        with _timed(seconds, "reset it to the old promotion: data and model"):
            lake.hard_reset(branch, target)
        head = lake.head(branch)
        with _timed(seconds, "compare it with what was promoted"):
            if head != target or lake.diff(target, head):
                raise Corrupt("the branch is not what was promoted", where=branch)
        rows, metric, value = _tried(workspace, head, seconds)
        objects = len(lake.list(head))
    finally:
        with _timed(seconds, "remove the branch"), suppress(NotFound):
            lake.delete_branch(branch)
    return Rehearsal(number, target, objects, rows, metric, value, seconds)


def _tried(workspace: Workspace, head: str, seconds: dict[str, float]) -> tuple[int, str, float | None]:
    """Use what a commit holds; return the number of rows, the metric that decides and its value."""
    if not workspace.spec.has_model:
        with _timed(seconds, "read its rows"):
            return len(workspace.frames.read(head, names.ROWS)), NO_METRIC, None
    with _timed(seconds, "load the libraries and the model"):
        rule = _rule(workspace, head)
        model = _model(workspace, head, rule)
    with _timed(seconds, "score its holdout"):
        return _scored(workspace, model, head, rule if rule.is_rolling else None)


def _target(workspace: Workspace, to: int | None) -> tuple[int, str]:
    plan = plan_rollback(workspace.ports, "rehearsal", to)
    if plan is not None:
        return plan.record.to_number, plan.record.to_commit
    champion = read_main(workspace.lake).champion
    newest = next(promotions(workspace.lake, workspace.lake.head(names.MAIN)), None)
    if champion is None or newest is None:
        raise InputError("nothing has been promoted yet", where=workspace.spec.name)
    return champion.number, newest.id


def _scored(
    workspace: Workspace, model: Any, commit: str, rolling: HoldoutRule | None
) -> tuple[int, str, float]:
    spec = workspace.spec
    rows = _units(workspace, commit)
    found = predict(spec, model, rows, Contender.CHAMPION, rolling)
    metric = files.parse_policy(workspace.lake.read(commit, names.POLICY)).metric
    targets = spec.task.targets(rows[spec.target])
    losses = spec.task.costs(targets, found)[loss_of(metric)]
    return len(rows), metric, metric_of_mean(metric, float(losses.mean()))


@contextmanager
def _timed(seconds: dict[str, float], step: str) -> Iterator[None]:
    begun = time.monotonic()
    try:
        yield
    finally:
        seconds[step] = time.monotonic() - begun

"""Restore of old outputs, and replacement of a champion that cannot be scored, for a workspace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops.adapters import tables
from mlops.adapters.policy import files
from mlops.pipelines.holdout import NotEnoughData, overlap_key, split
from mlops.runs import names
from mlops.runs.errors import NotPromoted, ValidationFailed
from mlops.runs.main.state import champion_of, read_optional
from mlops.runs.promotion import replace_champion
from mlops.runs.promotion import restore as restoring
from mlops.runs.promotion.modes import check_promotes
from mlops.runs.upkeep.reconcile import reconcile, record_promotion
from mlops.steps import prepare
from mlops.steps import run as running
from mlops.steps.evaluation.judge import CommittedJudge
from mlops.steps.evaluation.overlap import overlap
from mlops.steps.production.environment import check_environment, check_made_by_this

if TYPE_CHECKING:
    from mlops.runs.promotion.promote import Promotion
    from mlops.runs.promotion.restore import Old
    from mlops.runs.records import Champion, Run
    from mlops.steps.workspace import Workspace


def restore(
    workspace: Workspace, number: int, reason: str, *, again: bool = False, take_over: bool = False
) -> Promotion:
    """Restore the outputs of promotion ``number`` through the gate (`mlops.runs.promotion.restore`).

    They are judged on the rows that the rule on `main` selects today, where neither model has seen them; else
    on the newest ones that neither has: those that the old promotion or the champion was judged by.

    Raises:
        InputError: There is no such promotion, or `main` holds its model.
        OnHold: Promotions are stopped.
        ValidationFailed: The old rows do not pass the suites of today.
    """
    ports, begun = workspace.ports, list[str]()
    check_promotes(ports)
    check_environment(workspace)
    reconcile(ports)

    def begin(run: Run) -> None:
        running.tracked(workspace, run, {"mlops.restores": str(number)})
        begun.append(run.run_id)

    try:
        ended = restoring.restore(
            ports,
            CommittedJudge(workspace),
            number,
            reason,
            lambda run: prepare.validate(workspace, run),
            holdout=lambda run, old: _rows_of_today(workspace, run, old),
            begin=begin,
            again=again,
            take_over=take_over,
            rounds=workspace.promote_rounds,
        )
    except (NotPromoted, ValidationFailed) as error:
        for run_id in begun:
            tracker_run = ports.tracker.find(run_id)
            if tracker_run is not None:
                ports.tracker.record(tracker_run, tags={"mlops.sentence": error.what})
                ports.tracker.finish(tracker_run, failed=True)
        raise
    record_promotion(ports, ended)
    reconcile(ports)
    return ended


def promote(
    workspace: Workspace, run_id: str, *, replace_unscorable: str = "", take_over: bool = False
) -> Promotion:
    """Promote a decided run; for a refused one, return the refusal.

    With ``replace_unscorable``, a reason, a run that was refused for nothing but a champion that cannot be
    scored is promoted if it beats the baseline.

    Raises:
        NotFound: No attempt of the run is left.
        InputError: It is to replace a champion, and was refused for another reason, or not at all.
        OnHold: Promotions are stopped.
    """
    ports = workspace.ports
    check_promotes(ports)
    check_environment(workspace)
    reconcile(ports)
    check_made_by_this(workspace, replace_champion.latest_decided(ports, run_id))
    if not replace_unscorable:
        latest = replace_champion.latest_decided(ports, run_id)
        return running.promote(workspace, replace_champion.own_attempt(ports, latest, take_over=take_over))
    ended = replace_champion.replace_unscorable(
        ports,
        CommittedJudge(workspace),
        run_id,
        replace_unscorable,
        take_over=take_over,
        rounds=workspace.promote_rounds,
    )
    record_promotion(ports, ended)
    reconcile(ports)
    return ended


def _rows_of_today(workspace: Workspace, run: Run, old: Old) -> bytes | None:
    """Return the holdout that the rule selects at the run's fork, or None where a model has seen it.

    Without a model there is no holdout.
    """
    if not workspace.spec.has_model:
        return None
    spec, lake, frames = workspace.spec, workspace.lake, workspace.frames
    rule = files.parse_holdout_rule(lake.read(run.fork, names.HOLDOUT_RULE))
    joined = spec.join({table: frames.deliveries(run.fork, table) for table in spec.tables})
    try:
        rows = split(joined.rows, rule, spec).holdout
    except NotEnoughData:
        return None
    trained: list[tuple[str, Champion]] = [(old.commit, old.champion)]
    champion = read_optional(lake, run.fork, names.CHAMPION)
    if champion is not None:
        trained.append((run.fork, champion_of(champion, run.fork)))
    if rule.is_timed:
        judge = CommittedJudge(workspace)
        seen = any(judge.is_seen(one, rule, rows) for one in trained)
    else:
        seen = (
            overlap(rows, [frames.read(at, names.TRAIN) for at, _ in trained], list(overlap_key(spec, rule)))
            > 0
        )
    return None if seen else tables.to_parquet(rows)

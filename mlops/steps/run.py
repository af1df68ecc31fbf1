"""The steps of a run, each of which brings it up to a named step.

Unfinished earlier steps are done first, finished ones stay as they are. So every step may be called again,
in another process too, and a finished run only returns its result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from mlops.runs import names
from mlops.runs.errors import NotFound, NotPromoted, ValidationFailed
from mlops.runs.main.state import read_main, since
from mlops.runs.promotion import attempts, opening
from mlops.runs.promotion import promote as promotion
from mlops.runs.promotion.decision import current, decide
from mlops.runs.promotion.promote import Promotion
from mlops.runs.records import Run, RunInputs, Step
from mlops.runs.upkeep.reconcile import reconcile, record_promotion
from mlops.steps import prepare
from mlops.steps import train as training
from mlops.steps.evaluation.judge import CommittedJudge
from mlops.steps.production.environment import check_environment
from mlops.steps.run_inputs import git_state, inputs_of

if TYPE_CHECKING:
    from mlops.runs.ports import Commit
    from mlops.steps.workspace import Workspace

Value = TypeVar("Value")


def open_(
    workspace: Workspace,
    params: Any,
    *,
    again: int = 0,
    take_over: bool = False,
    tags: Mapping[str, str] | None = None,
) -> Run:
    """Open a run on `main`'s head, or go on with the unfinished one that has the same inputs.

    What others left undone (a rollback under way, caches) is brought in line first.

    Args:
        workspace: The pipeline's workspace.
        params: Model parameters, as `PipelineSpec.parameters` returns them.
        again: Counts deliberate repetitions of the same inputs.
        take_over: Whether an attempt that seems alive is fenced all the same.
        tags: Further tags for the tracker.

    Raises:
        RunAlive: Another process is working on this run.
        ConfigError: The mode is production, and code or packages are not those that may run in it.
    """
    check_environment(workspace)
    reconcile(workspace.ports)
    run = opening.open_run(
        workspace.ports,
        lambda commit: inputs_of(workspace.spec, workspace.lake, commit, params),
        again=again,
        take_over=take_over,
    )
    return tracked(workspace, run, tags or {})


def reopen(workspace: Workspace, run_id: str, tags: Mapping[str, str] | None = None) -> Run:
    """Return the attempt of a known run that this process may go on with.

    This process's own attempt is returned as it is, and so is one that is over and whose branch is gone.
    Otherwise a new attempt goes on from the last finished step. If the code has changed since, or the run
    failed on record, its outputs would not follow from its inputs: then it is a new run, on `main`'s head,
    with the same parameters.

    Raises:
        NotFound: No attempt of the run is left.
        RunAlive: Another process is working on this run.
    """
    lake, ports = workspace.lake, workspace.ports
    state = read_main(lake)
    latest = attempts.latest_run(ports, state, run_id)
    if latest is None:
        raise NotFound("nothing is left of this run", where=run_id, todo="start a new run")
    if not _has_branch(workspace, latest) and attempts.is_over(lake, state, latest):
        return latest
    mine = latest.lease.owner == ports.processes.me() and latest.step is not Step.FAILED
    if mine and attempts.is_newest(ports, latest):
        lake.discard(latest.branch)
        return latest
    check_environment(workspace)
    known = latest
    params = workspace.spec.parameters(known.inputs.params)

    def inputs_at(head: str) -> RunInputs:
        if known.step is not Step.FAILED and since(lake, head, known.fork).reached:
            inputs = inputs_of(workspace.spec, lake, known.fork, params).in_mode(ports.mode)
            if inputs.digest == known.inputs.digest:
                return inputs
        return inputs_of(workspace.spec, lake, head, params)

    run = opening.open_run(ports, inputs_at, again=_again(run_id))
    return tracked(workspace, run, tags or {})


def ready(workspace: Workspace, run: Run, step: Step) -> Run:
    """Return the run with all that comes before a step; with the step itself where it need not be done.

    Args:
        workspace: The pipeline's workspace.
        run: The run.
        step: `Step.PROCESSED` or `Step.TRAINED`.
    """
    if step is Step.PROCESSED:
        return on_record(workspace, run, prepare.processed_already) or run
    return validate(workspace, run)


def computed(workspace: Workspace, run: Run, step: Step, compute: Callable[[], Value]) -> Value:
    """Return the value of a step of a run; where it cannot be made, branch and tracker record that."""

    def compute_on_record(workspace: Workspace, run: Run) -> Value:
        if step is Step.TRAINED:
            training.announce(workspace, run)
        with prepare.lack_of_data_on_record(workspace, run):
            return compute()

    return on_record(workspace, run, compute_on_record)


def kept(workspace: Workspace, run: Run, step: Step, value: Any) -> Run:
    """Return the run with the value of a step written to its branch, and the step finished."""
    keep = prepare.keep_rows if step is Step.PROCESSED else training.keep_model
    return on_record(workspace, run, lambda workspace, run: keep(workspace, run, value))


def process(workspace: Workspace, run: Run) -> Run:
    """Return the run with training and holdout rows written."""
    return on_record(workspace, run, prepare.process)


def validate(workspace: Workspace, run: Run) -> Run:
    """Return the run with its rows held against the suites of `main`."""
    return on_record(workspace, process(workspace, run), prepare.validate)


def train(workspace: Workspace, run: Run) -> Run:
    """Return the run with its model fitted, on rows that passed; without a model only with its rows."""
    if not workspace.spec.has_model:
        return validate(workspace, run)
    return training.train(workspace, validate(workspace, run))


def evaluate(workspace: Workspace, run: Run) -> Run:
    """Return the run with its verdict on record, whatever it says."""
    run = train(workspace, run)
    if run.reached(Step.DECIDED):
        return run
    return on_record(workspace, run, _decided)


def promote(workspace: Workspace, run: Run) -> Promotion:
    """Promote the run or record its refusal, and update tags and tracker.

    A run that was refused is not compared again, although `main` may have another champion by now: that
    would spend a look at the holdout that nobody asked for. A deliberate repetition does.

    Raises:
        NotPromoted: The run was rolled back.
        OnHold: Promotions are stopped.
    """
    run = evaluate(workspace, run)
    ended = _refused(workspace, run) or on_record(workspace, run, _promoted)
    record_promotion(workspace.ports, ended)
    reconcile(workspace.ports)
    return ended


def run_all(workspace: Workspace, params: Any, *, again: int = 0, take_over: bool = False) -> Promotion:
    """Execute a whole run in this process, without an orchestrator."""
    return promote(workspace, open_(workspace, params, again=again, take_over=take_over))


def record_of(workspace: Workspace, run: Run, step: Step) -> Commit:
    """Return the commit with which a step was finished; its metadata says what came of it.

    Raises:
        NotFound: The run has not finished that step.
    """
    found: Commit | None = None
    for commit in workspace.lake.log(run.head):
        if commit.id == run.fork:
            break
        if commit.metadata.get("step") == step:
            found = commit  # a later attempt's opening repeats the step: the oldest commit is the step's own
    if found is None:
        raise NotFound(f"the step {step} is not finished", where=run.branch)
    return found


def reloaded(workspace: Workspace, run: Run) -> Run:
    """Return the attempt as its branch has it now."""
    return attempts.proven_run(workspace.ports, run.branch) or run


def _has_branch(workspace: Workspace, run: Run) -> bool:
    """Return whether the attempt has a branch; a finished attempt may have lost it."""
    return not run.reached(Step.DECIDED) or run.branch in workspace.lake.branches(run.branch)


def tracked(workspace: Workspace, run: Run, tags: Mapping[str, str]) -> Run:
    """Return the run with an entry in the tracker that leads to its branch."""
    links, ref = workspace.links, run.branch if _has_branch(workspace, run) else run.head
    pages = {
        "mlops.url.compare": links.compare(names.MAIN, ref),
        "mlops.url.report": links.report(ref),
    }
    workspace.ports.tracker.begin(run, {**git_state(), **pages, **tags})
    return run


def _refused(workspace: Workspace, run: Run) -> Promotion | None:
    if not run.reached(Step.DECIDED):
        return None  # an earlier attempt's merge landed late: nothing was left to decide
    decided, state = current(workspace.ports, run), read_main(workspace.lake)
    if decided.decision.verdict.promotes or not attempts.is_over(workspace.lake, state, run):
        return None
    if attempts.promotion_of(workspace.lake, state, run) is not None:
        return None  # somebody overrode the refusal
    return Promotion(run, decided.decision, decided.evidence_commit)


def _decided(workspace: Workspace, run: Run) -> Run:
    return decide(workspace.ports, CommittedJudge(workspace), run).run


def _promoted(workspace: Workspace, run: Run) -> Promotion:
    judge, rounds = CommittedJudge(workspace), workspace.promote_rounds
    return promotion.promote(workspace.ports, judge, run, rounds=rounds)


def _again(run_id: str) -> int:
    parts = names.parse_run_id(run_id)
    return parts.again if parts else 0


def on_record(workspace: Workspace, run: Run, step: Callable[[Workspace, Run], Value]) -> Value:
    """Do a step; where it ends the run without a verdict, branch and tracker record that."""
    try:
        return step(workspace, run)
    except (NotPromoted, ValidationFailed) as error:
        tracker = workspace.ports.tracker
        tracker_run = tracker.find(run.run_id)
        if tracker_run is not None:
            tracker.record(tracker_run, tags={"mlops.sentence": error.what})
            tracker.finish(tracker_run, failed=True)
        raise

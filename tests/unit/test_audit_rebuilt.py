"""An audit that does it again: what was invented with every digest, verdict and signature in order is found.

Somebody who has the lake's key and the signing key does what the commands do, but for one thing.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mlops.adapters import tables
from mlops.runs import names
from mlops.runs.arrivals.ingest import Delivery, Validated, ingest
from mlops.runs.audit.audit import AuditFinding
from mlops.runs.evidence import Contender
from mlops.runs.ports import Evaluation
from mlops.runs.promotion.attempts import finish_step
from mlops.runs.promotion.decision import decide
from mlops.runs.promotion.promote import promote
from mlops.runs.records import Run, Step
from mlops.steps import prepare
from mlops.steps import run as running
from mlops.steps import train as training
from mlops.steps.audit.audit import Depth, audit_pipeline
from mlops.steps.evaluation.judge import CommittedJudge
from mlops.steps.evaluation.paired_losses import metrics, series
from mlops.steps.workspace import Workspace
from tests.orchestration.tiny import SPEC, tiny_workspace
from tests.support.auditing import MemoryWitness, texts

Judge = CommittedJudge


class _Seeing(MemoryWitness):
    """The tracker in memory, which also tells what it saw."""

    def __getattr__(self, name: str) -> object:
        return getattr(self.tracker, name)


@pytest.fixture
def workspace() -> Workspace:
    """A champion that is easily beaten."""
    made = tiny_workspace("2020-01", "2020-02", "2020-03")
    ports = dataclasses.replace(made.ports, tracker=_Seeing(made.ports.tracker))  # type: ignore[arg-type]
    made = Workspace(made.spec, made.lake, ports, made.links)
    running.run_all(made, SPEC.parameters({"shrinkage": 2000.0}))
    return made


def found(workspace: Workspace, tmp_path: Path, **asked: bool) -> list[AuditFinding]:
    steps = audit_pipeline(workspace, tmp_path, depth=Depth(**asked), from_start=True)
    return [f for step in steps for f in step.findings]


def opened(workspace: Workspace, **params: float) -> Run:
    return running.open_(workspace, SPEC.parameters(params))


def promoted(workspace: Workspace, run: Run, judge: Any = None, **options: str) -> str:
    """Decide and promote as the commands do; return the commit of `main`."""
    judge = judge or CommittedJudge(workspace)
    run = decide(workspace.ports, judge, run, **options).run
    ended = promote(workspace.ports, judge, run, **options)
    assert ended.merge_commit, ended.decision.verdict.sentence
    from mlops.runs.upkeep.reconcile import reconcile, record_promotion

    record_promotion(workspace.ports, ended)
    reconcile(workspace.ports)
    return ended.merge_commit


def rows(workspace: Workspace, run: Run, path: str) -> pd.DataFrame:
    return workspace.frames.read(run.head, path)


def _fitted_on_the_holdout(workspace: Workspace) -> str:
    """The training rows are the honest ones; the model was fitted on the rows that judge it."""
    run = running.validate(workspace, opened(workspace, shrinkage=100.0))
    honest, frames = workspace.frames.read, workspace.frames

    def read(ref: str, path: str) -> pd.DataFrame:
        return honest(ref, names.HOLDOUT if path == names.TRAIN else path)

    frames.read = read  # type: ignore[method-assign]
    try:
        run = training.train(workspace, run)
    finally:
        frames.read = honest  # type: ignore[method-assign]
    return promoted(workspace, run)


def _invented_rows(workspace: Workspace) -> str:
    """Ten training rows were never delivered."""
    run = running.process(workspace, opened(workspace))
    train = rows(workspace, run, names.TRAIN)
    invented = train.head(10)
    invented = invented.assign(day=invented["day"] - pd.Timedelta(days=365))
    workspace.frames.write(run.branch, names.TRAIN, pd.concat([invented, train], ignore_index=True))
    run = finish_step(workspace.ports, run, Step.PROCESSED, "Process again")
    return promoted(workspace, running.train(workspace, run))


def _never_validated(workspace: Workspace) -> str:
    """The step says that it is finished, and wrote nothing."""
    run = running.process(workspace, opened(workspace))
    run = finish_step(workspace.ports, run, Step.VALIDATED, "Validate: all is well")
    return promoted(workspace, training.train(workspace, run))


def _claimed_results(workspace: Workspace) -> str:
    """The results are of other rows, on which everything held."""
    run = running.process(workspace, opened(workspace))
    reports = [
        dataclasses.replace(report, rows=report.rows + 1) for report in prepare._judged(workspace, run)
    ]
    for path, content in prepare.report_files(reports).items():
        workspace.lake.write(run.branch, path, content)
    run = finish_step(workspace.ports, run, Step.VALIDATED, "Validate: all is well")
    return promoted(workspace, training.train(workspace, run))


_SAYS_NOTHING = Validated(True, "points 1 of 1", {f"{names.VALIDATION}README.md": b"all is well"})


def _unchecked_ingest(workspace: Workspace) -> str:
    """An arrival with missing values comes with a result that says nothing."""
    frame = dict(SPEC.source({}).extract("2020-04"))["points"].assign(x=float("nan"))
    delivery = Delivery("2020-04", {"points": tables.to_parquet(frame)}, "file:points.csv")
    return ingest(workspace.ports, delivery, lambda _s, _d: _SAYS_NOTHING).commit


class _Meddling(CommittedJudge):
    """A judge that changes what it found."""

    def __init__(self, workspace: Workspace, change: Callable[[Evaluation], Evaluation]) -> None:
        super().__init__(workspace)
        self.change = change

    def evaluate(self, *given: Any) -> Evaluation:
        return self.change(super().evaluate(*given))


def _champion_predicts(offset: float) -> Callable[[Evaluation], Evaluation]:
    def change(honest: Evaluation) -> Evaluation:
        frame = tables.read_parquet(honest.predictions)
        frame = frame.assign(**{Contender.CHAMPION: frame[Contender.CHAMPION] + offset})
        paired = dataclasses.replace(honest.paired, series=series(SPEC.task, frame, {}, list(Contender)))
        return dataclasses.replace(
            honest, paired=paired, predictions=tables.to_parquet(frame), metrics=metrics(paired)
        )

    return change


def _invented_champion(workspace: Workspace) -> str:
    """The champion is said to have predicted far worse than it does, so that its like can replace it."""
    judge = _Meddling(workspace, _champion_predicts(50.0))
    return promoted(workspace, running.train(workspace, opened(workspace, shrinkage=2100.0)), judge)


def _claimed_unscorable(workspace: Workspace) -> str:
    """The champion is said not to load, with a reason why it may be replaced."""

    class Claims(CommittedJudge):
        def evaluate(self, run: Run, candidate: str, champion: Any) -> Evaluation:
            honest = super().evaluate(run, candidate, None)
            return dataclasses.replace(honest, unscorable="its file is damaged")

    run = running.train(workspace, opened(workspace, shrinkage=2100.0))
    return promoted(workspace, run, Claims(workspace), replace_unscorable="its file is damaged")


#: What was invented, the option that finds it, the invariant and the finding.
INVENTED: dict[str, tuple[Callable[[Workspace], str], str, str, str]] = {
    "a model fitted on the holdout": (
        _fitted_on_the_holdout,
        "refit",
        "I3",
        "its model is not what training on its rows gives: 100 of 100 predictions differ, by up to",
    ),
    "invented training rows": (
        _invented_rows,
        "rebuild",
        "I3",
        "processed/train.parquet is not made from its raw data: 10 rows were added",
    ),
    "a step validated that never ran": (
        _never_validated,
        "rebuild",
        "I3",
        "the suite of processed_train never ran: there is no reports/validation/processed_train.json",
    ),
    "validation results of other rows": (
        _claimed_results,
        "rebuild",
        "I3",
        "the recorded result for processed_train differs from the result of its suite on these rows",
    ),
    "an ingest whose suite never ran": (
        _unchecked_ingest,
        "rebuild",
        "I3",
        "the suite of points never ran: there is no reports/validation/points.json",
    ),
    "predictions of the champion": (
        _invented_champion,
        "rescore",
        "I9",
        "100 of 100 predictions of the champion are not what its model predicts",
    ),
    "a champion that cannot be scored": (
        _claimed_unscorable,
        "rescore",
        "I9",
        "the champion, promotion 1, can be scored, but the evidence says otherwise",
    ),
}


@pytest.mark.parametrize("name", INVENTED)
def test_what_was_invented_is_found_by_doing_it_again(
    workspace: Workspace, tmp_path: Path, name: str
) -> None:
    invent, option, invariant, words = INVENTED[name]
    commit = invent(workspace)
    shallow = found(workspace, tmp_path)
    assert texts(shallow) == []
    deep = found(workspace, tmp_path, **{option: True})
    assert [(f.commit, f.invariant, f.proved) for f in deep if f.what.startswith(words)] == [
        (commit, invariant, True)
    ], texts(deep)


def test_what_the_commands_did_holds_when_it_is_done_again(workspace: Workspace, tmp_path: Path) -> None:
    running.run_all(workspace, SPEC.parameters({}))
    assert texts(found(workspace, tmp_path, rescore=True, rebuild=True, refit=True)) == []


@pytest.mark.parametrize("name", INVENTED)
def test_what_other_code_made_is_not_called_wrong(
    workspace: Workspace, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    invent, option, _, words = INVENTED[name]
    commit = invent(workspace)
    monkeypatch.setattr("mlops.steps.audit.rebuild.code_digest", lambda _spec: "other code")
    told = [f for f in found(workspace, tmp_path, **{option: True}) if f.commit == commit and not f.proved]
    if "never ran" in words:  # that a result is missing depends on no code
        assert any(f.what.startswith(words) for f in found(workspace, tmp_path, **{option: True}))
    else:
        assert any("other code or other libraries made them" in f.what for f in told)


def test_a_restored_promotion_holds_too(workspace: Workspace, tmp_path: Path) -> None:
    from mlops.runs.rollback.rollback import resume, rollback
    from mlops.steps.rollback.restore import restore

    running.run_all(workspace, SPEC.parameters({}))
    rollback(workspace.ports, "it was wrong", 1)
    resume(workspace.ports, "go on")
    assert restore(workspace, 2, "it was right").merge_commit
    assert texts(found(workspace, tmp_path, rescore=True, rebuild=True, refit=True)) == []


def test_how_deep_an_audit_went_is_kept(workspace: Workspace, tmp_path: Path) -> None:
    whole = Depth(rescore=True, rebuild=True, refit=True)
    first = len(list(audit_pipeline(workspace, tmp_path, depth=whole)))
    assert len(list(audit_pipeline(workspace, tmp_path, depth=Depth(rebuild=True)))) == 1
    state = tmp_path / "audit" / "tiny-line.json"
    kept = json.loads(state.read_bytes())
    assert (kept["rescored"], kept["rebuilt"], kept["refitted"]) == (True, True, True)
    state.write_text(json.dumps({**kept, "refitted": False}))
    assert len(list(audit_pipeline(workspace, tmp_path, depth=whole))) == first

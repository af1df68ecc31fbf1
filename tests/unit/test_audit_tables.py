"""The audit of a whole small pipeline: losses from predictions, holdout from raw data, scores from models."""

from __future__ import annotations

import copy
import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from mlops.adapters import tables
from mlops.runs import names
from mlops.runs.audit.audit import AuditFinding
from mlops.steps import run
from mlops.steps.audit.audit import Depth, audit_pipeline, failure
from mlops.steps.audit.proofs import FrameProver
from mlops.steps.workspace import Workspace
from tests.orchestration.tiny import arrive, tiny_workspace
from tests.support.auditing import MemoryWitness, texts
from tests.support.memory_lake import Entry


@pytest.fixture(scope="module")
def trained() -> Workspace:
    """Three promotions by a pipeline in memory, the last judged on the holdout of the one before it."""
    workspace = tiny_workspace("2020-01", "2020-02", "2020-03")
    run.run_all(workspace, workspace.spec.parameters({"shrinkage": 2000.0}))
    slow = run.train(workspace, run.open_(workspace, workspace.spec.parameters({"shrinkage": 0.0})))
    arrive(workspace, "2020-04")
    run.run_all(workspace, workspace.spec.parameters({"shrinkage": 500.0}))
    assert run.promote(workspace, slow).number == 3
    return workspace


@pytest.fixture
def workspace(trained: Workspace) -> Workspace:
    """The same with a lake of its own, which a test may spoil."""
    lake = copy.copy(trained.lake)
    for name, value in vars(lake).items():
        if isinstance(value, dict):
            setattr(lake, name, dict(value))
    ports = dataclasses.replace(trained.ports, lake=lake, tracker=_Seeing(trained.ports.tracker))
    return Workspace(trained.spec, lake, ports, trained.links)  # type: ignore[arg-type]


class _Seeing(MemoryWitness):
    """The tracker in memory, which also tells what it saw."""

    def __getattr__(self, name: str) -> object:
        return getattr(self.tracker, name)


def found(workspace: Workspace, tmp_path: Path, **asked: bool) -> list[AuditFinding]:
    return [f for step in audit_pipeline(workspace, tmp_path, depth=Depth(**asked)) for f in step.findings]


def test_what_the_pipeline_did_is_proved(workspace: Workspace, tmp_path: Path) -> None:
    assert texts(found(workspace, tmp_path, rescore=True, rebuild=True, refit=True)) == []


def test_an_audit_goes_on_where_the_last_one_ended(workspace: Workspace, tmp_path: Path) -> None:
    first = len(list(audit_pipeline(workspace, tmp_path)))
    assert len(list(audit_pipeline(workspace, tmp_path))) == 1
    assert len(list(audit_pipeline(workspace, tmp_path, from_start=True))) == first
    assert len(list(audit_pipeline(workspace, tmp_path, depth=Depth(rescore=True)))) == first
    state = tmp_path / "audit" / "tiny-line.json"
    assert json.loads(state.read_bytes())["rescored"] is True
    state.write_text("not JSON")
    assert len(list(audit_pipeline(workspace, tmp_path))) == first


def test_an_audit_that_is_broken_off_keeps_what_it_proved(workspace: Workspace, tmp_path: Path) -> None:
    steps = audit_pipeline(workspace, tmp_path)
    total = next(steps).total
    next(steps)
    steps.close()
    assert next(audit_pipeline(workspace, tmp_path)).total == total - 2


# --- what is in the store is not what was judged

Spoil = Callable[[pd.DataFrame], pd.DataFrame]


def spoil(workspace: Workspace, path: str, edit: Callable[[bytes], bytes]) -> str:
    """Change an object of the newest promotion in the store itself; return its commit."""
    lake = workspace.lake
    commit = lake.tags()["promotion-000003"]
    tree = lake._trees[commit]  # type: ignore[attr-defined]
    spoiled = {**tree, path: Entry(edit(tree[path].data), tree[path].metadata)}
    lake._trees[commit] = spoiled  # type: ignore[attr-defined]
    return commit


def frame(edit: Spoil) -> Callable[[bytes], bytes]:
    return lambda data: tables.to_parquet(edit(tables.read_parquet(data)))


def _better(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(candidate=rows["target"])


def _fewer(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.iloc[:-1]


def _easier(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(y=0.0)


def _other_targets(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(target=0.0)


def _other_clusters(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(cluster="one")


def _other_baseline(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(baseline=1e6)


def _no_champion(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(champion=float("nan"))


def _other_keys(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(n=rows["n"] + 1)


SPOILED: dict[str, tuple[str, Spoil, str]] = {
    "better predictions": (names.PREDICTIONS, _better, "does not follow from the predictions"),
    "predictions left out": (names.PREDICTIONS, _fewer, "predictions for"),
    "other targets": (names.PREDICTIONS, _other_targets, "other targets"),
    "other clusters": (names.PREDICTIONS, _other_clusters, "other clusters"),
    "another baseline": (names.PREDICTIONS, _other_baseline, "baseline"),
    "no champion": (names.PREDICTIONS, _no_champion, "whether a champion was scored"),
    "other rows": (names.PREDICTIONS, _other_keys, "of other rows"),
    "an easier holdout": (names.HOLDOUT, _easier, "another holdout than the evidence names"),
}


@pytest.mark.parametrize("name", SPOILED)
def test_evidence_that_does_not_follow_is_found(workspace: Workspace, tmp_path: Path, name: str) -> None:
    path, edit, words = SPOILED[name]
    commit = spoil(workspace, path, frame(edit))
    seen = found(workspace, tmp_path)
    assert any(f.commit == commit and words in f.what and f.proved for f in seen), texts(seen)
    assert failure(seen) is not None


def test_raw_data_that_was_changed_under_a_run_is_found(workspace: Workspace, tmp_path: Path) -> None:
    lake = workspace.lake
    commit = lake.tags()["promotion-000001"]
    fork = json.loads(lake.read(commit, names.CHAMPION))["raw_commit"]
    tree = lake._trees[fork]  # type: ignore[attr-defined]
    path = names.raw_path("points", "2020-03")
    changed = frame(lambda rows: rows.assign(y=0.0))(tree[path].data)
    lake._trees[fork] = {**tree, path: Entry(changed)}  # type: ignore[attr-defined]
    whats = [f.what for f in found(workspace, tmp_path) if f.commit == commit]
    assert any("other raw data" in what for what in whats), whats
    assert any("not what the rule selects" in what for what in whats), whats


def test_a_rule_of_other_code_cannot_be_proved(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlops.steps.audit.rebuild.code_digest", lambda _spec: "other code")
    monkeypatch.setattr("mlops.steps.audit.proofs.row_digest", lambda *_: "0" * 64)
    seen = [f for f in found(workspace, tmp_path) if f.invariant == "I8"]
    assert seen
    assert all(not f.proved and "other code" in f.what for f in seen)


def test_a_model_that_predicts_otherwise_is_found_by_scoring_again(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlops.steps.evaluation import judge

    honest = judge.score
    monkeypatch.setattr(
        judge, "score", lambda spec, holdout, **models: honest(spec, holdout.assign(x=0.0), **models)
    )
    seen = found(workspace, tmp_path, rescore=True)
    assert {f.invariant for f in seen} == {"I9"}
    assert any("does not follow" in f.what for f in seen), texts(seen)


def test_the_holdout_is_selected_once_for_the_same_raw_data(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    honest = FrameProver._select

    def counted(self: FrameProver, commit: str, raw: str) -> object:
        asked.append(raw)
        return honest(self, commit, raw)

    joins: list[int] = []
    join = workspace.spec.join
    spec = workspace.spec.__class__(**{**vars(workspace.spec), "join": lambda d: joins.append(1) or join(d)})
    monkeypatch.setattr(FrameProver, "_select", counted)
    counting = Workspace(spec, workspace.lake, workspace.ports, workspace.links)
    assert texts(found(counting, tmp_path)) == []
    assert (len(asked), len(joins)) == (3, 2)

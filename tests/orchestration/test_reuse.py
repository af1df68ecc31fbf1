"""A step that a run on record did on the same inputs is not done again; what is in doubt is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mlops.runs import names
from mlops.runs.promotion.step_statements import chain_of
from mlops.runs.records import Run, Step
from mlops.steps import prepare
from mlops.steps import run as running
from mlops.steps.audit.audit import Depth, audit_pipeline
from mlops.steps.reuse import REUSED_KEY
from mlops.steps.workspace import Workspace
from tests.orchestration.test_deciding_again import decided
from tests.orchestration.tiny import SPEC, arrive
from tests.support.auditing import texts
from tests.support.keys import signer_and_trust

PROCESSED = (names.TRAIN, names.HOLDOUT)


@pytest.fixture
def joins(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """One entry for every time that rows were made, and for every time that they were validated."""
    found: list[str] = []
    for name in ("processed_frames", "_judged"):
        monkeypatch.setattr(prepare, name, _counted(name, getattr(prepare, name), found))
    return found


def _counted(name: str, does: Callable[..., object], found: list[str]) -> Callable[..., object]:
    def counted(*args: object) -> object:
        found.append(name)
        return does(*args)

    return counted


def digests(workspace: Workspace, commit: str) -> dict[str, str]:
    paths = [*PROCESSED, *(stat.path for stat in workspace.lake.list(commit, names.VALIDATION))]
    return {path: workspace.lake.sha256(commit, path) for path in paths}


def test_another_parameter_of_the_model_joins_and_validates_nothing_again(
    workspace: Workspace, joins: list[str]
) -> None:
    first = decided(workspace, 300.0)
    second = decided(workspace, 200.0)

    assert joins == ["processed_frames", "_judged"]
    assert digests(workspace, second.head) == digests(workspace, first.head)
    reused = [
        c.metadata.get(REUSED_KEY) for c, _ in chain_of(workspace.lake, _commit(workspace, second), None)
    ]
    assert [bool(commit) for commit in reused] == [False, True, True, False, False]


def test_a_promotion_of_rows_that_were_not_made_again_audits_clean(
    workspace: Workspace, tmp_path: Path
) -> None:
    running.run_all(workspace, SPEC.parameters({"shrinkage": 2000.0}))
    ended = running.run_all(workspace, SPEC.parameters({"shrinkage": 0.0}))
    assert ended.number == 2

    steps = audit_pipeline(workspace, tmp_path, depth=Depth(rescore=True, rebuild=True), from_start=True)

    unseen = "I15  links with the tracker were not checked (not proved)"
    assert texts([finding for step in steps for finding in step.findings]) == [unseen]


def test_a_run_of_the_rows_of_a_third_one_is_taken_as_well(workspace: Workspace, joins: list[str]) -> None:
    for shrinkage in (300.0, 200.0, 100.0):
        run = decided(workspace, shrinkage)

    messages = [c.message for c, _ in chain_of(workspace.lake, _commit(workspace, run), None)]
    assert joins == ["processed_frames", "_judged"]
    assert messages[1].count(", as run") == 1


def test_it_is_done_again_where_that_is_asked_for(workspace: Workspace, joins: list[str]) -> None:
    first = decided(workspace, 300.0)
    second = decided(replace(workspace, reuse_steps=False), 200.0)

    assert joins == ["processed_frames", "_judged"] * 2
    assert digests(workspace, second.head) == digests(workspace, first.head)


def test_other_data_are_joined(workspace: Workspace, joins: list[str]) -> None:
    decided(workspace, 300.0)
    arrive(workspace, "2020-04")
    decided(workspace, 200.0)

    assert joins == ["processed_frames", "_judged"] * 2


def test_other_code_joins_again(
    workspace: Workspace, joins: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    decided(workspace, 300.0)
    monkeypatch.setattr("mlops.steps.run_inputs.code_digest", lambda *_: "0" * 64)
    decided(workspace, 200.0)

    assert joins == ["processed_frames", "_judged"] * 2


def test_rows_that_are_not_those_of_the_statement_are_made_again(
    workspace: Workspace, joins: list[str]
) -> None:
    first = decided(workspace, 300.0)
    lake: object = workspace.lake
    tampered = {**lake._trees[first.head]}  # type: ignore[attr-defined]
    tampered[names.TRAIN] = tampered[names.HOLDOUT]
    for commit, _ in chain_of(workspace.lake, _commit(workspace, first), None)[1:]:
        lake._trees[commit.id][names.TRAIN] = tampered[names.TRAIN]  # type: ignore[attr-defined]

    second = decided(workspace, 200.0)

    assert joins[:3] == ["processed_frames", "_judged", "processed_frames"]
    train = workspace.lake.sha256(second.head, names.TRAIN)
    assert train != workspace.lake.sha256(second.head, names.HOLDOUT)


def test_a_run_whose_statements_nobody_trusts_is_not_taken(workspace: Workspace, joins: list[str]) -> None:
    decided(workspace, 300.0)
    signer, trust = signer_and_trust(9)
    ports = replace(workspace.ports, signer=signer, trust=trust, proved={})
    stranger = Workspace(workspace.spec, workspace.lake, ports, workspace.links)
    run = running.open_(stranger, SPEC.parameters({"shrinkage": 200.0}))
    prepare.process(stranger, run)

    assert joins == ["processed_frames", "_judged", "processed_frames"]


def _commit(workspace: Workspace, run: Run) -> object:
    assert run.reached(Step.DECIDED)
    return workspace.lake.commit_of(run.head)

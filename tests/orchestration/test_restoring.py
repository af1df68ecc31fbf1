"""Old outputs brought back with real models, rows and suites; a champion that cannot be scored replaced."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from mlops.adapters.models import saved_files
from mlops.runs import names
from mlops.runs.errors import InputError, ValidationFailed
from mlops.runs.main.policy import apply_policy
from mlops.runs.main.state import read_main
from mlops.runs.records import ObjectRecord
from mlops.runs.rollback.rollback import resume, rollback
from mlops.steps import run
from mlops.steps.rollback import restore
from mlops.steps.workspace import Workspace
from tests.orchestration.tiny import SPEC, SUITE, arrive, tiny_workspace

WORSE, BETTER = SPEC.parameters({"shrinkage": 300.0}), SPEC.parameters({})


@pytest.fixture(scope="module")
def prototype() -> Workspace:
    return rolled_back()


@pytest.fixture
def workspace(prototype: Workspace) -> Workspace:
    return copy.deepcopy(prototype)


def rolled_back(**options: bytes) -> Workspace:
    """Two promotions on three months, of which the second and the third month were rolled back."""
    workspace = tiny_workspace("2020-01", "2020-02", **options)
    run.run_all(workspace, WORSE)
    arrive(workspace, "2020-03")
    assert run.run_all(workspace, BETTER).number == 2
    rollback(workspace.ports, "it was wrong", 1)
    resume(workspace.ports, "go on")
    return workspace


def months(workspace: Workspace, ref: str) -> set[int]:
    return set(workspace.frames.read(ref, names.HOLDOUT)["day"].dt.month)


class TestRestore:
    def test_rows_that_both_models_have_not_seen_judge(self, workspace: Workspace) -> None:
        ended = restore.restore(workspace, 2, "it was right")
        assert ended.number == 4
        assert months(workspace, "main") == {3}
        assert ended.decision.verdict.findings[0].reason == "beats_champion"
        assert {s.path for s in workspace.lake.list("main", names.RAW)} == {
            "raw/points/2020-01.parquet",
            "raw/points/2020-02.parquet",
        }

    def test_rows_of_today_judge_where_there_are_newer_ones(self, workspace: Workspace) -> None:
        arrive(workspace, "2020-04")
        ended = restore.restore(workspace, 2, "it was right")
        assert ended.number == 4
        assert months(workspace, "main") == {4}

    def test_rows_of_today_judge_by_key_too(self) -> None:
        workspace = rolled_back(rule=b"kind: hash\nfraction: 0.3\n")
        arrive(workspace, "2020-04")
        ended = restore.restore(workspace, 2, "it was right")
        assert 4 in months(workspace, ended.evidence_commit)
        assert "holdout_leaked" not in {str(f.reason) for f in ended.decision.verdict.findings}

    def test_the_tracker_knows_what_it_restores(self, workspace: Workspace) -> None:
        ended = restore.restore(workspace, 2, "it was right")
        recorded = workspace.ports.tracker.runs[ended.run.run_id]  # type: ignore[attr-defined]
        assert recorded["mlops.restores"] == "2"
        assert recorded["mlops.number"] == "4"

    def test_rows_that_do_not_pass_the_suites_of_today_stop_it(self, workspace: Workspace) -> None:
        strict = {
            **SUITE,
            "expectations": [{**SUITE["expectations"][1], "kwargs": {"column": "x", "max_value": 1}}],
        }
        apply_policy(
            workspace.ports, {names.suite_path("processed"): json.dumps(strict).encode()}, "stricter"
        )
        with pytest.raises(ValidationFailed):
            restore.restore(workspace, 2, "it was right")
        runs = workspace.ports.tracker.runs  # type: ignore[attr-defined]
        assert [r["status"] for name, r in runs.items() if name.endswith("r1")] == ["failed"]


class TestReplaceUnscorable:
    def test_whoever_beats_the_baseline_replaces_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        workspace = tiny_workspace("2020-01", "2020-02")
        run.run_all(workspace, WORSE)
        lose_champion(workspace, monkeypatch)
        refused = run.run_all(workspace, BETTER)
        assert refused.number == 0
        ended = restore.promote(workspace, refused.run.run_id, replace_unscorable="lost with a disk")
        assert ended.number == 2
        assert workspace.lake.commit_of("main").metadata["replace_unscorable"] == "lost with a disk"

    def test_only_a_run_that_was_refused_for_that(self) -> None:
        workspace = tiny_workspace("2020-01", "2020-02")
        run.run_all(workspace, BETTER)
        refused = run.run_all(workspace, WORSE)
        with pytest.raises(InputError, match="another"):
            restore.promote(workspace, refused.run.run_id, replace_unscorable="why not")


def lose_champion(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the champion's model be unreadable from now on."""
    load, champion = saved_files.load, read_main(workspace.lake).champion
    assert champion is not None
    lost = {o.sha256 for o in champion.objects if o.path.endswith(".skops")}

    def unreadable(folder: Path, records: Sequence[ObjectRecord], trusted: Sequence[str]) -> object:
        if lost & {record.sha256 for record in records}:
            raise InputError("cannot be opened as skops")
        return load(folder, records, trusted)

    monkeypatch.setattr(saved_files, "load", unreadable)

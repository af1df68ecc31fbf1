"""The songs pipeline through the protocol in memory: measures on record, tracked, and proved again."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pandas as pd

from mlops.pipelines import pipeline
from mlops.runs import names
from mlops.runs.main.state import read_json
from mlops.steps import run as running
from mlops.steps.arrivals import ingest
from mlops.steps.audit.audit import Depth, audit_pipeline
from mlops.steps.compare_commits import object_differences
from mlops.steps.workspace import Workspace
from tests.orchestration.test_classification import _Seeing
from tests.orchestration.tiny import memory_workspace
from tests.pipelines.conftest import EXPECTATIONS
from tests.support.auditing import texts
from tests.support.protocol import GATE_FILES

SPEC = pipeline("songs")
FOLDER = EXPECTATIONS / "songs"


def songs_workspace(*arrivals: str) -> Workspace:
    files = {
        names.POLICY: (FOLDER / "policy.yaml").read_bytes().replace(b"signatures: required\n", b""),
        names.HOLDOUT_RULE: (FOLDER / "holdout.yaml").read_bytes(),
        **{names.suite_path(path.stem): path.read_bytes() for path in FOLDER.glob("*.json")},
        names.ENFORCER: GATE_FILES[names.ENFORCER],
    }
    made = memory_workspace(SPEC, files, *arrivals)
    ports = dataclasses.replace(made.ports, tracker=_Seeing(made.ports.tracker))  # type: ignore[arg-type]
    return Workspace(made.spec, made.lake, ports, made.links)


def _found(workspace: Workspace, folder: Path, **depth: bool) -> list[str]:
    steps = audit_pipeline(workspace, folder, depth=Depth(**depth), from_start=True)
    return texts([finding for step in steps for finding in step.findings])


def test_measures_of_styles_are_recorded_with_the_decision_and_tracked_per_genre(tmp_path: Path) -> None:
    workspace = songs_workspace("part-1")
    ended = running.run_all(workspace, SPEC.parameters({}))
    assert ended.number == 1, ended.decision.verdict.sentence
    recorded: dict[str, Any] = read_json(workspace.lake, names.MAIN, names.METRICS)
    assert {name for name in recorded if "/" in name} == {
        f"{measure}/{genre}"
        for measure in ("silhouette", "davies_bouldin")
        for genre in ("edm", "latin", "pop", "rap", "rnb", "rock")
    }
    assert all(-1 <= recorded[name] <= 1 for name in recorded if name.startswith("silhouette/"))
    tracked = workspace.ports.tracker.runs[ended.run.run_id]  # type: ignore[attr-defined]
    assert {name: tracked[name] for name in recorded} == recorded
    assert _found(workspace, tmp_path, rescore=True, rebuild=True, refit=True) == []


def test_an_audit_finds_a_measure_that_does_not_follow_from_the_rows(tmp_path: Path) -> None:
    workspace = songs_workspace("part-1")
    generous = dataclasses.replace(SPEC, measures=lambda _train, _params: {"silhouette/pop": 0.99})
    other = Workspace(generous, workspace.lake, workspace.ports, workspace.links)
    assert running.run_all(other, SPEC.parameters({})).number == 1
    assert _found(other, tmp_path / "same") == []
    found = _found(workspace, tmp_path / "honest")
    assert len(found) == 1
    assert "measures of its training rows do not follow from them" in found[0]
    silent = dataclasses.replace(workspace, spec=dataclasses.replace(SPEC, measures=None))
    found = _found(silent, tmp_path / "silent")
    assert any("the metrics do not follow from the paired losses" in text for text in found), found


def test_a_changed_raw_table_with_repeated_keys_is_named_beside_the_other_differences() -> None:
    workspace = songs_workspace("part-1")
    before = workspace.lake.head(names.MAIN)
    frame = SPEC.source({}).extract("part-2")["tracks"]
    for rows in (frame, pd.concat([frame, frame.head(3)], ignore_index=True)):
        ingest.deliver(workspace, "part-2", "a file", {"tracks": rows})
    twice = workspace.lake.head(names.MAIN)
    added = object_differences(workspace, before, twice)
    assert [each.rows for each in added if each.change.path.endswith(".parquet")] == [len(frame) + 3]
    once = next(commit.id for commit in workspace.lake.log(twice) if commit.id != twice)
    (changed,) = [
        each for each in object_differences(workspace, once, twice) if each.change.path.endswith(".parquet")
    ]
    assert changed.comparison is None
    assert changed.not_compared == "the new table holds 3 keys twice"

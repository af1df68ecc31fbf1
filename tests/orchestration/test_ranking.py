"""A recommender through the whole protocol: units are playlists, predictions lists of songs."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from mlops.runs import names
from mlops.runs.evidence import Paired
from mlops.runs.main.state import read_json
from mlops.steps import run as running
from mlops.steps.audit.audit import Depth, audit_pipeline
from mlops.steps.rollback import rehearse, roll_back
from mlops.steps.workspace import Workspace
from tests.orchestration.playlists import SPEC, playlist_workspace
from tests.orchestration.test_classification import _Seeing
from tests.support.auditing import texts


def test_a_better_recommender_is_promoted_audited_and_rolled_back(tmp_path: Path) -> None:
    made = playlist_workspace("part-1", "part-2")
    ports = dataclasses.replace(made.ports, tracker=_Seeing(made.ports.tracker))  # type: ignore[arg-type]
    workspace = Workspace(made.spec, made.lake, ports, made.links)
    refused = running.run_all(workspace, SPEC.parameters({}))
    assert not refused.number, "the most popular songs are the baseline: a tie is not enough"
    first = running.run_all(workspace, SPEC.parameters({"by_taste": True}))
    assert first.number == 1, first.decision.verdict.sentence
    paired = Paired.from_json(read_json(workspace.lake, names.MAIN, names.PAIRED))
    predictions = workspace.frames.read(names.MAIN, names.PREDICTIONS)
    assert list(predictions.columns) == ["playlist", "cluster", "target", "candidate", "champion", "baseline"]
    assert paired.rows == len(predictions) == predictions["playlist"].nunique()
    assert all(len(json.loads(text)) <= 5 for text in predictions["candidate"])
    assert running.run_all(workspace, SPEC.parameters({})).number == 0

    depth = Depth(rescore=True, rebuild=True, refit=True)
    steps = audit_pipeline(workspace, tmp_path, depth=depth, from_start=True)
    assert texts([finding for step in steps for finding in step.findings]) == []
    assert rehearse.rehearse(workspace).metric == "one_minus_ndcg_at_5"
    assert roll_back.roll_back(workspace.ports, "no way back") is None

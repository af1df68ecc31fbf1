"""A run whose champion moved is decided on again: from predictions on record, or by scoring other rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mlops.adapters import tables
from mlops.adapters.models import saved_files
from mlops.runs import names
from mlops.runs.records import Run
from mlops.steps import run as running
from mlops.steps.evaluation.cached_predictions import recorded_predictions
from mlops.steps.evaluation.score import RecordedPredictions
from mlops.steps.workspace import Workspace
from tests.orchestration.conftest import Loads
from tests.orchestration.tiny import SPEC, arrive


def decided(workspace: Workspace, shrinkage: float) -> Run:
    return running.evaluate(workspace, running.open_(workspace, SPEC.parameters({"shrinkage": shrinkage})))


def never(*_args: object) -> None:
    raise AssertionError("trained again")


def predictions(workspace: Workspace, commit: str) -> Any:
    return tables.read_parquet(workspace.lake.read(commit, names.PREDICTIONS))


def test_on_the_same_rows_nothing_is_loaded_or_trained(
    workspace: Workspace, loads: Loads, monkeypatch: pytest.MonkeyPatch
) -> None:
    winner, loser = decided(workspace, 300.0), decided(workspace, 0.0)
    first = running.promote(workspace, winner)
    loads.clear()
    monkeypatch.setattr(saved_files, "save", never)
    again = running.promote(workspace, loser)
    assert (again.number, again.decided_again, loads) == (2, 1, [])
    assert again.decision.compared_to.number == first.number
    table = predictions(workspace, again.evidence_commit)
    assert np.array_equal(table["candidate"], predictions(workspace, loser.head)["candidate"])
    assert np.array_equal(table["champion"], predictions(workspace, first.merge_commit)["candidate"])


def test_on_other_rows_both_are_scored_on_those_of_the_champion(workspace: Workspace, loads: Loads) -> None:
    loser = decided(workspace, 300.0)
    arrive(workspace, "2020-04")
    first = running.run_all(workspace, SPEC.parameters({"shrinkage": 200.0}))
    loads.clear()
    again = running.promote(workspace, loser)
    assert again.decided_again == 1
    assert len(loads) == 2
    assert (
        predictions(workspace, again.evidence_commit)["day"].min()
        == predictions(workspace, first.merge_commit)["day"].min()
    )


def test_what_does_not_belong_together_is_not_taken(workspace: Workspace) -> None:
    run = decided(workspace, 0.0)
    holdout = workspace.frames.read(run.head, names.HOLDOUT)
    model = {path: digest for path, digest in run.outputs.items() if path.startswith(names.MODEL)}

    def taken(
        evidence: str = run.head, run_id: str = run.run_id, rows: Any = holdout, objects: Any = model
    ) -> RecordedPredictions | None:
        return recorded_predictions(workspace.ports, SPEC, evidence, run_id, rows, objects)

    whole = taken()
    assert whole is not None
    assert len(whole.of(holdout)) == len(holdout)
    assert taken(run_id="another") is None
    assert taken(evidence=run.fork) is None
    assert taken(rows=holdout.iloc[1:]) is None
    assert taken(rows=holdout.iloc[::-1]) is None
    assert taken(objects=dict.fromkeys(model, "0" * 64)) is None
    assert taken(objects={}) is None
    changed = predictions(workspace, run.head).assign(candidate=0.0)
    workspace.frames.write(run.branch, names.PREDICTIONS, changed)
    forged = workspace.lake.commit(run.branch, "better", workspace.lake.commit_of(run.head).metadata)
    assert taken(evidence=forged) is None

"""What the tracker has seen of main, all at once, for an audit."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops.adapters.tracking.tracker import MLflowTracker
from mlops.runs.audit.audit import Witness
from mlops.runs.upkeep.reconcile import model_uri
from tests.adapters.test_tracking import a_run

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning")

COMMITS = [f"{i:064x}" for i in range(3)]


@pytest.fixture(scope="module")
def tracker(tmp_path_factory: pytest.TempPathFactory) -> MLflowTracker:
    folder: Path = tmp_path_factory.mktemp("mlflow")
    return MLflowTracker(f"sqlite:///{folder.as_posix()}/mlflow.db", "flights")


def test_nothing_was_seen_yet(tracker: MLflowTracker) -> None:
    assert isinstance(tracker, Witness)
    assert tracker.seen_runs() == {}
    assert tracker.seen_versions("flights") == []


def test_every_run_and_every_version_is_seen(tracker: MLflowTracker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlops.adapters.tracking.tracker._PAGE", 2)
    for number, commit in enumerate(COMMITS, 1):
        begun = tracker.begin(a_run(f"{number:012x}"), {"mlops.merge_commit": commit})
        tracker.register("flights", model_uri("flights", commit), begun, {"mlops.number": str(number)})
    runs = tracker.seen_runs()
    assert {run: tags["mlops.merge_commit"] for run, tags in runs.items()} == {
        f"{number:012x}": commit for number, commit in enumerate(COMMITS, 1)
    }
    assert [(v.version, v.uri, v.tags["mlops.number"]) for v in tracker.seen_versions("flights")] == [
        (str(number), model_uri("flights", commit), str(number)) for number, commit in enumerate(COMMITS, 1)
    ]

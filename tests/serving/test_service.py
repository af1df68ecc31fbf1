"""The champion of `main` is served, exchanged, and kept when there is trouble."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from mlops.pipelines import pipeline
from mlops.runs import names
from mlops.runs.errors import ConfigError, Corrupt, NotFound
from mlops.runs.promotion.promoted import current, unverified
from mlops.serving.package import check_servable, last_served
from mlops.serving.service import Service
from mlops.steps import run as running
from mlops.steps.champion import model_at
from mlops.steps.rollback import roll_back
from tests.orchestration.genres import SPEC
from tests.orchestration.test_rolling_origin import RULE as ROLLING
from tests.orchestration.tiny import SPEC as TINY
from tests.orchestration.tiny import tiny_workspace
from tests.serving.conftest import Scene

ROWS = {"loudness": [-1.0, 2.0, 5.0]}


def predicted(service: Service) -> list[str]:
    served = service.served
    return served.predict(served.schema.checked(ROWS))


def test_a_promotion_and_a_rollback_are_followed(scene: Scene) -> None:
    service = scene.service()
    first = service.start()
    assert first.number == 1
    scene.promote(1.0)
    assert service.served is first
    assert service.refresh()
    assert (service.served.number, predicted(service)) == (2, ["edm", "pop", "rock"])
    assert roll_back.roll_back(scene.workspace.ports, "too loud") is not None
    assert service.refresh()
    assert (service.served.number, service.served.commit) == (1, first.commit)


def test_a_request_under_way_is_answered_by_the_model_that_took_it(scene: Scene) -> None:
    service = scene.service()
    old = service.start()
    before = old.predict(old.schema.checked(ROWS))
    scene.promote(1.0)
    service.refresh()
    assert old.predict(old.schema.checked(ROWS)) == before


def test_predictions_are_those_of_the_model_on_main(scene: Scene) -> None:
    scene.promote(1.0)
    service = scene.service()
    service.start()
    rows = scene.workspace.frames.read(names.MAIN, names.HOLDOUT)[list(SPEC.model_input)]
    wanted = scene.workspace.frames.read(names.MAIN, names.PREDICTIONS)
    best = wanted[[f"candidate:{label}" for label in SPEC.task.columns]].idxmax(axis=1)
    found = service.served.predict(service.served.schema.checked({c: list(rows[c]) for c in rows}))
    assert found == [label.removeprefix("candidate:") for label in best]


def test_without_the_lake_the_old_model_serves_and_the_alarm_says_so(scene: Scene) -> None:
    service = scene.service()
    service.start()
    scene.down = True
    assert not service.refresh()
    assert not service.refresh()
    assert service.alarm is not None
    assert "no answer" in service.alarm.what
    assert service.served.number == 1
    scene.down = False
    assert service.refresh()
    assert service.alarm is None
    # Trouble is reported once, and its end.
    assert [("no answer" in line, "again" in line) for line in scene.told[1:]] == [
        (True, False),
        (False, True),
    ]


def test_a_restart_without_the_lake_serves_the_last_verified_copy(scene: Scene) -> None:
    scene.service().start()
    scene.down = True
    restarted = scene.service()
    assert restarted.start().number == 1
    assert restarted.alarm is not None
    scene.down = False
    scene.promote(1.0)
    restarted.refresh()
    assert restarted.served.number == 2


def test_a_copy_with_another_byte_is_not_served(scene: Scene) -> None:
    scene.service().start()
    kept = last_served(scene.root, SPEC.name)
    file = kept.folder / "model" / "model.skops"
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    scene.down = True
    with pytest.raises(NotFound, match="no champion can be served"):
        scene.service().start()


def test_a_damaged_copy_is_fetched_again(scene: Scene) -> None:
    scene.service().start()
    kept = last_served(scene.root, SPEC.name)
    (kept.folder / "package.json").write_text("{", encoding="utf-8")
    assert scene.service().start().number == 1
    (kept.folder / "model" / "model.skops").unlink()
    assert scene.service().start().number == 1


@pytest.mark.parametrize("commit", ["../../etc", "/etc", 1, None])
def test_a_noted_commit_that_leads_elsewhere_is_not_followed(scene: Scene, commit: object) -> None:
    scene.service().start()
    (scene.root / SPEC.name / "current.json").write_text(json.dumps({"commit": commit}), encoding="utf-8")
    scene.down = True
    with pytest.raises(NotFound, match="no champion can be served"):
        scene.service().start()


def test_a_model_that_does_not_load_leaves_the_old_one_serving(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = scene.service()
    service.start()
    scene.promote(1.0)

    def damaged(*_: object) -> None:
        raise Corrupt("is not the file that was recorded", where="model.skops")

    with monkeypatch.context() as patch:
        patch.setattr("mlops.adapters.models.saved_files.load", damaged)
        assert not service.refresh()
    assert service.served.number == 1
    assert service.alarm is not None
    assert "model.skops" in service.alarm.what
    assert service.refresh()
    assert service.served.number == 2


def test_a_model_that_does_not_answer_leaves_the_old_one_serving(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sklearn.linear_model import LogisticRegression

    service = scene.service()
    service.start()
    scene.promote(1.0)
    with monkeypatch.context() as patch:
        patch.setattr(LogisticRegression, "predict", lambda *_: [1])
        assert not service.refresh()
    assert (service.served.number, service.alarm is not None) == (1, True)


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), ValueError("odd"), MemoryError()])
def test_trouble_that_nobody_thought_of_does_not_end_the_watching(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fails(*_: object) -> None:
        raise error

    service = scene.service()
    service.start()
    scene.promote(1.0)
    with monkeypatch.context() as patch:
        patch.setattr("mlops.serving.service.fetch", fails)
        assert not service.refresh()
    assert service.alarm is not None
    assert type(error).__name__ in service.alarm.what
    assert service.served.number == 1
    assert service.refresh()
    assert service.served.number == 2


def test_of_a_rolling_origin_the_promoted_model_is_served(tmp_path: Path) -> None:
    workspace = tiny_workspace("2020-01", "2020-02", "2020-03", "2020-04", "2020-05", rule=ROLLING)
    assert running.run_all(workspace, TINY.parameters({"shrinkage": 300.0})).number == 1
    assert workspace.lake.list(names.MAIN, names.FOLDS)
    service = Service(TINY, lambda: (workspace.lake, unverified), tmp_path, lambda _line: None)
    served = service.start()
    wanted = model_at(
        workspace.lake, served.commit, current(workspace.lake).champion.objects, TINY.trusted_types
    )
    given = served.schema.checked({"x": [1.0, 2.0]})
    assert served.predict(given) == list(wanted.predict(served.schema.frame(given)))


def test_old_packages_are_removed_but_the_last(scene: Scene) -> None:
    service = scene.service()
    first = service.start()
    older = scene.root / SPEC.name / "older"
    older.mkdir()
    os.utime(older, (1, 1))
    scene.promote(1.0)
    service.refresh()
    folders = {folder.name for folder in (scene.root / SPEC.name).iterdir() if folder.is_dir()}
    assert folders == {first.commit, service.served.commit}


def test_a_download_that_broke_off_leaves_nothing_behind(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        scene.down = True
        raise Corrupt("is not Parquet")

    monkeypatch.setattr("mlops.adapters.tables.read_parquet", broken)
    with pytest.raises(NotFound):
        scene.service().start()
    assert list((scene.root / SPEC.name).iterdir()) == []


def test_nothing_promoted_is_said(scene: Scene) -> None:
    scene.down = True
    shutil.rmtree(scene.root, ignore_errors=True)
    with pytest.raises(NotFound, match="no champion can be served"):
        scene.service().start()


@pytest.mark.parametrize(
    ("name", "todo"),
    [("tabular-lab", "`mlops versions tabular-lab` lists its data"), ("songs", "mlops recommend songs")],
)
def test_pipelines_without_a_model_of_single_rows_are_refused(name: str, todo: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_servable(pipeline(name))
    assert caught.value.todo == todo

"""Going back in every form, coming back through the gate, and what is left to clean up, by command."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest

from mlops.runs import names
from mlops.runs.errors import TrackerUnavailable
from mlops.runs.main.state import read_main
from mlops.runs.rollback.forward import go_forward
from mlops.runs.rollback.rollback import plan_rollback, resume
from mlops.steps import run as running
from mlops.steps.workspace import Workspace
from tests.cli.conftest import PIPELINE, Answer, Desk
from tests.orchestration.test_restoring import lose_champion
from tests.orchestration.tiny import SPEC, arrive, tiny_workspace
from tests.support.fakes import FakeJudge, FakeProcesses
from tests.support.faults import half_done
from tests.support.protocol import World


class TestForward:
    def test_goes_back_by_a_new_commit(self, mlops: Desk) -> None:
        before = mlops.head

        answer = mlops("rollback", PIPELINE, "--forward", "--reason", "it was wrong", "--json")

        assert answer.code == 0
        assert answer.document["forward"] is True
        assert answer.document["to_number"] == 1
        assert mlops.world.lake.commit_of(mlops.head).parents == (before,)
        assert mlops.world.lake.diff(answer.document["to_commit"], mlops.head) == []

    def test_shows_in_the_log_what_counts_no_more(self, mlops: Desk) -> None:
        mlops("rollback", PIPELINE, "--forward", "--reason", "it was wrong")

        entries = mlops("log", PIPELINE, "--json").document["entries"]

        assert [(e["number"], e["kind"], e.get("on_main")) for e in entries] == [
            (3, "rollback", None),
            (2, "promotion", False),
            (1, "promotion", True),
        ]
        assert entries[0]["forward"] is True

    def test_finishes_the_one_that_a_dead_process_announced(self, mlops: Desk) -> None:
        plan = plan_rollback(mlops.world.ports, "it was wrong", forward=True)
        assert plan is not None
        mlops.world.lake.merge = None  # type: ignore[assignment, method-assign]
        with pytest.raises(TypeError):
            go_forward(mlops.world.ports, plan)
        del mlops.world.lake.merge  # type: ignore[attr-defined]
        assert "it would be finished first" in mlops("rollback", PIPELINE, "--dry-run").out

        answer = mlops("rollback", PIPELINE, "--forward", "--reason", "it was wrong", "--json")

        assert (answer.document["changed"], answer.document["to_number"]) == (True, 1)
        assert read_main(mlops.world.lake).champion.number == 1  # type: ignore[union-attr]


class TestTarget:
    @pytest.mark.parametrize("target", ["1", "promotion-000001", "COMMIT"])
    def test_is_a_number_a_tag_or_a_commit(self, mlops: Desk, target: str) -> None:
        named = target.replace("COMMIT", mlops.world.lake.tags()["promotion-000001"])

        answer = mlops("rollback", PIPELINE, "--to", named, "--reason", "it was wrong", "--json")

        assert answer.document["to_number"] == 1

    def test_is_a_date(self, mlops: Desk) -> None:
        assert "promotion 2 already" in mlops("rollback", PIPELINE, "--to", "2030-01-01", "--reason", "x").out
        assert (
            "from that time or before"
            in mlops("rollback", PIPELINE, "--to", "1969-01-01", "--reason", "x").error
        )

    def test_is_nothing_else(self, mlops: Desk) -> None:
        answer = mlops("rollback", PIPELINE, "--to", "yesterday", "--reason", "x")

        assert answer.code == 3
        assert answer.error.startswith("error: yesterday: names no promotion")

    def test_that_was_dropped_leads_to_restore(self, mlops: Desk) -> None:
        mlops("rollback", PIPELINE, "--reason", "it was wrong")

        assert "mlops restore 2" in mlops("rollback", PIPELINE, "--to", "2", "--reason", "x").error


class TestWriteOff:
    def test_ends_the_listing(self, mlops: Desk) -> None:
        mlops("rollback", PIPELINE, "--reason", "it was wrong")
        assert "dropped   raw/flights/2020-03.parquet by rollback 3" in mlops("status", PIPELINE).out

        answer = mlops("write-off", PIPELINE, "2020-03", "--reason", "a test file", "--json")

        assert answer.document["written_off"] == [{"path": "raw/flights/2020-03.parquet", "rollback": 3}]
        assert "dropped" not in mlops("status", PIPELINE).out
        assert "already" in mlops("write-off", PIPELINE, "2020-03", "--reason", "again").out

    def test_takes_what_is_outstanding_alone(self, mlops: Desk) -> None:
        assert mlops("write-off", PIPELINE, "2020-01", "--reason", "x").code == 3
        assert mlops("write-off", PIPELINE, "2020-01").error.startswith("error: --reason")


class TestSweep:
    def test_tells_what_becomes_collectable(self, mlops: Desk) -> None:
        half_done(mlops.world, "lake.merge", lambda world: world.arrive("2020-04"))
        mlops.world.arrive("2020-04")  # delivered twice: what the suites said the first time is on no record
        answer = mlops("sweep", PIPELINE, "--json")

        over = {entry["branch"] for entry in answer.document["branches"] if entry["over"]}
        assert set(answer.document["collectable"]) == over
        objects = sum(one["objects"] for one in answer.document["collectable"].values())
        assert f"nothing else refers to {objects} object" in mlops("sweep", PIPELINE).out


class TestForget:
    def test_moves_the_records_and_says_what_is_left(self, mlops: Desk) -> None:
        run_id = read_main(mlops.world.lake).champion.run_id  # type: ignore[union-attr]
        assert "main holds" in mlops("forget", PIPELINE, run_id, "--reason", "asked by a person").error
        mlops("rollback", PIPELINE, "--reason", "it was wrong")

        answer = mlops("forget", PIPELINE, run_id, "--reason", "asked by a person", "--json")

        assert answer.code == 0
        assert "promotion-000002" in answer.document["tags"]
        assert any("rolledback-000003" in kept for kept in answer.document["kept"])
        assert answer.err.splitlines()[0] == f"forgetting run {run_id} of {PIPELINE} at memory"
        entries = mlops("log", PIPELINE, "--json").document["entries"]
        assert [(e["number"], e["kind"]) for e in entries][1] == (2, "forgotten")
        assert "asked by a person" in mlops("log", PIPELINE).out
        assert "commits stay readable" in mlops("forget", PIPELINE, run_id, "--reason", "again").out

    def test_needs_a_run_and_a_reason(self, mlops: Desk) -> None:
        assert mlops("forget", PIPELINE, "0" * 12).error.startswith("error: --reason")
        assert mlops("forget", PIPELINE, "0" * 12, "--reason", "x").code == 3


# --- with real models


@pytest.fixture(scope="module")
def _real() -> Workspace:
    workspace = tiny_workspace("2020-01", "2020-02")
    running.run_all(workspace, SPEC.parameters({"shrinkage": 300.0}))
    arrive(workspace, "2020-03")
    running.run_all(workspace, SPEC.parameters({}))
    return workspace


@pytest.fixture
def real_models(_real: Workspace, capsys: pytest.CaptureFixture[str]) -> Desk:
    """Two promotions with real models on three months, in memory."""
    workspace = copy.deepcopy(_real)
    return Desk(World(workspace.lake, workspace.ports, FakeJudge(workspace.lake)), capsys)


class TestDryRun:
    def test_tells_the_blast_radius(self, real_models: Desk) -> None:
        workspace = real_models.workspace()
        unfinished = running.train(workspace, running.open_(workspace, SPEC.parameters({"shrinkage": 1.0})))
        before = (real_models.head, real_models.world.lake.tags())

        answer = real_models("rollback", PIPELINE, "--dry-run", "--json")

        told = answer.document
        assert told["invalid_runs"] == [{"run_id": unfinished.run_id, "step": "trained"}]
        assert (told["predictions"]["rows"], told["predictions"]["changed"]) == (100, 100)
        assert told["model_version"] == {"model": PIPELINE, "version": "1"}
        assert told["dropped_arrivals"] == ["raw/points/2020-03.parquet"]
        assert (real_models.head, real_models.world.lake.tags()) == before
        shown = real_models("rollback", PIPELINE, "--dry-run", "--forward").out
        assert "by a new commit" in shown
        assert "100 of 100 rows of the holdout would get a different prediction" in shown
        assert f"the alias champion of {PIPELINE} would move to version 1" in shown

    def test_says_what_it_cannot_tell(self, mlops: Desk) -> None:
        def unreachable(*_: object) -> None:
            raise TrackerUnavailable("no answer", where="http://mlflow")

        mlops.world.ports.tracker.version_of = unreachable  # type: ignore[method-assign]

        answer = mlops("rollback", PIPELINE, "--dry-run", "--json")

        assert answer.code == 0
        assert answer.document["model_version"] == {"unknown": "no answer"}
        assert "unknown" in answer.document["predictions"]
        shown = mlops("rollback", PIPELINE, "--dry-run").out
        assert "how predictions would change is unknown" in shown
        assert "which model version the alias would move to is unknown: no answer" in shown


class TestRehearse:
    def test_tells_how_long_each_step_took(self, real_models: Desk) -> None:
        before = (real_models.head, real_models.world.lake.branches(), real_models.world.lake.tags())

        answer = real_models("rehearse", PIPELINE, "--json")

        assert (answer.document["to_number"], answer.document["rows"]) == (1, 100)
        assert len(answer.document["seconds"]) == 6
        after = (real_models.head, real_models.world.lake.branches(), real_models.world.lake.tags())
        assert after == before
        assert "was restored on a scratch branch" in real_models("rehearse", PIPELINE, "--to", "2").out


@pytest.mark.parametrize(
    "command",
    [("rollback", PIPELINE), ("resume", PIPELINE), ("restore", PIPELINE, "1"), ("policy", "apply", PIPELINE)],
    ids=" ".join,
)
def test_what_changes_main_or_its_record_needs_a_reason(mlops: Desk, command: tuple[str, ...]) -> None:
    before = (mlops.head, mlops.world.lake.tags())

    answer = mlops(*command)

    assert (answer.code, answer.error.startswith("error: --reason")) == (3, True)
    assert (mlops.head, mlops.world.lake.tags()) == before


def _rolled_back(desk: Desk) -> None:
    desk("rollback", PIPELINE, "--reason", "it was wrong")
    resume(desk.world.ports, "go on")


class TestRestore:
    def test_brings_an_old_promotion_back_under_a_new_number(self, real_models: Desk) -> None:
        _rolled_back(real_models)

        answer = real_models("restore", PIPELINE, "2", "--reason", "it was right", "--json")

        assert (answer.code, answer.document["number"], answer.document["restores"]) == (0, 4, 2)
        assert answer.document["run_id"].endswith("r1")
        assert real_models("log", PIPELINE, "--json").document["entries"][0]["restores"] == 2

    def test_waits_for_the_hold(self, real_models: Desk) -> None:
        real_models("rollback", PIPELINE, "--reason", "it was wrong")

        answer = real_models("restore", PIPELINE, "2", "--reason", "it was right")

        assert answer.code == 32
        assert "mlops resume" in answer.error

    def test_exits_with_five_where_it_is_refused(self, real_models: Desk) -> None:
        answer = real_models("restore", PIPELINE, "1", "--reason", "for old times' sake", "--json")

        assert (answer.code, answer.document["promoted"]) == (5, False)
        assert "nothing is restored" in real_models("restore", PIPELINE, "1", "--reason", "x").out

    def test_needs_a_promotion_and_a_reason(self, real_models: Desk) -> None:
        assert real_models("restore", PIPELINE, "9", "--reason", "x").error.startswith("error: promotion 9")
        assert real_models("restore", PIPELINE, "1").error.startswith("error: --reason")


class TestPromote:
    def test_goes_on_with_a_run_that_waited(self, real_models: Desk) -> None:
        waiting = _waiting(real_models)
        assert real_models("promote", PIPELINE, waiting).code == 32
        resume(real_models.world.ports, "go on")

        answer = real_models("promote", PIPELINE, waiting, "--json")

        assert (answer.code, answer.document["number"]) == (0, 4)

    def test_replaces_a_champion_that_cannot_be_scored(
        self, real_models: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        workspace = real_models.workspace()
        lose_champion(workspace, monkeypatch)
        refused = running.run_all(workspace, SPEC.parameters({"shrinkage": 0.5}))
        assert real_models("promote", PIPELINE, refused.run.run_id).code == 5

        answer = real_models(
            *("promote", PIPELINE, refused.run.run_id, "--replace-unscorable"),
            *("--reason", "lost with a disk", "--json"),
        )

        assert (answer.code, answer.document["number"]) == (0, 3)
        assert answer.document["replace_unscorable"] == "lost with a disk"

    def test_takes_a_reason_for_that_alone(self, real_models: Desk) -> None:
        run = real_models("log", PIPELINE, "--json").document["entries"][0]["run_id"]

        assert (
            "only --replace-unscorable takes a reason"
            in real_models("promote", PIPELINE, run, "--reason", "x").error
        )
        assert real_models("promote", PIPELINE, run, "--replace-unscorable").error.startswith(
            "error: --reason"
        )
        assert _told(real_models("promote", PIPELINE, run)) == (0, True)
        assert real_models("promote", PIPELINE, "0" * 12).code == 13


def _told(answer: Answer) -> tuple[int, bool]:
    return answer.code, "is promotion 2" in answer.out


def _waiting(desk: Desk) -> str:
    """Return a run that was decided while promotions were on hold, and whose process is gone."""
    desk("rollback", PIPELINE, "--reason", "it was wrong")
    workspace = desk.workspace()
    run = running.evaluate(workspace, running.open_(workspace, SPEC.parameters({"shrinkage": 1.0})))
    desk.world.ports = replace(desk.world.ports, processes=FakeProcesses("next:1:1"))
    assert names.parse_run_id(run.run_id)
    return run.run_id

"""Commands that change something: run, rollback, resume, reconcile, sweep, policy."""

from __future__ import annotations

import pytest

from mlops.runs import names
from mlops.runs.errors import TrackerUnavailable
from mlops.runs.main.state import read_main
from mlops.runs.rollback.rollback import freeze, plan_rollback
from mlops.steps.repository import init_repository
from tests.cli.conftest import NOWHERE, PIPELINE, Desk
from tests.orchestration import tiny


class TestRun:
    def test_promotes_and_exits_with_zero(self, mlops: Desk) -> None:
        answer = mlops("run", PIPELINE, "--param", "shrinkage=11")

        assert answer.code == 0
        assert "is promotion 3" in answer.out
        assert "beats_champion" in answer.out

    def test_refuses_with_reasons_and_exits_with_five(self, mlops: Desk) -> None:
        before = mlops.head

        answer = mlops("run", PIPELINE, "--param", "shrinkage=13", "--json")

        assert answer.code == 5
        assert answer.document["exit_code"] == 5
        assert answer.document["promoted"] is False
        assert answer.document["verdict"]["findings"][0]["reason"] == "no_gain"
        assert "error" not in answer.document
        assert mlops.head == before

    def test_reads_parameters_as_json_and_else_as_text(self, mlops: Desk) -> None:
        assert "where" not in mlops("run", PIPELINE, "--param", "intercept=true", "--json").document
        assert mlops("run", PIPELINE, "--param", "shrinkage=much").code == 2
        assert mlops("run", PIPELINE, "--param", "shrinkage").code == 2
        assert mlops("run", PIPELINE, "--param", "depth=3").error.startswith(
            "error: depth: no such parameter"
        )

    def test_prints_links_without_asking_for_the_pages(self, mlops: Desk) -> None:
        links = mlops("run", PIPELINE, "--param", "shrinkage=11", "--json").document["links"]
        assert sorted(links) == ["compare", "plots", "report"]
        assert links.pop("plots").startswith("file:///")
        assert all(address.startswith(f"{NOWHERE}/repositories/") for address in links.values())


class TestRollback:
    def test_goes_back_one_promotion_and_says_what_was_dropped(self, mlops: Desk) -> None:
        dropped = read_main(mlops.world.lake).champion
        assert dropped is not None

        answer = mlops("rollback", PIPELINE, "--reason", "it was wrong", "--json")

        assert answer.code == 0
        assert answer.document["to_number"] == 1
        assert answer.document["dropped_runs"] == [dropped.run_id]
        assert answer.document["dropped_arrivals"] == ["raw/flights/2020-03.parquet"]
        assert mlops.head == answer.document["to_commit"]
        assert mlops.world.lake.tags()[names.CHAMPION_TAG] == mlops.head

    def test_names_endpoint_and_repository_before_anything_else(self, mlops: Desk) -> None:
        answer = mlops("rollback", PIPELINE, "--reason", "it was wrong")

        assert answer.err.splitlines()[0] == f"rolling back repository {PIPELINE} at memory"

    def test_only_shows_what_it_would_do(self, mlops: Desk) -> None:
        before = (mlops.head, mlops.world.lake.tags())

        answer = mlops("rollback", PIPELINE, "--dry-run", "--json")

        assert answer.document["changed"] is False
        assert {"type": "removed", "path": "raw/flights/2020-03.parquet"} in answer.document["objects"]
        assert "would go back" in mlops("rollback", PIPELINE, "--dry-run").out
        assert (mlops.head, mlops.world.lake.tags()) == before

    def test_does_not_go_back_twice(self, mlops: Desk) -> None:
        mlops("rollback", PIPELINE, "--reason", "it was wrong")
        before = mlops.head

        answer = mlops("rollback", PIPELINE, "--reason", "it was wrong")

        assert answer.code == 0
        assert "nothing to go back to: a rollback was made and promotions are still on hold" in answer.out
        assert mlops.head == before

    def test_says_that_there_is_nothing_before_the_first(self, mlops: Desk, empty: Desk) -> None:
        mlops("rollback", PIPELINE, "--reason", "it was wrong")
        mlops("resume", PIPELINE, "--reason", "found it")
        assert "promotion 1 is the first" in mlops("rollback", PIPELINE, "--reason", "again").out
        assert "nothing has been promoted yet" in empty("rollback", PIPELINE, "--reason", "x").out
        assert "already" in mlops("rollback", PIPELINE, "--reason", "again", "--to", "1").out

    def test_finishes_the_one_that_a_dead_process_began_and_reports_it(self, mlops: Desk) -> None:
        plan = plan_rollback(mlops.world.ports, "it was wrong")
        assert plan is not None
        freeze(mlops.world.ports, plan)
        assert "it would be finished first" in mlops("rollback", PIPELINE, "--dry-run").out

        answer = mlops("rollback", PIPELINE, "--reason", "it was wrong", "--json")

        assert answer.document["changed"] is True
        assert answer.document["to_number"] == 1
        assert mlops.head == plan.record.to_commit

    def test_needs_a_reason(self, mlops: Desk) -> None:
        before = mlops.head

        assert mlops("rollback", PIPELINE).error.startswith("error: --reason: must be 1 to 300 characters")
        assert mlops("rollback", PIPELINE, "--reason", " \n ").code == 3
        assert mlops.head == before

    def test_does_not_wait_for_mlflow(self, mlops: Desk) -> None:
        to = mlops.world.lake.tags()[names.promotion_tag(1)]

        def unreachable(*_: object) -> None:
            raise TrackerUnavailable("no answer", where="http://mlflow")

        mlops.world.ports.tracker.version_of = unreachable  # type: ignore[method-assign]

        answer = mlops("rollback", PIPELINE, "--reason", "it was wrong", "--json")

        assert mlops.head == to
        assert answer.code == 20
        assert answer.document["error"] == "TrackerUnavailable"
        assert answer.document["to_number"] == 1
        assert answer.document["todo"] == f"run `mlops reconcile {PIPELINE}` once it answers"


class TestResume:
    def test_lifts_the_hold_and_keeps_the_reason(self, mlops: Desk) -> None:
        mlops.world.roll_back()

        answer = mlops("resume", PIPELINE, "--reason", "the data was corrected")

        assert answer.out == "promotions resumed\n"
        assert not read_main(mlops.world.lake).on_hold
        assert "the data was corrected" in str(mlops.world.ports.tracker.notes)  # type: ignore[attr-defined]

    def test_says_that_there_is_no_hold(self, mlops: Desk) -> None:
        answer = mlops("resume", PIPELINE, "--reason", "why not", "--json")

        assert answer.code == 0
        assert answer.document["resumed"] is False


class TestReconcile:
    def test_does_what_is_owed_and_then_nothing(self, mlops: Desk) -> None:
        mlops.world.lake.delete_tag(names.CHAMPION_TAG)

        assert "champion" in mlops("reconcile", PIPELINE).out
        assert mlops("reconcile", PIPELINE, "--json").document["done"] == []


class TestSweep:
    def test_only_lists_by_default(self, mlops: Desk) -> None:
        before = mlops.world.lake.branches()

        answer = mlops("sweep", PIPELINE)

        assert f"next: mlops sweep {PIPELINE} --yes" in answer.out
        assert mlops.world.lake.branches() == before

    def test_removes_what_is_over_and_keeps_the_rest(self, mlops: Desk) -> None:
        unfinished = mlops.world.train(mae=9.0).branch

        answer = mlops("sweep", PIPELINE, "--yes", "--json")

        gone = {entry["branch"] for entry in answer.document["branches"] if entry["over"]}
        assert gone
        assert not gone & set(mlops.world.lake.branches())
        assert unfinished in mlops.world.lake.branches()
        assert answer.err.splitlines()[0] == f"sweeping repository {PIPELINE} at memory"


@pytest.mark.parametrize(
    "arguments",
    [
        ("sweep", PIPELINE, "--yes"),
        ("resume", PIPELINE, "--reason", "found it"),
        ("policy", "apply", PIPELINE, "--reason", "a better rule"),
        ("reconcile", PIPELINE),
    ],
)
def test_a_command_that_changes_something_first_finishes_what_was_left_undone(
    arguments: tuple[str, ...], mlops: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(init_repository, "gate_files", lambda _pipeline: tiny.gate_files())
    plan = plan_rollback(mlops.world.ports, "it was wrong")
    assert plan is not None
    freeze(mlops.world.ports, plan)

    answer = mlops(*arguments)

    assert answer.code == 0, answer.err
    state = read_main(mlops.world.lake)
    assert state.rollback is None
    assert state.champion is not None
    assert state.champion.number == 1


class TestPolicy:
    @pytest.fixture(autouse=True)
    def _code(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(init_repository, "gate_files", lambda _pipeline: tiny.gate_files())

    def test_brings_what_judges_in_one_commit_with_a_reason(self, mlops: Desk) -> None:
        answer = mlops("policy", "apply", PIPELINE, "--reason", "a better rule", "--json")

        commit = mlops.world.lake.commit_of("main")
        assert answer.document["commit"] == commit.id
        assert (commit.metadata["kind"], commit.metadata["reason"]) == ("policy", "a better rule")
        assert mlops.world.lake.read("main", names.POLICY) == tiny.gate_files()[names.POLICY]
        assert "nothing to do" in mlops("policy", "apply", PIPELINE, "--reason", "again").out

    def test_only_shows_what_would_change(self, mlops: Desk) -> None:
        before = mlops.head

        answer = mlops("policy", "apply", PIPELINE, "--dry-run")

        assert f"{names.POLICY} would change" in answer.out
        assert mlops.head == before


def test_that_promotions_go_on_is_told_once(mlops: Desk) -> None:
    mlops("rollback", PIPELINE, "--reason", "it was wrong")
    answer = mlops("resume", PIPELINE, "--reason", "found it")

    assert (answer.out + answer.err).count("promotions resumed") == 1

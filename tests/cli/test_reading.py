"""Commands that only look: status, log, diff, gate."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from mlops.runs import names
from mlops.runs.promotion.opening import open_run
from tests.cli.conftest import PIPELINE, Desk
from tests.orchestration import tiny
from tests.support.fakes import FakeProcesses, inputs


class TestStatus:
    def test_shows_head_champion_and_that_nothing_is_under_way(self, mlops: Desk) -> None:
        shown = mlops("status", PIPELINE, "--json").document["pipelines"][0]

        assert shown["head"]["commit"] == mlops.head
        assert shown["head"]["kind"] == "promotion"
        assert shown["champion"]["number"] == 2
        assert shown["champion"]["metrics"]["candidate_mae"] == 12.0
        assert (shown["on_hold"], shown["frozen"], shown["unfinished"], shown["dropped_arrivals"]) == (
            False,
            None,
            [],
            [],
        )

    def test_shows_all_pipelines_that_are_set_up(self, mlops: Desk) -> None:
        assert [p["pipeline"] for p in mlops("status", "--json").document["pipelines"]] == [PIPELINE]

    def test_asks_no_server_that_is_down(self, mlops: Desk) -> None:
        answer = mlops("status", find_lake=lambda _settings: None)

        assert answer.code == 0
        assert "no pipeline is set up here" in answer.out

    def test_shows_who_works_on_what(self, mlops: Desk) -> None:
        ports = mlops.world.ports
        open_run(ports, lambda _fork: inputs({"mae": 3.0}))
        ports.processes.living.add(ports.processes.me())  # type: ignore[attr-defined]

        (row,) = mlops("status", PIPELINE, "--json").document["pipelines"][0]["unfinished"]

        assert row["step"] == "opened"
        assert row["owner"] == "host:1:1"
        assert row["owner_alive"] is True
        assert "host:1:1 is working on it" in mlops("status", PIPELINE).out

    def test_tells_a_dead_owner_from_one_that_cannot_be_seen(self, mlops: Desk) -> None:
        ports = mlops.world.ports
        open_run(ports, lambda _fork: inputs({"mae": 3.0}))
        processes = FakeProcesses("host:2:2")
        object.__setattr__(ports, "processes", processes)
        assert "no process is working on it" in mlops("status", PIPELINE).out

        processes.unseen.add("host:1:1")
        assert "host:1:1 holds it until 20" in mlops("status", PIPELINE).out

    def test_lists_what_a_rollback_dropped_until_it_comes_back(self, mlops: Desk) -> None:
        mlops.world.roll_back()
        shown = mlops("status", PIPELINE, "--json").document["pipelines"][0]
        assert shown["on_hold"] is True
        assert shown["dropped_arrivals"] == [{"path": "raw/flights/2020-03.parquet", "rollback": 3}]

        mlops.world.arrive("2020-03", again=True)
        assert mlops("status", PIPELINE, "--json").document["pipelines"][0]["dropped_arrivals"] == []


class TestLog:
    def test_shows_promotions_newest_first_with_their_gain(self, mlops: Desk) -> None:
        second, first = mlops("log", PIPELINE, "--json").document["entries"]

        assert (second["number"], second["kind"], second["on_main"]) == (2, "promotion", True)
        assert second["commit"] == mlops.world.lake.tags()[names.promotion_tag(2)]
        assert second["gain"]["against"] == "champion"
        assert second["gain"]["difference"] == 2.0
        assert second["replaced"] == 1
        assert first["gain"]["against"] == "baseline"

    def test_keeps_what_was_dropped_and_says_why(self, mlops: Desk) -> None:
        mlops.world.roll_back()

        rollback, dropped, first = mlops("log", PIPELINE, "--json").document["entries"]

        assert (rollback["kind"], rollback["to_number"], rollback["reason"]) == (
            "rollback",
            1,
            "it was wrong",
        )
        assert rollback["dropped_runs"] == [dropped["run_id"]]
        assert rollback["commit"] == first["commit"] == mlops.head
        assert (dropped["on_main"], first["on_main"]) == (False, True)

    def test_counts_a_promotion_whose_tag_is_not_written_yet(self, mlops: Desk) -> None:
        mlops.world.lake.hook = None  # type: ignore[attr-defined] - the record is kept where it is on
        mlops.world.lake.delete_tag(names.promotion_tag(2))

        assert mlops("log", PIPELINE, "--json").document["entries"][0]["number"] == 2

    def test_says_how_many_it_leaves_out(self, mlops: Desk) -> None:
        answer = mlops("log", PIPELINE, "--limit", "1")

        assert "1 older; a higher --limit shows them" in answer.out

    def test_shows_the_error_level_that_is_left_on_each_holdout(self, mlops: Desk) -> None:
        (holdout,) = mlops("log", PIPELINE, "--json").document["holdouts"]
        assert (holdout["evaluations"], holdout["low"]) == (2, False)
        assert holdout["left"] == pytest.approx(0.05 / 3)

        for mae in (20.0, 21.0):
            mlops.world.run(mae=mae)
        shown = mlops("log", PIPELINE).out
        assert "holdout          evaluations  level left    next" in shown
        assert "from 2013-03-01            4         1 %  0.17 %  little is left" in shown

    def test_says_that_there_is_none(self, empty: Desk) -> None:
        assert empty("log", PIPELINE).out == "nothing has been promoted yet\n"


class TestDiff:
    def test_counts_rows_by_key_and_column(self, mlops: Desk) -> None:
        rows = tiny.SPEC.source({}).extract("2020-05")["points"]
        mlops.arrive("2020-05", rows)
        before = mlops.head
        changed = rows.iloc[10:].assign(y=rows["y"].where(rows["n"] != 0, 0.5))
        mlops.arrive(
            "2020-05", pd.concat([changed, tiny.SPEC.source({}).extract("2020-06")["points"].head(3)])
        )

        answer = mlops("diff", PIPELINE, before, "main", "--json").document
        (entry,) = answer["objects"]

        assert entry["type"] == "changed"
        assert entry["key"] == ["day", "n"]
        assert (entry["rows"]["added"], entry["rows"]["removed"], entry["rows"]["changed"]) == (3, 10, 22)
        assert entry["rows"]["changed_by_column"] == {"y": 22}
        assert "3 added, 10 removed, 22 changed; y 22" in mlops("diff", PIPELINE, before, "main").out

    def test_shows_schema_changes(self, mlops: Desk) -> None:
        rows = tiny.SPEC.source({}).extract("2020-05")["points"]
        mlops.arrive("2020-05", rows)
        before = mlops.head
        mlops.arrive("2020-05", rows.assign(x=rows["x"].astype("int64"), z=1).drop(columns="y"))

        out = mlops("diff", PIPELINE, before, "main").out

        assert "new columns z" in out
        assert "lost columns y" in out
        assert "x float64 -> int64" in out

    def test_shows_the_rows_of_what_came_and_went(self, mlops: Desk) -> None:
        before = mlops.head
        mlops.arrive("2020-05", tiny.SPEC.source({}).extract("2020-05")["points"])

        assert "A raw/points/2020-05.parquet  100 rows" in mlops("diff", PIPELINE, before, "main").out
        assert "R raw/points/2020-05.parquet  100 rows" in mlops("diff", PIPELINE, "main", before).out

    def test_says_why_rows_cannot_be_matched(self, mlops: Desk) -> None:
        rows = tiny.SPEC.source({}).extract("2020-05")["points"]
        mlops.arrive("2020-05", rows)
        before = mlops.head
        mlops.arrive("2020-05", pd.concat([rows, rows.head(2)]))

        assert "rows cannot be matched" in mlops("diff", PIPELINE, before, "main").out

    def test_matches_whole_rows_of_a_table_without_a_key(
        self, mlops: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rows = tiny.SPEC.source({}).extract("2020-05")["points"]
        mlops.arrive("2020-05", rows)
        before = mlops.head
        mlops.arrive("2020-05", rows.assign(y=rows["y"].where(rows["n"] != 0, 0.5)))
        monkeypatch.setattr("mlops.steps.compare_commits.key_of", lambda *_: ())

        (entry,) = mlops("diff", PIPELINE, before, "main", "--json").document["objects"]

        assert entry["key"] == []
        counts = entry["rows"]["added"], entry["rows"]["removed"], entry["rows"]["changed"]
        assert counts == (entry["rows"]["added"], entry["rows"]["added"], 0)
        assert entry["rows"]["added"] > 0
        assert "a changed row counts as one removed and one added" in entry["summary"]

    def test_shows_metrics_of_two_promotions_by_number(self, mlops: Desk) -> None:
        answer = mlops("diff", PIPELINE, "1", "2", "--objects", "--json")
        assert answer.document["metrics"] == []
        metrics = {
            row["metric"]: row
            for row in mlops("diff", PIPELINE, "1", "champion", "--json").document["metrics"]
        }

        assert metrics["candidate_mae"] == {
            "metric": "candidate_mae",
            "old": 14.0,
            "new": 12.0,
            "difference": -2.0,
        }
        assert metrics["champion_mae"]["old"] is None

    def test_says_that_nothing_differs(self, mlops: Desk) -> None:
        assert "no object differs" in mlops("diff", PIPELINE, "main", "champion").out

    def test_names_a_ref_that_is_not_there(self, mlops: Desk) -> None:
        assert mlops("diff", PIPELINE, "main", "nonsense").error == (
            "error: nonsense: no such branch, tag or commit; see `mlops log`"
        )
        assert mlops("diff", PIPELINE, "main", "77").code == 3


class TestGate:
    def test_asks_the_policy_on_main_by_default(self, mlops: Desk) -> None:
        run_id = mlops("log", PIPELINE, "--json").document["entries"][0]["run_id"]

        verdict = mlops("gate", PIPELINE, run_id, "--json").document["verdict"]

        assert verdict["outcome"] == "promote"
        assert verdict["what_if"] is True

    def test_asks_another_policy_and_changes_nothing(self, mlops: Desk, tmp_path: Path) -> None:
        run_id = mlops("log", PIPELINE, "--json").document["entries"][0]["run_id"]
        policy = tmp_path / "strict.yaml"
        policy.write_text("metric: mae\nmin_gain: 5\n")
        before = (mlops.head, mlops.world.lake.tags(), mlops.world.lake.branches())

        answer = mlops("gate", PIPELINE, run_id, "--policy", str(policy))

        assert answer.code == 0
        assert answer.out.startswith(
            f"what if: refuse run {run_id} (on record: promote; nothing is promoted)"
        )
        assert "gain_too_small" in answer.out
        assert (mlops.head, mlops.world.lake.tags(), mlops.world.lake.branches()) == before

    def test_finds_evidence_whose_branches_were_swept(self, mlops: Desk) -> None:
        refused = mlops.world.run(mae=15.0).run.run_id
        mlops("sweep", PIPELINE, "--yes")
        assert mlops.world.lake.branches("run-") == {}

        assert mlops("gate", PIPELINE, refused, "--json").document["on_record"] == "refuse"


def test_a_lake_that_is_down_is_not_taken_for_an_empty_one(mlops: Desk, tmp_path: Path) -> None:
    fresh = mlops("status", find_lake=lambda _: None)
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "lakectl.yaml").touch()
    stopped = mlops("status", find_lake=lambda _: None)

    assert fresh.out.startswith("no pipeline is set up here; next: mlops init PIPELINE")
    assert stopped.out.startswith("the lake server is down, so the state of main is unknown; next: mlops up")


def test_a_server_without_an_address_is_told_to_run(mlops: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    row = {"name": "dagster-daemon", "running": True, "address": "", "pid": 1, "log": ""}
    monkeypatch.setattr("mlops.servers.pages.listing", lambda _: [row])

    assert mlops("status", PIPELINE).out.splitlines()[-1] == "dagster-daemon  running"

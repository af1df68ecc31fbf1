"""Runs listed and shown by command: mlops runs, mlops show."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from infra.docs.json_output import documents
from mlops.runs import names
from mlops.runs.errors import NotFound
from mlops.runs.promotion.attempts import fail
from mlops.runs.promotion.opening import open_run
from mlops.runs.upkeep.forget import forget
from mlops.runs.upkeep.sweep import sweep
from mlops.steps import run as running
from tests.cli.conftest import PIPELINE, Answer, Desk
from tests.orchestration import tiny
from tests.support.fakes import inputs

EVERY = set(documents()["every"])
RUN_KEYS = {
    *("run_id", "state", "step", "at", "at_s", "opened_at_s", "branch", "number", "commit", "merge_commit"),
    *("data_commit", "outcome", "reasons", "gain", "metrics", "compared_to", "evaluation", "params"),
    "restores",
}


def _rows(answer: Answer) -> list[dict]:
    assert answer.code == 0, answer.err
    (pipeline,) = answer.document["pipelines"]
    return pipeline["runs"]


def _listed(mlops: Desk, *options: str) -> list[dict]:
    return _rows(mlops("runs", PIPELINE, *options, "--json"))


def _states(mlops: Desk, *options: str) -> list[str]:
    return [row["state"] for row in _listed(mlops, *options)]


@pytest.fixture
def varied(mlops: Desk) -> Desk:
    """Two promotions, a refusal, a failed run and an open one, the newest last."""
    mlops.world.run(mae=20.0)
    failed = open_run(mlops.world.ports, lambda _fork: inputs({"mae": 5.0}))
    fail(mlops.world.ports, failed, "validation_failed", "Expectation x does not hold.")
    open_run(mlops.world.ports, lambda _fork: inputs({"mae": 3.0}))
    return mlops


class TestRuns:
    def test_lists_every_run_in_its_state(self, varied: Desk) -> None:
        rows = _listed(varied)

        assert {row["state"]: row["params"]["mae"] for row in rows} == {
            "champion": 12.0,
            "promoted": 14.0,
            "refused": 20.0,
            "failed": 5.0,
            "open": 3.0,
        }
        assert all(set(row) == RUN_KEYS for row in rows)
        assert all(names.is_commit_id(row["data_commit"]) for row in rows)

    def test_says_gain_interval_and_reasons_of_each_verdict(self, varied: Desk) -> None:
        rows = {row["state"]: row for row in _listed(varied)}

        gain = rows["refused"]["gain"]
        assert (gain["against"], gain["difference"]) == ("champion", -8.0)
        assert gain["lower"] <= -8.0 <= gain["upper"]
        assert rows["refused"]["reasons"][0] == "no_gain"
        assert (rows["champion"]["number"], rows["promoted"]["number"]) == (2, 1)
        assert (rows["open"]["gain"], rows["failed"]["reasons"]) == (None, ["validation_failed"])

    def test_lists_ended_runs_after_their_branches_were_swept(self, varied: Desk) -> None:
        sweep(varied.world.ports, dry_run=False)

        rows = {row["state"]: row for row in _listed(varied)}

        assert {"champion", "promoted", "refused", "open"} <= rows.keys()
        assert rows["refused"]["branch"] == ""
        assert rows["refused"]["params"] == {"mae": 20.0}

    def test_tells_a_run_that_was_rolled_back_and_one_that_was_forgotten(self, varied: Desk) -> None:
        dropped = _listed(varied, "--param", "mae=12.0")[0]["run_id"]
        varied.world.roll_back()
        assert {row["state"]: row["number"] for row in _listed(varied)}["rolled back"] == 2

        forget(varied.world.ports, dropped, "somebody asked")

        (row,) = [row for row in _listed(varied) if row["run_id"] == dropped]
        assert (row["state"], row["params"], row["metrics"]) == ("forgotten", {}, {})

    def test_keeps_nothing_about_a_forgotten_run_between_two_listings(
        self, varied: Desk, tmp_path: Path
    ) -> None:
        dropped = _listed(varied, "--param", "mae=12.0")[0]
        file = tmp_path / "state" / "listings" / f"{PIPELINE}.json"
        assert dropped["commit"] in file.read_text()
        varied.world.roll_back()
        forget(varied.world.ports, dropped["run_id"], "somebody asked")

        _listed(varied)

        assert dropped["commit"] not in file.read_text()

    def test_filters(self, varied: Desk) -> None:
        assert _states(varied, "--refused") == ["refused"]
        assert _states(varied, "--param", "mae=3.0") == ["open"]
        assert _states(varied, "--param", "mae=99") == []
        branch = _listed(varied, "--refused")[0]["branch"]
        assert _states(varied, "--branch", branch) == ["refused"]
        assert len(_states(varied, "--branch", "run-*")) == 5
        assert len(_states(varied, "--since", "1970-01-01")) == 5
        assert _states(varied, "--since", "2999-01-01") == []

    def test_sorts_by_a_metric_and_puts_runs_without_it_last(self, varied: Desk) -> None:
        rows = _listed(varied, "--sort", "candidate_mae")

        assert [row["params"]["mae"] for row in rows[:3]] == [12.0, 14.0, 20.0]
        assert {row["state"] for row in rows[3:]} == {"failed", "open"}

    def test_names_the_metrics_there_are(self, varied: Desk) -> None:
        answer = varied("runs", PIPELINE, "--sort", "f1")

        assert answer.code == 3
        assert "f1: no run has this metric; there are" in answer.error
        assert "candidate_mae" in answer.error

    @pytest.mark.parametrize(
        ("option", "said"),
        [
            (("--since", "yesterday"), "neither a date nor an age"),
            (("--param", "mae"), "not of the form NAME=VALUE"),
        ],
    )
    def test_refuses_what_is_no_filter(self, mlops: Desk, option: tuple[str, str], said: str) -> None:
        answer = mlops("runs", PIPELINE, *option)

        assert (answer.code, said in answer.error) == (2, True)

    def test_breaks_no_word_at_80_columns(self, varied: Desk) -> None:
        rows, out = _listed(varied), varied("runs", PIPELINE).out

        assert max(map(len, out.splitlines())) <= 80
        words = set(out.replace(",", " ").replace(";", " ").split())
        for row in rows:
            assert {row["run_id"], row["data_commit"][:12], *row["reasons"]} <= words

    def test_lists_all_pipelines_and_says_how_many_it_leaves_out(self, varied: Desk) -> None:
        answer = varied("runs", "--limit", "2")

        assert f"{PIPELINE}: 5 runs" in answer.out
        assert "3 more; a higher --limit shows them" in answer.out

    def test_a_damaged_file_of_an_earlier_listing_is_read_again(self, varied: Desk, tmp_path: Path) -> None:
        before = _listed(varied)
        file = tmp_path / "state" / "listings" / f"{PIPELINE}.json"
        for damage in ("", "{", '{"form": 1, "facts": [], "results": 3}', json.dumps({"form": 1})):
            file.write_text(damage)
            assert _listed(varied) == before

    def test_says_that_there_is_none(self, mlops: Desk) -> None:
        assert f"{PIPELINE}: 2 runs, none of them like this" in mlops("runs", PIPELINE, "--refused").out


class TestShow:
    def test_shows_all_about_a_refused_run(self, varied: Desk) -> None:
        (row,) = _listed(varied, "--refused")

        shown = varied("show", PIPELINE, row["run_id"], "--json").document

        assert set(shown) == EVERY | set(documents()["show"])
        assert {key: shown[key] for key in RUN_KEYS} == row
        assert [finding["reason"] for finding in shown["verdict"]["findings"]] == row["reasons"]
        assert [step["step"] for step in shown["steps"]] == [
            *("opened", "processed", "validated", "trained", "decided")
        ]
        assert shown["inputs"]["params"] == {"mae": 20.0}
        assert shown["next"][0]["command"] == f"mlops report {PIPELINE} {row['run_id']}"
        text = varied("show", PIPELINE, row["run_id"]).out
        for finding in shown["verdict"]["findings"]:
            assert " ".join(finding["sentence"].split()) in " ".join(text.split())

    def test_finds_a_run_by_all_its_names(self, varied: Desk) -> None:
        (champion,) = [row for row in _listed(varied) if row["state"] == "champion"]
        every = ("2", "v2", champion["run_id"][:6], champion["commit"], champion["merge_commit"], "main")
        for name in (*every, champion["branch"]):
            assert varied("show", name, "--json").document["run_id"] == champion["run_id"], name

    def test_says_what_to_do_with_an_unfinished_and_with_a_failed_run(self, varied: Desk) -> None:
        for state, does in (("open", "continues it"), ("failed", "tries again")):
            (row,) = [row for row in _listed(varied) if row["state"] == state]
            shown = varied("show", PIPELINE, row["run_id"])
            assert (shown.code, does in shown.out) == (0, True), shown.out + shown.err
            assert f"mlops run {PIPELINE} --param mae=" in shown.out
        assert "Expectation x does not hold." in shown.out

    def test_shows_a_forgotten_run_as_such(self, mlops: Desk) -> None:
        dropped = _listed(mlops)[0]["run_id"]
        mlops.world.roll_back()
        forget(mlops.world.ports, dropped, "somebody asked")

        shown = mlops("show", PIPELINE, dropped)

        assert (shown.code, "forgotten" in shown.out) == (0, True), shown.err

    @pytest.mark.parametrize(
        ("name", "code", "said"),
        [
            ("99", 13, "no promotion has this number"),
            ("zzz", 13, "no run, promotion or commit has this name"),
            ("v9", 13, "there is no such version"),
        ],
    )
    def test_says_in_one_line_that_there_is_no_such_run(
        self, mlops: Desk, name: str, code: int, said: str
    ) -> None:
        answer = mlops("show", PIPELINE, name)

        assert (answer.code, answer.out) == (code, "")
        assert f"error: {name}: {said}" in answer.error

    def test_refuses_the_number_of_a_rollback(self, mlops: Desk) -> None:
        mlops.world.roll_back()

        answer = mlops("show", PIPELINE, "3")

        assert (answer.code, "is a rollback, not a run" in answer.error) == (3, True)

    def test_refuses_a_name_of_several_runs(self, mlops: Desk) -> None:
        for again in (1, 2):
            open_run(mlops.world.ports, lambda _fork: inputs({"mae": 3.0}), again=again)
        first = _listed(mlops)[0]["run_id"][:12]

        answer = mlops("show", PIPELINE, first)

        assert answer.code == 3
        assert f"could be any of {first}n" in answer.error

    def test_refuses_more_than_a_pipeline_and_a_run(self, mlops: Desk) -> None:
        assert mlops("show", PIPELINE, "1", "2").code == 2


class TestReport:
    def test_writes_the_page_of_a_decided_run(self, mlops: Desk, tmp_path: Path) -> None:
        workspace = tiny.tiny_workspace("2020-01", "2020-02", "2020-03")
        ended = running.run_all(workspace, tiny.SPEC.parameters({}))

        answer = mlops("report", "1", "--json", open_workspace=lambda *_: workspace)

        assert answer.code == 0, answer.err
        assert set(answer.document) == EVERY | set(documents()["report"])
        file = Path(answer.document["file"])
        assert file == tmp_path / "state" / "reports" / PIPELINE / ended.run.run_id / "run.html"
        assert len(file.read_bytes()) == answer.document["size_bytes"]
        elsewhere = tmp_path / "page.html"
        named = mlops("report", PIPELINE, "1", "-o", str(elsewhere), open_workspace=lambda *_: workspace)
        assert (named.out, elsewhere.read_bytes()) == (f"{elsewhere}\n", file.read_bytes())

    def test_a_run_without_a_verdict_has_none(self, varied: Desk) -> None:
        (row,) = [row for row in _listed(varied) if row["state"] == "open"]

        answer = varied("report", PIPELINE, row["run_id"])

        assert (answer.code, "the run is open and has no verdict yet" in answer.error) == (3, True)

    def test_a_file_that_cannot_be_written_is_named(self, mlops: Desk, tmp_path: Path) -> None:
        workspace = tiny.tiny_workspace("2020-01", "2020-02", "2020-03")
        running.run_all(workspace, tiny.SPEC.parameters({}))
        (tmp_path / "file").write_text("")

        answer = mlops(
            "report", "1", "-o", str(tmp_path / "file" / "x.html"), open_workspace=lambda *_: workspace
        )

        assert (answer.code, "cannot be written" in answer.error) == (3, True)

    def test_is_removed_with_a_forgotten_run(self, mlops: Desk, tmp_path: Path) -> None:
        dropped = _listed(mlops)[0]["run_id"]
        file = tmp_path / "state" / "reports" / PIPELINE / dropped / "run.html"
        file.parent.mkdir(parents=True)
        file.write_text("a page")
        mlops.world.roll_back()

        assert mlops("forget", PIPELINE, dropped, "--reason", "asked for").code == 0

        assert not file.exists()


class TestReportOfARun:
    def test_a_run_names_its_report(self, mlops: Desk) -> None:
        document = mlops("run", PIPELINE, "--param", "shrinkage=11", "--json").document

        assert document["links"]["plots"] == f"file:///{document['run_id']}.html"

    @pytest.mark.parametrize("failure", [RuntimeError("no room"), KeyboardInterrupt(), NotFound("gone")])
    @pytest.mark.parametrize(("mae", "code"), [("11", 0), ("13", 5)])
    def test_a_report_that_fails_changes_nothing_about_the_run(
        self, mlops: Desk, failure: BaseException, mae: str, code: int
    ) -> None:
        def fails(*_: object) -> Path:
            raise failure

        answer = mlops("run", PIPELINE, "--param", f"shrinkage={mae}", "--json", make_report=fails)

        assert answer.code == answer.document["exit_code"] == code
        assert "plots" not in answer.document["links"]
        (line,) = [line for line in answer.err.splitlines() if line.startswith("no report was made: ")]
        assert f"`mlops report {PIPELINE} {answer.document['run_id']}` tries again" in line

    def test_none_is_made_where_none_is_wanted(self, mlops: Desk) -> None:
        answer = mlops("run", PIPELINE, "--param", "shrinkage=11", "--no-report", "--json")

        assert "plots" not in answer.document["links"]


class _Counting:
    """A lake that counts the objects that are read from it."""

    def __init__(self, lake: object) -> None:
        self.lake, self.read_objects, self.read_commits = lake, 0, 0

    def __getattr__(self, name: str) -> object:
        return getattr(self.lake, name)

    def read(self, ref: str, path: str) -> bytes:
        self.read_objects += 1
        return self.lake.read(ref, path)  # type: ignore[attr-defined]

    def commit_of(self, ref: str) -> object:
        self.read_commits += 1
        return self.lake.commit_of(ref)  # type: ignore[attr-defined]


def test_many_runs_are_listed_without_reading_an_object_of_each(varied: Desk, tmp_path: Path) -> None:
    from mlops.steps.listing.book import RunBook, Wanted, listing

    for mae in range(30, 60):
        varied.world.run(mae=float(mae))
    first, second = _Counting(varied.world.lake), _Counting(varied.world.lake)

    shown = listing(RunBook(first, tmp_path / "x"), Wanted(limit=3))  # type: ignore[arg-type]
    again = listing(RunBook(second, tmp_path / "x"), Wanted(limit=3))  # type: ignore[arg-type]

    assert (len(shown.rows), shown.more, shown.total) == (3, 32, 35)
    assert again == shown
    assert first.read_objects < 10
    assert second.read_objects < first.read_objects
    assert second.read_commits < 10 < first.read_commits

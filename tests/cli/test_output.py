"""What is printed where: documents, lines, progress."""

from __future__ import annotations

import io
import json
import sys

import pytest

from mlops.cli.output.progress import Progress
from mlops.cli.output.results import Result, print_result
from mlops.cli.output.text import at, columns, count, metrics
from tests.cli.conftest import PIPELINE, Desk

#: Command and the keys of its document, beside `command` and `exit_code`.
SHAPES: dict[str, tuple[tuple[str, ...], set[str]]] = {
    "status": ((PIPELINE,), {"pipelines", "servers"}),
    "log": ((PIPELINE,), {"pipeline", "entries", "holdouts", "more", "arrivals", "waiting"}),
    "diff": ((PIPELINE, "1", "2"), {"pipeline", "left", "right", "objects", "metrics", "link"}),
    "run": (
        (PIPELINE, "--param", "shrinkage=11"),
        {
            "pipeline", "run_id", "branch", "promoted", "would_promote", "number", "merge_commit",
            "evidence_commit", "compared_to", "decided_again", "metrics", "unit", "verdict", "warnings",
            "links", "waiting", "pull_request",
        },
    ),
    "rollback": (
        (PIPELINE, "--reason", "it was wrong"),
        {
            "pipeline", "repository", "endpoint", "dry_run", "changed", "number", "from_commit", "to_commit",
            "to_number", "reason", "forward", "dropped_runs", "dropped_arrivals", "seconds",
        },
    ),
    "resume": (
        (PIPELINE, "--reason", "found it"),
        {"pipeline", "repository", "endpoint", "resumed", "reason"},
    ),
    "reconcile": ((PIPELINE,), {"pipeline", "done"}),
    "sweep": ((PIPELINE,), {"pipeline", "repository", "endpoint", "dry_run", "branches", "collectable"}),
    "settings": ((), {"env", "settings", "params"}),
    "down": ((), {"stopped"}),
}  # fmt: skip

ERROR = {"error", "what", "where", "todo", "retryable"}


@pytest.mark.parametrize("command", SHAPES)
def test_json_is_one_document_of_a_known_shape(command: str, mlops: Desk) -> None:
    arguments, keys = SHAPES[command]

    answer = mlops(command, *arguments, "--json")

    assert answer.document["command"] == command
    assert set(answer.document) == {"command", "exit_code", *keys}
    assert answer.code == answer.document["exit_code"] == 0


@pytest.mark.parametrize("arguments", [("log", "nonsense"), ("rollback", PIPELINE), ("nonsense",), ()])
def test_an_error_is_one_document_too(arguments: tuple[str, ...], mlops: Desk) -> None:
    answer = mlops(*arguments, "--json")

    assert {*ERROR, "command", "exit_code"} == set(answer.document)
    assert answer.code == answer.document["exit_code"] != 0


def test_a_number_that_could_not_be_computed_is_null(capsys: pytest.CaptureFixture[str]) -> None:
    result = Result({"metrics": {"mae": float("nan"), "rmse": 1.5}})

    print_result(result, "run", as_json=True, stdout=sys.stdout)

    assert json.loads(capsys.readouterr().out)["metrics"] == {"mae": None, "rmse": 1.5}


def test_json_may_stand_before_the_command(mlops: Desk) -> None:
    assert mlops("--json", "log", PIPELINE).document["command"] == "log"


def test_progress_and_what_libraries_print_stay_out_of_the_document(mlops: Desk) -> None:
    def open_workspace(_settings: object, _name: str, tell: object) -> object:
        print("a library talks")  # noqa: T201
        return mlops.workspace(tell)  # type: ignore[arg-type]

    answer = mlops("run", PIPELINE, "--param", "shrinkage=11", "--json", open_workspace=open_workspace)

    json.loads(answer.out)
    assert "a library talks" in answer.err
    assert "main: promotion 3 at" in answer.err


def test_progress_goes_to_standard_error_without_json_as_well(mlops: Desk) -> None:
    answer = mlops("run", PIPELINE, "--param", "shrinkage=11")

    assert "main: promotion 3 at" in answer.err
    assert "main: promotion 3 at" not in answer.out


@pytest.mark.parametrize(
    "command",
    [
        ("log", PIPELINE),
        ("settings",),
        ("config", "show"),
        ("run", PIPELINE, "--param", "shrinkage=11"),
        ("sweep", PIPELINE),
        ("status", PIPELINE),
    ],
    ids=lambda command: command[0],
)
def test_what_is_printed_fits_eighty_columns(command: tuple[str, ...], mlops: Desk) -> None:
    lines = mlops(*command).out.splitlines()

    # An address or a path is not broken: it could not be clicked or copied any more.
    whole = ("nothing else refers to", "http://", "state_dir = ", "mlflow.db")
    assert [line for line in lines if len(line) > 80 and not any(part in line for part in whole)] == []


def test_a_branch_that_is_removed_is_told_once(mlops: Desk) -> None:
    answer = mlops("sweep", PIPELINE, "--yes")

    branches = [line.split()[1] for line in answer.out.splitlines() if line.startswith("removed ")]
    assert branches
    assert not [branch for branch in branches if branch in answer.err]


class TestProgress:
    def test_is_plain_lines_where_nobody_looks(self) -> None:
        stream = io.StringIO()
        progress = Progress(stream)

        progress.report("fitting [red] on 3 rows")
        progress.close()

        assert stream.getvalue() == "fitting [red] on 3 rows\n"

    def test_moves_on_a_terminal_and_leaves_every_line(self) -> None:
        class Terminal(io.StringIO):
            def isatty(self) -> bool:
                return True

        stream = Terminal()
        progress = Progress(stream)

        progress.report("reading [a]")
        progress.report("fitting [b]")
        progress.close()
        progress.close()

        assert "reading [a]\n" in stream.getvalue()
        assert stream.getvalue().endswith("fitting [b]\n")


class TestText:
    def test_columns_stand_under_each_other(self) -> None:
        assert columns([("a", "1"), ("long", "22")], right=(1,), indent="") == ["a      1", "long  22"]
        assert columns([]) == []

    def test_long_texts_of_the_last_column_go_on_below_it(self) -> None:
        lines = columns([("stays", "its " + "results are kept here " * 6)])

        assert len(lines) > 1
        assert all(len(line) <= 80 for line in lines)
        assert all(line.startswith(" " * 9) for line in lines[1:])

    @pytest.mark.parametrize(
        ("number", "noun", "text"),
        [(1, "row", "1 row"), (2000, "row", "2,000 rows"), (2, "branch", "2 branches")],
    )
    def test_counts(self, number: int, noun: str, text: str) -> None:
        assert count(number, noun) == text

    def test_metrics_are_the_models_own(self) -> None:
        assert metrics({"rmse": 2.0, "mae": 1.23456, "baseline_mae": 9.0, "holdout_rows": 5.0}) == (
            "mae 1.235, rmse 2"
        )

    def test_metrics_of_parts_are_left_to_the_document(self) -> None:
        assert metrics({"miss_at_10": 0.5, "silhouette/rap": 0.2}) == "miss_at_10 0.5"

    def test_times_are_utc(self) -> None:
        assert at(0) == "1970-01-01T00:00:00Z"

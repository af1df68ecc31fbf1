"""``mlops explain``: what it prints, keeps and refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from infra.docs.json_output import documents
from tests.cli.conftest import PIPELINE, Answer, Desk
from tests.orchestration.test_explain import both_changed


@pytest.fixture(scope="module")
def both_runs() -> Any:
    return both_changed()


def test_divides_the_gain_keeps_it_and_shows_it_in_the_report(
    mlops: Desk, tmp_path: Path, both_runs: Any
) -> None:
    workspace, ended = both_runs

    def explain(*arguments: str) -> Answer:
        return mlops("explain", "2", *arguments, open_workspace=lambda *_: workspace, make_report=make)

    made: list[str] = []

    def make(_workspace: object, _commit: str, run_id: str, _folder: Path) -> Path:
        made.append(run_id)
        return Path(f"/{run_id}.html")

    answer = explain("--json")
    assert answer.code == 0, answer.err
    assert set(answer.document) == set(documents()["every"]) | set(documents()["explain"])
    assert [part["name"] for part in answer.document["parts"]] == ["data", "model", "both", "all"]
    kept = tmp_path / "state" / "reports" / PIPELINE / ended.run.run_id / "explanation.json"
    assert answer.document["file"] == str(kept)
    assert kept.is_file()
    assert made == [ended.run.run_id]
    lines = explain().out.splitlines()
    assert [line.partition("]")[2].strip() for line in lines[1:5]] == [
        "in all, against promotion 1",
        "from new rows, with the old model",
        "from new parameters, on the old rows",
        "from the two together, beyond their sum",
    ]
    assert lines[-1] == f"report: file:///{ended.run.run_id}.html"


def test_a_first_run_has_no_gain(mlops: Desk, both_runs: Any) -> None:
    workspace, _ = both_runs
    answer = mlops("explain", "1", open_workspace=lambda *_: workspace)
    assert (answer.code, "compared with no champion" in answer.error) == (3, True)

"""Check a project: every problem is listed with its place, and the exit code tells its kind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mlops.project_template.writing import write_project

NAME = "my-own"
MODEL, PIPELINE, DATA, JOIN = (f"src/my_own/{name}.py" for name in ("model", "pipeline", "data", "join"))
POLICY, RULE, SUITE = (f"expectations/{NAME}/{name}" for name in ("policy.yaml", "holdout.yaml", "rows.json"))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write_project(NAME, "regression", parent=tmp_path).folder


def change(project: Path, file: str, old: str, new: str) -> int:
    """Replace a text of a file; return the number of its line."""
    text = (project / file).read_text(encoding="utf-8")
    assert old in text
    (project / file).write_text(text.replace(old, new), encoding="utf-8")
    return text[: text.index(old)].count("\n") + 1


def check(project: Path) -> tuple[int, list[dict[str, str]]]:
    answer = subprocess.run(
        [str(Path(sys.executable).parent / "mlops"), "check", NAME, "--json"],
        cwd=project,
        env={k: v for k, v in os.environ.items() if not k.startswith(("MLOPS_", "LAKECTL_"))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in answer.stderr
    document = json.loads(answer.stdout)
    assert document["exit_code"] == answer.returncode
    return answer.returncode, document.get("problems", [document])


#: File, text in it, its replacement, exit code, and what the problem says.
CASES = {
    "target told": (PIPELINE, "(*NUMBERS, *CATEGORIES)", "(*NUMBERS, 'price')", 2, "the model would be told"),
    "reason": (PIPELINE, "'the target'", "''", 2, "excluded without a reason: price"),
    "no table key": (PIPELINE, "{TABLE: KEY}", "{}", 2, "table_keys has no columns for rows"),
    "params": (MODEL, "frozen=True", "frozen=False", 2, "params must be frozen"),
    "default": (MODEL, "alpha: float = 1.0", "alpha: float", 2, "params without a default: alpha"),
    "metric": (POLICY, "metric: rmse", "metric: log_loss", 2, "the pipeline records no 'log_loss'"),
    "slice": (POLICY, "metric: rmse", "metric: rmse\n    by: colour", 2, "the pipeline records no 'colour'"),
    "policy key": (POLICY, "min_clusters: 20", "min_cluster: 20", 2, "min_cluster"),
    "rule": (RULE, "fraction: 0.3", "fraction: 0.3\nby: [artist]", 2, "have no column 'artist'"),
    "period": (RULE, "kind: hash\nfraction: 0.3", "kind: newest_period\ncolumn: x\nperiod: day", 2, "time"),
    "suite": (SUITE, "expect_column_to_exist", "expect_nothing", 4, "unknown expectation expect_nothing"),
    "data": (SUITE, '"blue",', '"pink",', 4, "rows 17 of 18"),
    "json": (SUITE, '"name": "rows",', '"name": "rows"', 2, "cannot be read as JSON"),
    "column": (PIPELINE, "cluster='site'", "cluster='sight'", 3, "have no column sight"),
    "extract": (DATA, "return {TABLE: parse", "1 / 0\n    return {TABLE: parse", 3, "ZeroDivisionError"),
    "tables": (DATA, "return {TABLE: parse", "return {'else': parse", 3, "gave the tables else, not rows"),
    "join": (JOIN, "drop_duplicates(list(KEY)", "drop_duplicates(list('q')", 3, "KeyError"),
    "type": (MODEL, '    "sklearn.pipeline.Pipeline",\n', "", 2, "cannot be saved"),
    "no check": (MODEL, "sklearn.pipeline.Pipeline", "sklearn.svm._classes.SVC", 2, "cannot be checked"),
    "foreign": (MODEL, "sklearn.pipeline.Pipeline", "os.system", 2, "os.system"),
    "fit": (MODEL, "Ridge(alpha=params.alpha)", "Ridge(alpha='x')", 3, "InvalidParameterError"),
    "baseline": (MODEL, "np.full(len(rows)", "np.full(3", 3, "shape"),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_a_problem_is_named_with_its_file(case: str, project: Path) -> None:
    file, old, new, code, message = CASES[case]
    change(project, file, old, new)
    found, problems = check(project)
    assert found == code, problems
    assert message in problems[0]["what"], problems
    if case not in ("foreign", "type"):
        assert any(name in problems[0]["where"] for name in (file, PIPELINE, DATA, JOIN)), problems


@pytest.mark.slow
def test_lines_are_those_of_the_problem(project: Path) -> None:
    line = change(project, DATA, "    return {TABLE: parse", "    1 / 0\n    return {TABLE: parse")
    guard = change(project, POLICY, "metric: rmse", "metric: log_loss")
    _, problems = check(project)
    places = [problem["where"] for problem in problems]
    assert f"{project}/{POLICY}:{guard}" in places
    assert f"{project}/{DATA}:{line}" in places


@pytest.mark.slow
def test_all_problems_are_listed(project: Path) -> None:
    change(project, POLICY, "metric: mae", "metric: nothing")
    change(project, POLICY, "metric: rmse", "metric: nothing_else")
    (project / SUITE).unlink()
    (project / f"expectations/{NAME}/further.json").write_text("{}")
    (project / RULE).unlink()
    code, problems = check(project)
    assert code == 2
    assert len(problems) == 5, problems


@pytest.mark.slow
def test_a_source_without_arrivals_and_one_with_too_few_rows_are_named(project: Path) -> None:
    for path in (project / "data").iterdir():
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join(lines[:1]))
    assert "min_value" not in str(check(project)[1])
    for path in (project / "data").iterdir():
        path.unlink()
    code, problems = check(project)
    assert (code, "no arrivals" in problems[0]["what"]) == (3, True)


def test_the_source_that_settings_describe_is_the_one_that_is_tried(project: Path) -> None:
    settings = project / "pyproject.toml"
    text = settings.read_text(encoding="utf-8")
    lines = [f"[tool.mlops.sources.{NAME}]", 'kind = "files"', 'arrivals = ["a"]']
    table = "\n".join(["", *lines, 'tables = {rows = "no/{arrival}.csv"}', ""])
    settings.write_text(text + table, encoding="utf-8")
    code, problems = check(project)
    assert code == 3
    assert "no/a.csv: there is no such file" in problems[0]["what"]

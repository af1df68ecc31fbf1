"""Write a project, and let it pass its own tests, be checked, run and be installed."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import yaml

from mlops.adapters.lake import servers
from tests.cli.conftest import Answer, Mlops

ROOT = Path(__file__).resolve().parents[2]
TASKS = ("regression", "classification", "ranking", "data")


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)


def write_csv(name: str, text: str) -> str:
    Path(name).write_text(text, encoding="utf-8")
    return name


def table(rows: int = 60, **columns: object) -> str:
    """Return a CSV with an id, a number and a target, and further columns of one value."""
    frame = pd.DataFrame(
        {"id": range(rows), "x": [n * 0.5 for n in range(rows)], "y": [n * 2.5 for n in range(rows)]}
    )
    return frame.assign(**columns).to_csv(index=False)


@pytest.mark.parametrize("task", TASKS)
def test_every_file_can_be_parsed_and_names_the_project(task: str, real: Mlops) -> None:
    answer = real("new", "my-own", "--task", task, "--json")
    assert answer.code == 0, answer.err
    folder = Path("my-own")
    assert {"pyproject.toml", ".github/workflows/checks.yml", "justfile", "data/part-1.csv"} <= set(
        answer.document["files"]
    )
    for file in answer.document["files"]:
        text = (folder / file).read_text(encoding="utf-8")
        if file.endswith(".py"):
            ast.parse(text)
        if file.endswith((".yml", ".yaml")):
            yaml.safe_load(text)
        if not file.startswith(("data/", ".github")):
            assert "@" not in text.replace("@dataclass", "").replace("@pytest", ""), file
    targets = {"regression": "price", "classification": "grade", "ranking": "item_id", "data": ""}
    assert answer.document["target"] == targets[task]


def test_the_workflow_follows_the_schema_and_may_only_read(real: Mlops) -> None:
    assert real("new", "my-own", "--task", "regression").code == 0
    path = Path("my-own/.github/workflows/checks.yml")
    tool = Path(sys.executable).parent / "check-jsonschema"
    command = [str(tool), "--builtin-schema", "vendor.github-workflows", str(path)]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout
    assert yaml.safe_load(path.read_text())["permissions"] == {"contents": "read"}


@pytest.mark.parametrize("task", ["clustering", "Regression", ""])
def test_a_task_that_does_not_exist_is_refused_with_those_that_do(task: str, real: Mlops) -> None:
    answer = real("new", "my-own", "--task", task)
    assert answer.code == 2
    assert "there are regression, classification, ranking, data" in answer.error
    assert not Path("my-own").exists()


@pytest.mark.parametrize("name", ["My_Own", "a", "../up", "a/b", "", "flights", "x" * 80])
def test_a_name_that_cannot_be_a_pipeline_is_refused(name: str, real: Mlops) -> None:
    assert real("new", name, "--task", "regression").code == 2
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize("kind", ["empty folder", "folder", "file", "dangling link"])
def test_nothing_that_exists_is_overwritten(kind: str, real: Mlops) -> None:
    path = Path("my-own")
    if kind == "file":
        path.write_text("mine")
    elif kind == "dangling link":
        path.symlink_to("nowhere")
    else:
        path.mkdir()
        if kind == "folder":
            (path / "pyproject.toml").write_text("mine")
    answer = real("new", "my-own", "--task", "regression")
    assert answer.code == 2
    assert "exists already and is not changed" in answer.error
    assert path.is_symlink() or path.is_file() or [f.read_text() for f in path.iterdir()] in ([], ["mine"])


SAMPLES = {
    "empty": ("", "regression", 3, "cannot be read as CSV"),
    "no rows": ("a,b\n", "regression", 3, "the table has no rows"),
    "one column": ("a\n1\n2\n", "regression", 3, "two columns"),
    "no number": ("id,a\nq,x\nr,y\n", "regression", 3, "no column suits regression"),
    "one class": ("id,x,kind\n1,2,a\n2,3,a\n", "classification", 3, "no column suits classification"),
    "no key": ("a,y\n1,1.5\n1,2.5\n", "regression", 3, "identifies a row"),
    "same name": ("a,a,y\n1,2,1.5\n2,3,2.5\n", "regression", 0, ""),  # pandas names the second one a.1
    "missing target": ("id,y\na,\nb,3\n", "regression", 3, "no column suits"),
    "all missing": ("id,x,gone,y\n1,3,,1.5\n2,4,,2.5\n", "regression", 0, ""),
}


@pytest.mark.parametrize("case", SAMPLES)
def test_a_sample_that_does_not_suit_is_one_line_and_leaves_nothing(case: str, real: Mlops) -> None:
    text, task, code, message = SAMPLES[case]
    answer = real("new", "my-own", "--task", task, "--sample", write_csv("s.csv", text))
    assert answer.code == code, answer.err
    if code:
        assert message in answer.error
        assert not Path("my-own").exists()


def test_a_sample_in_another_encoding_or_none_is_an_error(real: Mlops) -> None:
    Path("s.csv").write_bytes("id,y\n1,\xe4\n2,b\n".encode("latin-1"))
    for name in ("s.csv", "none.csv", "s.txt"):
        assert real("new", "my-own", "--task", "classification", "--sample", name).code == 3
    assert not Path("my-own").exists()


def test_target_and_key_can_be_named(real: Mlops) -> None:
    sample = write_csv("s.csv", table(z=7))
    named = ("--target", "x", "--key", "y", "--json")
    document = real("new", "my-own", "--task", "regression", "--sample", sample, *named).document
    assert (document["target"], document["key"]) == ("x", ["y"])
    assert document["excluded"]["z"] == "the same in every row of the sample"
    for wrong in (("--target", "q"), ("--key", "q"), ("--key", "z")):
        assert real("new", "other", "--task", "regression", "--sample", sample, *wrong).code == 3


def test_query_and_item_are_guessed_or_named(real: Mlops) -> None:
    frame = pd.DataFrame(
        [(n, f"l{n // 5}", f"i{n % 5}", n / 2) for n in range(60)], columns=["n", "l", "i", "x"]
    )
    sample = write_csv("s.csv", frame.to_csv(index=False))
    new = ("--task", "ranking", "--sample", sample, "--json")
    guessed = real("new", "my-own", *new).document
    assert (guessed["key"], guessed["cluster"], guessed["target"]) == (["l", "i"], "l", "i")
    assert guessed["excluded"]["n"] == "the model takes query and item alone"
    named = real("new", "other", *new, "--target", "l").document
    assert (named["key"], named["target"]) == (["i", "l"], "l")
    for wrong in (("--key", "n", "--key", "l"), ("--key", "l"), ("--target", "x")):
        answer = real("new", "third", *new, *wrong)
        assert answer.code == 3
        assert "no query and item identify a row together" in answer.error
    assert not Path("third").exists()


def test_data_alone_needs_a_key_and_no_target(real: Mlops) -> None:
    sample = write_csv("s.csv", "id,note\n1,a\n2,\n3,\n")
    new = ("--task", "data", "--sample", sample)
    document = real("new", "my-own", *new, "--json").document
    assert (document["key"], document["cluster"], document["model_input"]) == (["id"], "", [])
    assert "key id, no model" in real("new", "other", *new).out
    assert "has no target" in real("new", "third", *new, "--target", "note").error
    assert "rows share a key" in real("new", "third", *new, "--key", "note").error
    assert not Path("third").exists()
    assert _command("check", "my-own", folder=Path("my-own")).returncode == 0


STRANGE = ["a'b", 'a"b', "a\\nb", "@name@", "x'''\"\"\"", "${{ secrets }}", "{x}", "größe", "a\tb"]


def test_names_of_columns_and_values_are_never_taken_for_code(real: Mlops) -> None:
    frame = pd.DataFrame({name: [float(n * k) for n in range(60)] for k, name in enumerate(STRANGE, 1)})
    frame = frame.assign(
        id=range(60), text=[STRANGE[n % len(STRANGE)] for n in range(60)], y=[1.5 + n for n in range(60)]
    )
    frame.to_parquet("s.parquet")
    answer = real("new", "my-own", "--task", "regression", "--sample", "s.parquet", "--json")
    assert answer.code == 0, answer.err
    assert set(STRANGE) <= set(answer.document["model_input"])
    for file in answer.document["files"]:
        if file.endswith(".py"):
            ast.parse((Path("my-own") / file).read_text(encoding="utf-8"))
    suite = json.loads(Path("my-own/expectations/my-own/rows.json").read_text(encoding="utf-8"))
    named = {e["kwargs"]["column"] for e in suite["expectations"] if "column" in e["kwargs"]}
    assert named == set(frame.columns)
    assert _command("check", "my-own", folder=Path("my-own")).returncode == 0


@pytest.mark.parametrize("name", ["json", "numpy", "class", "1st-try", "tests"])
def test_the_package_has_a_name_of_its_own(name: str, real: Mlops) -> None:
    sample = write_csv("s.csv", table())
    assert real("new", name, "--task", "regression", "--sample", sample).code == 0
    (package,) = Path(name, "src").iterdir()
    assert package.name.startswith("pipeline_")
    assert package.name.isidentifier()


def _environment(**more: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MLOPS_", "LAKECTL_", "PYTEST_"))}
    return {**kept, "MLOPS_LAKE_PORT": "0", **more}


def _command(*arguments: str, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(Path(sys.executable).parent / "mlops"), *arguments],
        cwd=folder,
        env=_environment(**more),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def _stopped() -> Iterator[None]:
    yield
    servers.stop(Path("my-own/.mlops"))


@pytest.mark.slow
@pytest.mark.usefixtures("_stopped")
@pytest.mark.parametrize("task", TASKS)
def test_a_project_passes_its_tests_and_runs_at_once(task: str, real: Mlops) -> None:
    assert real("new", "my-own", "--task", task).code == 0
    folder = Path("my-own")
    tested = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error::ImportWarning"],
        cwd=folder,
        env=_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert tested.returncode == 0, tested.stdout
    for command in (
        ("check", "my-own"),
        ("init", "my-own"),
        ("ingest", "my-own", "part-1", "part-2"),
        ("run", "my-own"),
        ("audit", "my-own", "--rescore", "--rebuild", "--refit"),
    ):
        answer = _command(*command, folder=folder)
        assert answer.returncode == 0, answer.stderr
    status = json.loads(_command("status", "--json", folder=folder).stdout)
    assert [(p["pipeline"], p["champion"]["number"]) for p in status["pipelines"]] == [("my-own", 1)]


@pytest.mark.slow
@pytest.mark.usefixtures("_stopped")
def test_versions_of_data_alone_are_made_refused_and_gone_back_to(real: Mlops) -> None:
    assert real("new", "my-own", "--task", "data").code == 0
    folder = Path("my-own")

    def done(*arguments: str, code: int = 0) -> str:
        answer = _command(*arguments, folder=folder)
        assert answer.returncode == code, answer.stdout + answer.stderr
        return answer.stdout

    done("init", "my-own")
    done("ingest", "my-own", "part-1")
    done("run", "my-own")
    done("ingest", "my-own", "part-2")
    done("run", "my-own", "--param", "fraction=0.5")

    def listed() -> list[tuple[str, int]]:
        found = json.loads(done("versions", "my-own", "--json"))["versions"]
        return [(version["version"], version["rows"]) for version in found if version["state"] == "on main"]

    (first, rows), (second, half) = listed()
    assert (first, rows, second) == ("v1", 600, "v2")
    assert 480 < half < 720
    done("rollback", "my-own", "--to", "v1", "--reason", "half is too few")
    assert listed() == [("v1", 600)]
    done("audit", "my-own", "--rebuild", code=0)
    status = json.loads(done("status", "--json"))
    assert status["pipelines"][0]["champion"]["number"] == 1


@pytest.mark.slow
def test_a_wheel_with_an_entry_point_is_a_pipeline_wherever_it_is_installed(
    real: Mlops, tmp_path: Path
) -> None:
    assert real("new", "my-own", "--task", "classification").code == 0
    site, other = tmp_path / "site", tmp_path / "other"
    other.mkdir()
    for command in (
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(site),
         str(tmp_path / "my_own-0.1.0-py3-none-any.whl")],
    ):  # fmt: skip
        done = subprocess.run(command, cwd="my-own", capture_output=True, text=True, check=False)
        if "No module named pip" in done.stderr:
            subprocess.run(
                [sys.executable, "-m", "zipfile", "-e", command[-1], str(site)],
                check=True,
                capture_output=True,
            )
        else:
            assert done.returncode == 0, done.stderr
    answer = _command("check", "my-own", "--json", folder=other, PYTHONPATH=str(site))
    assert answer.returncode == 0, answer.stderr
    document = json.loads(answer.stdout)
    assert document["declared"] == "entry point of my-own 0.1.0"
    assert document["problems"] == []
    both = _command("check", "my-own", folder=Path("my-own"), PYTHONPATH=str(site))
    assert both.returncode == 2
    assert "entry point of my-own 0.1.0" in both.stderr
    assert "pyproject.toml" in both.stderr


def test_answers_have_the_documented_keys(real: Mlops) -> None:
    from infra.docs.json_output import documents

    answer: Answer = real("new", "my-own", "--task", "regression", "--json")
    assert set(answer.document) == {"command", "exit_code", *documents()["new"]}

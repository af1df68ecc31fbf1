"""Pipelines from elsewhere: entry points and project folders, each in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]

SPEC = """
from dataclasses import dataclass
from mlops.pipelines.sources import FunctionSource
from mlops.pipelines.spec import PipelineSpec
from mlops.runs.saved_types import functions, objects
{before}
@dataclass(frozen=True)
class Params:
    alpha: float = 1.0

SPEC = PipelineSpec(
    name="{name}", title="t", tables=("t",), key=("k",), table_keys={{"t": ("k",)}}, time="", cluster="k",
    target="y", unit="m", model_input=("x",), excluded={{}}, slices=(), params=Params,
    trusted_types={types}, source=lambda o: FunctionSource(lambda: (), lambda a: {{}}),
    parse=lambda t, f: f, join=lambda d: None, model=lambda p, s: None, baseline=lambda t, r: None,
)
"""

ASK = """
import json, sys
from mlops.runs.errors import MlopsError
from mlops.pipelines.registry import *
answer = {}
for name in sys.argv[1:]:
    try:
        spec = pipeline(name)
        code = code_of(spec)
        place = expectations_of(name)
        answer[name] = {"code": code.name, "version": code.version, "expectations": place and str(place)}
        answer[name]["place"] = declaration_of(name).place
    except MlopsError as error:
        answer[name] = {"error": type(error).__name__, "text": str(error)}
answer["names"] = pipeline_names()
print(json.dumps(answer))
"""

Ask = Callable[..., dict[str, Any]]


def write(folder: Path, files: dict[str, str]) -> Path:
    """Write files of a project, as only their owner may change them."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
        path.write_text(text, encoding="utf-8")
    return folder


def spec(name: str = "mine", types: str = "()", before: str = "") -> str:
    return SPEC.format(name=name, types=types, before=before)


def declaring(**targets: str) -> str:
    lines = "".join(f"{json.dumps(name)} = {json.dumps(target)}\n" for name, target in targets.items())
    return f"[project]\nname = 'x'\n\n[tool.mlops.pipelines]\n{lines}"


def ask(folder: Path, *names: str, path: Path | None = None, script: str = ASK) -> dict[str, Any]:
    """Ask the registry of a process that works in a folder."""
    search = os.pathsep.join(str(entry) for entry in (path, ROOT) if entry)
    answer = subprocess.run(
        [sys.executable, "-P", "-c", script, *names],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": search},
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stderr == ""
    return json.loads(answer.stdout)


def installed(site: Path, package: str, *points: str, version: str = "1.2") -> Path:
    """Put the metadata of an installed distribution with entry points into a folder of the search path."""
    info = site / f"{package}-{version}.dist-info"
    write(
        info,
        {
            "METADATA": f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n",
            "entry_points.txt": "[mlops.pipelines]\n" + "\n".join(points) + "\n",
        },
    )
    return site


@pytest.mark.parametrize("root", ["src/", ""])
def test_a_project_declares_a_pipeline_that_is_found_from_below(tmp_path: Path, root: str) -> None:
    project = write(
        tmp_path,
        {
            "pyproject.toml": declaring(mine="acme.lines:SPEC"),
            f"{root}acme/__init__.py": "",
            f"{root}acme/lines.py": spec(),
            "expectations/mine/policy.yaml": "",
            "deep/er/file": "",
        },
    )
    answer = ask(project / "deep/er", "mine", "flights")
    assert answer["mine"] == {
        "code": "acme",
        "version": "",
        "expectations": str(project / "expectations/mine"),
        "place": f"{project}/pyproject.toml:5",
    }
    assert answer["flights"]["expectations"] is None
    assert {"flights", "mine"} <= set(answer["names"])


def test_an_installed_distribution_declares_a_pipeline(tmp_path: Path) -> None:
    site = installed(tmp_path / "site", "acme", "mine = acme.lines:SPEC", "other = acme.other:SPEC")
    write(site, {"acme/__init__.py": "", "acme/lines.py": spec(), "acme/other.py": spec("other")})
    write(site, {"acme/expectations/policy.yaml": "", "acme/expectations/other/policy.yaml": ""})
    answer = ask(tmp_path, "mine", "other", path=site)
    assert answer["mine"] == {
        "code": "acme",
        "version": "acme 1.2",
        "expectations": str(site / "acme/expectations"),
        "place": "entry point of acme 1.2",
    }
    assert answer["other"]["expectations"] == str(site / "acme/expectations/other")


def test_a_namespace_is_not_one_pipelines_own(tmp_path: Path) -> None:
    project = write(
        tmp_path,
        {
            "pyproject.toml": declaring(mine="acme.mine.lines:SPEC"),
            "src/acme/mine/__init__.py": "",
            "src/acme/mine/lines.py": spec(),
        },
    )
    assert ask(project, "mine")["mine"]["code"] == "acme.mine"


def test_two_pipelines_of_one_name_are_an_error_that_names_both_places(tmp_path: Path) -> None:
    site = installed(tmp_path / "site", "acme", "mine = acme:SPEC")
    write(site, {"acme.py": spec()})
    project = write(
        tmp_path / "p",
        {"pyproject.toml": declaring(mine="own:SPEC", flights="own:SPEC"), "own.py": spec()},
    )
    answer = ask(project, "mine", "flights", path=site)
    for name, first in (("mine", "entry point of acme 1.2"), ("flights", "built into mlops")):
        assert answer[name]["error"] == "ConfigError"
        assert first in answer[name]["text"]
        assert f"{project}/pyproject.toml:" in answer[name]["text"]


def test_a_project_that_is_installed_from_its_folder_is_one_pipeline(tmp_path: Path) -> None:
    project = write(
        tmp_path, {"pyproject.toml": declaring(mine="acme.lines:SPEC"), "src/acme/__init__.py": ""}
    )
    write(project, {"src/acme/lines.py": spec(), "expectations/mine/policy.yaml": ""})
    installed(project / "src", "acme", "mine = acme.lines:SPEC")
    answer = ask(project, "mine", path=project / "src")
    assert answer["mine"]["expectations"] == str(project / "expectations/mine")


@pytest.mark.parametrize(
    ("target", "module", "message"),
    [
        ("own:SPEC", "import nothing_like_that", "No module named 'nothing_like_that'"),
        ("own:SPEC", "x = 1 / 0", "ZeroDivisionError"),
        ("own:SPEC", "raise SystemExit(3)", "SystemExit"),
        ("own:SPEC", "def (", "SyntaxError"),
        ("own:SPEC", "", "there is no such attribute"),
        ("own:SPEC", "SPEC = 3", "it is a int"),
        ("own:SPEC", spec("other"), "its specification has the name other"),
        ("own", spec(), "not of the form package.module:SPEC"),
        ("own:", spec(), "not of the form package.module:SPEC"),
        ("../own:SPEC", spec(), "not of the form package.module:SPEC"),
        ("nowhere:SPEC", spec(), "there is no module nowhere"),
        ("own.further:SPEC", spec(), "not a package"),
    ],
)
def test_a_pipeline_that_cannot_be_used_is_one_line_with_its_place(
    tmp_path: Path, target: str, module: str, message: str
) -> None:
    project = write(tmp_path, {"pyproject.toml": declaring(mine=target), "own.py": module})
    answer = ask(project, "mine", "flights")
    assert answer["mine"]["error"] == "ConfigError"
    assert message in answer["mine"]["text"]
    assert f"{project}/pyproject.toml:5" in answer["mine"]["text"]
    assert "\n" not in answer["mine"]["text"]
    assert "code" in answer["flights"]


@pytest.mark.parametrize("name", ["My_Pipe", "a", "x" * 80, "-a-b", "a/b"])
def test_a_name_that_is_no_repository_is_refused(tmp_path: Path, name: str) -> None:
    project = write(tmp_path, {"pyproject.toml": declaring(**{name: "own:SPEC"}), "own.py": spec(name)})
    answer = ask(project, name)
    assert f"{project}/pyproject.toml:5" in answer[name]["text"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[tool.mlops.pipelines\n", "cannot be read as TOML"),
        ("[tool.mlops]\npipelines = 3\n", "must be a table"),
        ("[tool.mlops.pipelines]\na = 'x:S'\na = 'y:S'\n", "cannot be read as TOML"),
        ("tool = 3\n", "must be a table"),
    ],
)
def test_a_project_file_that_cannot_be_read_is_named_and_the_others_stay_usable(
    tmp_path: Path, text: str, message: str
) -> None:
    project = write(tmp_path, {"pyproject.toml": text})
    answer = ask(project, "mine", "flights")
    assert message in answer["mine"]["text"]
    assert "pyproject.toml" in answer["mine"]["text"]
    assert "code" in answer["flights"]


def test_nothing_of_a_project_is_imported_that_it_does_not_declare(tmp_path: Path) -> None:
    before = "import importlib.util\nassert importlib.util.find_spec('beside') is None\nimport json, pandas\n"
    before += "assert json.dumps and pandas.DataFrame"
    files = {"beside.py": "", "json.py": "raise OSError", "pandas/__init__.py": "raise OSError"}
    project = write(
        tmp_path,
        {**files, "pyproject.toml": declaring(mine="own:SPEC", j="json:SPEC"), "own.py": spec(before=before)},
    )
    answer = ask(project, "mine")
    assert answer["mine"].get("code") == "own", answer
    undeclared = write(tmp_path / "b", {"pyproject.toml": "[project]\nname = 'x'\n", "own.py": "1 / 0"})
    assert "no such pipeline" in ask(undeclared, "mine")["mine"]["text"]


def test_a_project_cannot_take_the_place_of_an_installed_module(tmp_path: Path) -> None:
    files = {"pyproject.toml": declaring(mine="sklearn.own:SPEC"), "sklearn/__init__.py": ""}
    project = write(tmp_path, {**files, "sklearn/own.py": spec()})
    assert "has the name of another one" in ask(project, "mine")["mine"]["text"]


@pytest.mark.parametrize(
    "part", ["pyproject.toml", ".", "src", "src/acme", "src/acme/lines.py", "expectations/mine"]
)
def test_code_that_every_user_can_change_is_not_imported(tmp_path: Path, part: str) -> None:
    project = write(
        tmp_path / "p",
        {
            "pyproject.toml": declaring(mine="acme.lines:SPEC"),
            "src/acme/__init__.py": "",
            "src/acme/lines.py": spec(),
            "expectations/mine/policy.yaml": "",
        },
    )
    assert "code" in ask(project, "mine")["mine"]
    path = project / part
    path.chmod(path.stat().st_mode | 0o002)
    answer = ask(project, "mine", "flights")
    assert "can be changed by every user" in answer["mine"]["text"]
    assert str(path.resolve()) in answer["mine"]["text"]
    assert "code" in answer["flights"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away")
def test_code_of_another_user_is_not_imported(tmp_path: Path) -> None:
    project = write(tmp_path, {"pyproject.toml": declaring(mine="own:SPEC"), "own.py": spec()})
    os.chown(project / "own.py", 12345, 12345)
    assert "belongs to another user" in ask(project, "mine")["mine"]["text"]
    os.chown(project / "own.py", 0, 0)
    os.chown(project / "pyproject.toml", 12345, 12345)
    assert "belongs to another user" in ask(project, "mine")["mine"]["text"]


def test_a_planted_project_cannot_make_a_pipeline_unusable(tmp_path: Path) -> None:
    project = write(tmp_path, {"pyproject.toml": declaring(flights="own:SPEC"), "own.py": spec("flights")})
    (project / "pyproject.toml").chmod(0o666)
    assert ask(project, "flights")["flights"]["code"] == "mlops.pipelines.flights"


TYPES = {
    "objects('acme.lines.Params')": None,
    "objects('sklearn.pipeline.Pipeline')": None,
    "functions('os.system')": "os.system",
    "functions('builtins.eval')": "builtins.eval",
    "functions('eval')": ".eval",
    "functions('acme_evil.run')": "acme_evil.run",
    "functions('sklearnish.run')": "sklearnish.run",
    "objects('mlops.pipelines.flights.model.EnRouteRegressor')": "EnRouteRegressor",
    "functions('mlops.runs.statements.sign')": "mlops.runs.statements.sign",
    "functions('subprocess.run') + objects('acme.lines.Params')": "subprocess.run",
}


@pytest.mark.parametrize("types", TYPES)
def test_models_may_hold_types_of_known_libraries_and_of_the_pipelines_own_package(
    tmp_path: Path, types: str
) -> None:
    files = {"pyproject.toml": declaring(mine="acme.lines:SPEC"), "acme/__init__.py": ""}
    project = write(tmp_path, {**files, "acme/lines.py": spec(types=types)})
    answer = ask(project, "mine", "flights")
    named = TYPES[types]
    assert "code" in answer["flights"]
    if named is None:
        assert "code" in answer["mine"]
    else:
        assert named in answer["mine"]["text"]
        assert "acme.lines.Params" not in answer["mine"]["text"]


TRUST = """
import json, sys
import mlflow.sklearn
from mlops.adapters.tracking.plugins import trusted_types
from mlops.runs.errors import MlopsError
found = {}
for name in sys.argv[1:]:
    try:
        found[name] = sorted(kind.path for kind in trusted_types(name))
    except MlopsError as error:
        found[name] = str(error)
print(json.dumps(found))
"""


def test_the_plugin_of_mlflow_asks_the_same_registry(tmp_path: Path) -> None:
    site = installed(tmp_path / "site", "acme", "mine = acme:SPEC", "flights = acme:WIDE")
    wide = (
        spec(types="objects('acme.Params')")
        + "\nimport dataclasses\nWIDE = dataclasses.replace(SPEC, name='flights')\n"
    )
    write(site, {"acme.py": wide})
    answer = ask(tmp_path, "mine", "flights", "nobody", path=site, script=TRUST)
    assert answer["mine"] == ["acme.Params"]
    assert "two pipelines have this name" in answer["flights"]
    assert "no such pipeline" in answer["nobody"]


def test_every_usable_pipeline_is_given_to_dagster(tmp_path: Path) -> None:
    script = """
import json
from mlops.orchestration.definitions import defs
print(json.dumps(sorted({key.path[0] for key in defs.resolve_asset_graph().get_all_asset_keys()})))
"""
    project = write(
        tmp_path,
        {
            "pyproject.toml": declaring(mine="own:SPEC", broken="broken:SPEC"),
            "own.py": spec(),
            "broken.py": "1/0",
        },
    )
    answer = subprocess.run(
        [sys.executable, "-P", "-c", script],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    served = json.loads(answer.stdout)
    assert {"flights", "mine"} <= set(served)
    assert "broken" not in served
    assert "ZeroDivisionError" in answer.stderr
    assert "Traceback" not in answer.stderr


@pytest.mark.parametrize(
    "path", ["lightgbm.sklearn.LGBMRegressor", "xgboost.core.Booster", "catboost.core.CatBoostClassifier"]
)
def test_models_that_compiled_code_parses_are_refused_with_what_to_use(tmp_path: Path, path: str) -> None:
    project = write(
        tmp_path,
        {
            "pyproject.toml": declaring(mine="acme.lines:SPEC"),
            "acme/__init__.py": "",
            "acme/lines.py": spec(types=f"objects({path!r})"),
        },
    )
    text = ask(project, "mine")["mine"]["text"]
    library = path.partition(".")[0]
    assert f"of its own package acme: {path}" in text
    assert f"a model of {library} is parsed by compiled code" in text
    assert "choose HistGradientBoostingRegressor or HistGradientBoostingClassifier of scikit-learn" in text

"""``mlops config show``: each value with its origin, the environment before or after the command's name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mlops.settings import Settings
from mlops.steps.production import environment
from mlops.steps.workspace import Workspace
from tests.cli.conftest import PIPELINE, Desk, Mlops

FILE = """\
lake_port = 8100
[params.tiny]
shrinkage = 11.0

[env.lab]
lake_port = 8200
lease_ttl_s = 600
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "mlops.toml").write_text(FILE.replace("tiny", PIPELINE), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    "arguments", [("--env", "lab", "config", "show"), ("config", "show", "--env", "lab")]
)
def test_each_value_is_shown_with_its_origin(
    real: Mlops, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.setenv("MLOPS_LAKE_TIMEOUT_S", "7")
    answer = real("--lake", "lakefs", *arguments)

    lines = answer.out.splitlines()
    assert "lake_port = 8200  (mlops.toml:6 [env.lab])" in lines
    assert "lake_timeout_s = 7.0  (MLOPS_LAKE_TIMEOUT_S)" in lines
    assert "lake = lakefs  (--lake)" in lines
    assert "promote_rounds = 20  (default)" in lines
    assert f"params.{PIPELINE}.shrinkage = 11.0  (mlops.toml:3)" in lines


@pytest.mark.usefixtures("project")
def test_settings_is_the_same_with_the_meaning_of_each(real: Mlops) -> None:
    shown, settings = real("config", "show", "--explain", "--json"), real("settings", "--json")

    assert shown.document["settings"] == settings.document["settings"]
    assert real("config", "show", "--explain").out == real("settings").out
    assert "how long" in real("settings").out.lower()


def test_a_mistake_is_one_line_and_settings_still_explains_them(project: Path, real: Mlops) -> None:
    (project / "mlops.toml").write_text("lake_prot = 1\n", encoding="utf-8")

    shown = real("config", "show")
    assert shown.code == 2
    assert shown.error.startswith(
        "error: mlops.toml:1: there is no setting lake_prot; did you mean lake_port?"
    )
    explained = real("settings")
    assert explained.code == 0
    assert explained.out.startswith("mistake: mlops.toml:1: there is no setting lake_prot")
    assert "MLOPS_LAKE_PORT, default 8000 port" in explained.out


@pytest.mark.usefixtures("project")
def test_parameters_of_the_file_reach_a_run_and_the_command_line_goes_over_them(mlops: Desk) -> None:
    asked: list[dict[str, object]] = []

    def execute(workspace: object, params: dict[str, object], **given: object) -> object:
        asked.append(params)
        return mlops.execute(workspace, params, **given)  # type: ignore[arg-type]

    mlops("run", PIPELINE, execute_run=execute)
    mlops("run", PIPELINE, "--param", "shrinkage=12.0", execute_run=execute)

    assert asked == [{"shrinkage": 11.0}, {"shrinkage": 12.0}]


@pytest.mark.usefixtures("project")
def test_an_unknown_environment_is_refused_before_anything_is_done(mlops: Desk) -> None:
    answer = mlops("run", PIPELINE, "--env", "prod")

    assert answer.code == 2
    assert "there is no environment prod; there are lab" in answer.error


@pytest.fixture
def modes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The program's own checkout may have changes while it is tested.
    monkeypatch.setattr(environment, "check_committed", lambda _path: None)
    text = '[env.dev]\nmode = "dev"\n[env.production]\nmode = "production"\n'
    (tmp_path / "mlops.toml").write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)


def _in_mode(desk: Desk) -> dict[str, object]:
    """Return what makes the desk's workspaces follow the mode of the settings."""

    def open_workspace(settings: Settings, _name: str, tell: Callable[[str], None]) -> Workspace:
        made = desk.workspace(tell)
        return replace(made, ports=replace(made.ports, mode=settings.mode))

    return {"open_workspace": open_workspace}


@pytest.mark.usefixtures("modes")
def test_a_run_in_mode_dev_shows_what_would_happen_and_ends_with_a_code_of_its_own(mlops: Desk) -> None:
    head = mlops.head
    better = mlops("run", PIPELINE, "--env", "dev", "--param", "shrinkage=1.0", "--json", **_in_mode(mlops))

    assert (better.code, mlops.head) == (8, head)
    assert (better.document["promoted"], better.document["would_promote"]) == (False, True)
    assert better.document["verdict"]["findings"][0]["reason"] == "dev_run"
    run = better.document["run_id"]
    assert "dev_run" in mlops("runs", PIPELINE).out
    shown = mlops("show", PIPELINE, run).out
    assert "it would be promoted" in " ".join(shown.split())
    assert "mode" in shown

    worse = mlops("run", PIPELINE, "--env", "dev", "--param", "shrinkage=50.0", **_in_mode(mlops))
    assert worse.code == 5
    assert worse.out.startswith("run ")
    assert "was made in mode dev, nothing is promoted" in worse.out

    again = mlops("promote", PIPELINE, run, "--env", "production", **_in_mode(mlops))
    assert (again.code, mlops.head) == (8, head)


@pytest.mark.usefixtures("modes")
@pytest.mark.parametrize(
    "command", [("promote", PIPELINE, "0" * 12), ("restore", PIPELINE, "1", "--reason", "why not")]
)
def test_promote_and_restore_are_refused_in_mode_dev(mlops: Desk, command: tuple[str, ...]) -> None:
    head = mlops.head
    answer = mlops(*command, "--env", "dev", **_in_mode(mlops))

    assert (answer.code, mlops.head) == (8, head)
    assert "nothing is promoted from an environment in mode dev" in answer.error

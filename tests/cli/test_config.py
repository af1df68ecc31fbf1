"""``mlops config show``: each value with its origin, the environment before or after the command's name."""

from __future__ import annotations

from pathlib import Path

import pytest

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

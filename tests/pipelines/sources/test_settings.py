"""Settings of sources: from the project's file and the environment; passwords never from the former."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops.pipelines.sources.configured import open_source
from mlops.pipelines.sources.files import FileSource
from mlops.pipelines.sources.options import checked
from mlops.runs.errors import ConfigError
from mlops.steps.arrivals.source_options import source_options, variable

SECRET = "secret-nobody-may-see"


def project(folder: Path, text: str) -> Path:
    (folder / "pyproject.toml").write_text(text)
    return folder


def test_a_table_of_the_nearest_project_describes_a_source(tmp_path: Path) -> None:
    project(
        tmp_path,
        '[tool.mlops.sources.sales]\nkind = "files"\ntables = {t = "{arrival}.csv"}\n',
    )
    (tmp_path / "deep").mkdir()

    found = source_options("sales", {}, tmp_path / "deep")

    assert found == {"kind": "files", "folder": str(tmp_path), "tables": {"t": "{arrival}.csv"}}
    assert source_options("other", {}, tmp_path) == {}


def test_the_environment_goes_over_the_file_and_names_the_pipeline(tmp_path: Path) -> None:
    project(tmp_path, '[tool.mlops.sources.movie-ratings]\nurl = "sqlite:///films.db"\n')
    assert source_options("movie-ratings", {}, tmp_path) == {"url": f"sqlite:///{tmp_path}/films.db"}

    given = {
        "MLOPS_SOURCE_MOVIE_RATINGS_URL": f"postgresql://me:{SECRET}@host/db",
        "MLOPS_SOURCE_OTHER_URL": "x",
    }
    assert source_options("movie-ratings", given, tmp_path) == {"url": f"postgresql://me:{SECRET}@host/db"}


@pytest.mark.parametrize(
    "line",
    [
        f'password = "{SECRET}"',
        f'url = "postgresql://me:{SECRET}@host/db"',
        f'tables = {{t = "https://host/{{arrival}}.csv?X-Amz-Signature={SECRET}"}}',
    ],
)
def test_a_password_in_the_project_is_refused_and_not_repeated(tmp_path: Path, line: str) -> None:
    project(tmp_path, f"[tool.mlops.sources.sales]\n{line}\n")
    with pytest.raises(ConfigError, match="does not belong into a file that is committed") as raised:
        source_options("sales", {}, tmp_path)
    assert SECRET not in str(raised.value)
    assert variable("sales", "password") in raised.value.todo


def test_a_password_file_must_be_private(tmp_path: Path) -> None:
    project(tmp_path, '[tool.mlops.sources.sales]\npassword_file = "key"\n')
    with pytest.raises(ConfigError, match="cannot be read"):
        source_options("sales", {}, tmp_path)
    (tmp_path / "key").write_text(SECRET + "\n")
    (tmp_path / "key").chmod(0o640)
    with pytest.raises(ConfigError, match="its owner's alone") as raised:
        source_options("sales", {}, tmp_path)
    assert SECRET not in str(raised.value)
    (tmp_path / "key").chmod(0o600)
    assert source_options("sales", {}, tmp_path)["password"] == SECRET


def test_a_file_that_others_can_change_is_not_followed(tmp_path: Path) -> None:
    project(tmp_path, '[tool.mlops.sources.sales]\nkind = "files"\n')
    (tmp_path / "pyproject.toml").chmod(0o666)
    with pytest.raises(ConfigError, match="can be changed by every user"):
        source_options("sales", {}, tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"knd": "files"}, "no such setting of a source; there are kind"),
        ({"timeout_s": "soon"}, "must be a number above 0"),
        ({"timeout_s": float("nan")}, "must be a number above 0"),
        ({"tables": "data"}, "must be a table"),
        ({"arrivals": [1]}, "must be a list of names"),
        ({"url": 5}, "must be text"),
    ],
)
def test_a_wrong_setting_is_named(options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as raised:
        checked(options, "source of sales")
    assert raised.value.where == f"source of sales: {next(iter(options))}"


def test_any_pipeline_can_be_read_from_files_without_code(tmp_path: Path) -> None:
    from mlops.pipelines import pipeline

    flights = pipeline("flights")
    tables = {table: f"{table}-{{arrival}}.csv" for table in flights.tables}
    own = flights.source({}).extract("2013-02")
    for table, frame in own.items():
        frame.head(50).to_csv(tmp_path / f"{table}-new.csv", index=False)

    found = open_source(flights, {"kind": "files", "folder": str(tmp_path), "tables": tables})

    assert isinstance(found, FileSource)
    assert found.arrivals() == ("new",)
    assert found.extract("new")["flights"].equals(own["flights"].head(50))
    with pytest.raises(ConfigError, match="must be files or sql"):
        open_source(flights, {"kind": "ftp"})

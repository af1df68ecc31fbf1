"""One configuration out of several layers: the highest wins, its origin is shown, mistakes are named."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mlops.pipelines.flights.pipeline import SPEC
from mlops.runs.errors import ConfigError
from mlops.settings import LakeMode, describe, in_force, load
from mlops.settings.parameters import checked_parameters, parameters_of
from mlops.settings.toml_lines import lines_of

SECRET = "a-secret-nobody-may-see"

Write = Callable[[str], Path]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Write ``mlops.toml`` into a project folder, and work in a folder below it without variables."""
    for name in [name for name in os.environ if name.startswith(("MLOPS_", "LAKECTL_", "MLFLOW_"))]:
        monkeypatch.delenv(name)
    below = tmp_path / "below"
    below.mkdir()
    monkeypatch.chdir(below)

    def write(text: str) -> Path:
        file = tmp_path / "mlops.toml"
        file.write_text(text, encoding="utf-8")
        return file

    return write


def origin_of(name: str, **given_: object) -> str:
    return next(str(row.origin) for row in in_force(**given_) if row.name == name)


def value_of(name: str, **given_: object) -> str:
    return next(row.value for row in in_force(**given_) if row.name == name)


#: Setting to a value for each layer, lowest first: file, section, variable, option.
VALUES = {
    "lake_port": (1, 2, 3, 4),
    "lake_timeout_s": (1.5, 2.5, 3.5, 4.5),
    "lakefs_download": (False, True, False, True),
    "lake": ("external", "lakefs", "external", "lakefs"),
    "mlflow_tracking_uri": ("http://one", "http://two", "http://three", "http://four"),
}


def toml(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value).lower()


class TestPrecedence:
    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(name=st.sampled_from(sorted(VALUES)), layers=st.sets(st.integers(0, 3)))
    @example(name="mlflow_tracking_uri", layers={0, 1, 2, 3})
    def test_the_highest_layer_that_names_a_setting_wins_and_is_its_origin(
        self, project: Write, name: str, layers: set[int]
    ) -> None:
        values = VALUES[name]
        base = f"{name} = {toml(values[0])}\n" if 0 in layers else ""
        section = f"{name} = {toml(values[1])}\n" if 1 in layers else ""
        file = project(f"{base}[env.lab]\n{section}")
        variables = {"MLOPS_ENV": "lab"} | (
            {f"MLOPS_{name.upper()}": toml(values[2]).strip('"')} if 2 in layers else {}
        )
        given_ = {name: values[3]} if 3 in layers else {}
        with mock.patch.dict(os.environ, variables):
            found, origin = getattr(load(**given_), name), origin_of(name, **given_)

        places = (
            f"{file}:1",
            f"{file}:{2 + (0 in layers)} [env.lab]",
            f"MLOPS_{name.upper()}",
            f"--{name.replace('_', '-')}",
        )
        if layers:
            assert (found, origin) == (values[max(layers)], places[max(layers)])
        else:
            assert (found, origin) == (getattr(load(env="lab"), name), "default")

    @given(layers=st.sets(st.integers(0, 2)))
    @settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_parameters_of_a_model_have_the_same_layers(self, project: Write, layers: set[int]) -> None:
        project(
            ("[params.flights]\nmax_iter = 11\n" if 0 in layers else "")
            + "[env.lab]\n"
            + ("params.flights.max_iter = 12\n" if 1 in layers else "")
        )
        variables = {"MLOPS_PARAM_FLIGHTS_MAX_ITER": "13"} if 2 in layers else {}
        with mock.patch.dict(os.environ, variables):
            found = checked_parameters(SPEC, "lab")

        assert found == ({"max_iter": 11 + max(layers)} if layers else {})

    def test_without_an_environment_its_sections_are_not_in_force(self, project: Write) -> None:
        project("lake_port = 1\n[env.lab]\nlake_port = 2\n")

        assert (load().lake_port, load(env="lab").lake_port) == (1, 2)

    def test_a_relative_path_begins_at_the_file(self, project: Write) -> None:
        file = project('state_dir = "kept"\nmlflow_tracking_uri = "sqlite:///runs.db"\n')

        assert load().state_dir == file.parent / "kept"
        assert load().tracking_uri == f"sqlite:///{file.parent / 'runs.db'}"

    def test_all_of_no_file_is_as_before(self, project: Write) -> None:
        assert {str(row.origin) for row in in_force()} == {"default"}


class TestMistakes:
    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("lake_prot = 1", ("mlops.toml:1: ", "lake_prot", "did you mean lake_port?")),
            (
                "\n[env.lab]\n# why\nMLOPS_LAKE = 'external'",
                ("mlops.toml:4 [env.lab]: ", "did you mean lake?"),
            ),
            ("lake_port = '8000'", ("mlops.toml:1: ", "lake_port", "must be a valid integer")),
            ("lake_port = true", ("mlops.toml:1: ", "must be a valid integer")),
            ("[env.lab]\nlake_port = 70000", ("mlops.toml:2 [env.lab]: ", "less than or equal to 65535")),
            ("lake = 'other'", ("mlops.toml:1: ", "'embedded', 'lakefs' or 'external'")),
            ("lake_webhooks = ['a', 'b']", ("mlops.toml:1: ", "single value")),
            (
                "[sources.flights]\nkind = 'files'",
                ("mlops.toml:1: ", "[tool.mlops.sources] of pyproject.toml"),
            ),
            ("env = 'lab'", ("mlops.toml:1: ", "env must be a table")),
            ("params = 3", ("mlops.toml:1: ", "params must be a table")),
            ("front_door_hosts = 'no spaces'", ("mlops.toml:1: ", "host names")),
            ("lake = ", ("mlops.toml: ", "TOML")),
        ],
    )
    def test_are_named_by_key_file_and_line(self, project: Write, text: str, said: tuple[str, ...]) -> None:
        project(text)
        with pytest.raises(ConfigError) as caught:
            load()

        assert all(words in str(caught.value) for words in said), str(caught.value)

    def test_an_environment_that_does_not_exist_names_those_that_do(self, project: Write) -> None:
        project("[env.dev]\n[env.production]\n")
        with pytest.raises(ConfigError, match="no environment prod; there are dev, production"):
            load(env="prod")

    def test_an_environment_without_a_file_is_refused(self, project: Write) -> None:
        with pytest.raises(ConfigError, match=r"no mlops\.toml in this folder"):
            load(env="dev")

    def test_an_unknown_parameter_is_named_with_its_place(self, project: Write) -> None:
        project("[params.flights]\nmax_itre = 11\n")
        with pytest.raises(ConfigError) as caught:
            checked_parameters(SPEC)

        assert "mlops.toml:2" in str(caught.value)
        assert "did you mean max_iter?" in str(caught.value)

    @pytest.mark.skipif(os.name == "nt", reason="modes of POSIX")
    def test_a_file_that_everybody_can_change_is_not_read(self, project: Write) -> None:
        project("lake_port = 1").chmod(0o666)
        with pytest.raises(ConfigError, match="can be changed by every user"):
            load()


class TestSecrets:
    @pytest.mark.parametrize(
        "line",
        [
            f'lake_secret_access_key = "{SECRET}"',
            f'mlflow_tracking_uri = "postgresql://me:{SECRET}@db/mlflow"',
            f'lake_storage = "s3://me:{SECRET}@bucket"',
            f'[env.other]\nlake_access_key_id = "{SECRET}"',
        ],
    )
    def test_in_the_file_are_refused_and_not_repeated(self, project: Write, line: str) -> None:
        project(line)
        with pytest.raises(ConfigError, match="does not belong into a file") as caught:
            load()

        assert SECRET not in str(caught.value)

    def test_are_read_by_reference_and_never_shown(
        self, project: Write, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = project(
            'lake = "external"\nlake_endpoint = "http://team:8000"\nlake_access_key_id = "env:TEAM_KEY"\n'
            'lake_secret_access_key = "file:key.txt"\nmlflow_tracking_uri = "env:TRACKING"\n'
        )
        key = file.parent / "key.txt"
        key.write_text(f"{SECRET}\n", encoding="utf-8")
        key.chmod(0o600)
        monkeypatch.setenv("TEAM_KEY", "AKIATEAM")
        monkeypatch.setenv("TRACKING", f"postgresql://me:{SECRET}@db/mlflow")
        found = load()

        credentials = found.lake_credentials({"LAKECTL_CREDENTIALS_SESSION_TOKEN": "another"})
        assert (credentials.access_key_id, credentials.secret_access_key) == ("AKIATEAM", SECRET)
        assert found.tracking_uri.startswith("postgresql://me:")
        assert SECRET not in repr(found) + str(in_force())
        assert value_of("lake_secret_access_key") == "(set)"
        assert origin_of("lake_secret_access_key") == f"{file}:4 by file:key.txt"
        assert value_of("mlflow_tracking_uri") == "(set)"

    def test_in_a_variable_are_not_shown_either(
        self, project: Write, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MLOPS_LAKE_SECRET_ACCESS_KEY", SECRET)
        monkeypatch.setenv(
            "MLOPS_MLFLOW_TRACKING_URI", f"http://me:{SECRET}@mlflow.example.org/x?token={SECRET}"
        )
        monkeypatch.setenv("MLOPS_SIGNER_COMMAND", f"sign --pin {SECRET}")

        assert SECRET not in str(in_force())
        assert value_of("mlflow_tracking_uri") == "http://mlflow.example.org/x"

    @pytest.mark.parametrize(
        ("reference", "mode", "said"),
        [
            ("env:NOT_SET_HERE", 0o600, "the variable NOT_SET_HERE is not set"),
            ("file:missing.txt", 0o600, "cannot be read"),
            ("file:key.txt", 0o644, "chmod 600"),
        ],
    )
    def test_a_reference_that_leads_to_nothing_is_refused(
        self, project: Write, reference: str, mode: int, said: str
    ) -> None:
        file = project(f'lake_secret_access_key = "{reference}"\n')
        (file.parent / "key.txt").write_text(SECRET, encoding="utf-8")
        (file.parent / "key.txt").chmod(mode)
        with pytest.raises(ConfigError, match=said):
            load()

    def test_a_reference_that_is_not_in_force_is_not_followed(
        self, project: Write, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        project('lake_access_key_id = "env:ONE"\n[env.other]\nlake_access_key_id = "env:TWO"\n')
        monkeypatch.setenv("TWO", "two")
        assert load(env="other").lake_access_key_id == "two"

        monkeypatch.setenv("MLOPS_LAKE_ACCESS_KEY_ID", "three")
        assert load().lake_access_key_id == "three"

    def test_half_a_key_is_refused(self, project: Write, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MLOPS_LAKE_ACCESS_KEY_ID", "one")
        with pytest.raises(ConfigError, match="MLOPS_LAKE_SECRET_ACCESS_KEY"):
            load(lake="external", lake_endpoint="http://x").lake_credentials({})


def test_every_setting_can_stand_in_the_file(project: Write) -> None:
    values = {row.name: row.default for row in describe() if row.name != "env" and row.default}
    found = load()
    bare = {name for name in values if isinstance(getattr(found, name), (int, float))}
    lines = [f"{name} = {value if name in bare else toml(value)}" for name, value in values.items()]
    project("\n".join(lines))

    assert load().lake is LakeMode.EMBEDDED
    assert {str(row.origin.layer) for row in in_force() if row.name in values} == {"file"}


def test_the_origin_of_a_parameter_is_its_line(project: Write) -> None:
    file = project("[env.lab.params.flights]\n\nmax_iter = 12\n")

    assert str(parameters_of("flights", "lab")["max_iter"].origin) == f"{file}:3 [env.lab]"


def test_lines_are_found_around_what_looks_like_keys() -> None:
    text = 'a = """\nb = 1\n"""\nb = 2\n[x."y z"]\nc.d = 3 # e = 4\n'

    assert lines_of(text) == {
        ("a",): 1,
        ("b",): 4,
        ("x",): 5,
        ("x", "y z"): 5,
        ("x", "y z", "c"): 6,
        ("x", "y z", "c", "d"): 6,
    }

"""Where address and key are found, and that nobody else can read them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from mlops.adapters.lake import credentials
from mlops.adapters.lake.credentials import (
    Credentials,
    check_endpoint,
    discover,
    environment,
    generate,
    load,
    save,
)
from mlops.runs.errors import ConfigError

ADDRESS = "http://127.0.0.1:8000"
KEY, SECRET = "AKIAEXAMPLE", "a-secret-nobody-may-see"
ENV = {
    "LAKECTL_SERVER_ENDPOINT_URL": "https://lake.example.org",
    "LAKECTL_CREDENTIALS_ACCESS_KEY_ID": "AKIAENV",
    "LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY": "env-secret",
}

private = pytest.mark.skipif(os.name == "nt", reason="file modes are POSIX's")


def written(file: Path, endpoint: str = ADDRESS) -> Path:
    save(Credentials(endpoint, KEY, SECRET), file)
    return file


class TestDiscover:
    def test_the_environment_alone_is_enough(self, tmp_path: Path) -> None:
        found = discover(ENV, state_dir=tmp_path, home=tmp_path)

        assert found == Credentials("https://lake.example.org", "AKIAENV", "env-secret")

    def test_the_environment_goes_over_the_file(self, tmp_path: Path) -> None:
        written(tmp_path / "lakectl.yaml")

        assert discover(ENV, state_dir=tmp_path, home=tmp_path).access_key_id == "AKIAENV"

    def test_a_named_file_goes_over_the_state_directory_and_that_over_home(self, tmp_path: Path) -> None:
        named = written(tmp_path / "named.yaml", "http://named:1")
        state, home = tmp_path / "state", tmp_path / "home"
        written(home / ".lakectl.yaml", "http://home:3")
        assert discover({}, state_dir=state, home=home).endpoint == "http://home:3"
        written(state / "lakectl.yaml", "http://state:2")
        assert discover({}, state_dir=state, home=home).endpoint == "http://state:2"
        env = {"LAKECTL_CONFIG_FILE": str(named)}
        assert discover(env, state_dir=state, home=home).endpoint == "http://named:1"

    def test_the_state_directory_can_be_named_by_the_environment(self, tmp_path: Path) -> None:
        written(tmp_path / "elsewhere" / "lakectl.yaml")
        env = {"MLOPS_STATE_DIR": str(tmp_path / "elsewhere")}

        assert discover(env, home=tmp_path).endpoint == ADDRESS

    def test_a_session_token_replaces_the_key(self, tmp_path: Path) -> None:
        found = discover(
            {**ENV, "LAKECTL_CREDENTIALS_SESSION_TOKEN": "tok"}, state_dir=tmp_path, home=tmp_path
        )

        assert (found.session_token, found.secret_access_key) == ("tok", "")

    @pytest.mark.parametrize("missing", sorted(ENV))
    def test_what_is_missing_is_named(self, tmp_path: Path, missing: str) -> None:
        env = {key: value for key, value in ENV.items() if key != missing}
        with pytest.raises(ConfigError, match="LAKECTL_"):
            discover(env, state_dir=tmp_path, home=tmp_path)


class TestFiles:
    def test_what_is_saved_can_be_loaded(self, tmp_path: Path) -> None:
        file = written(tmp_path / "new" / "lakectl.yaml")

        assert load(file) == Credentials(ADDRESS, KEY, SECRET)
        assert [entry.name for entry in file.parent.iterdir()] == ["lakectl.yaml"]

    @private
    def test_is_its_owners_alone_even_where_an_older_one_was_not(self, tmp_path: Path) -> None:
        file = tmp_path / "lakectl.yaml"
        file.write_text("x")
        file.chmod(0o644)
        written(file)

        assert stat.S_IMODE(file.stat().st_mode) == 0o600

    @private
    @pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
    def test_one_that_others_can_read_is_refused(self, tmp_path: Path, mode: int) -> None:
        file = written(tmp_path / "lakectl.yaml")
        file.chmod(mode)
        with pytest.raises(ConfigError, match="chmod 600"):
            load(file)
        with pytest.raises(ConfigError, match="chmod 600"):
            discover({}, state_dir=tmp_path, home=tmp_path)

    @pytest.mark.parametrize(
        "text",
        ["", "[]", "server: x", "server: {endpoint_url: 'http://x'}", f"credentials: [{SECRET}", "a: b: c"],
    )
    def test_one_of_another_form_is_refused_without_showing_it(self, tmp_path: Path, text: str) -> None:
        file = tmp_path / "lakectl.yaml"
        credentials.write_private(file, text)
        with pytest.raises(ConfigError, match=r"lakectl\.yaml") as caught:
            load(file)

        assert SECRET not in str(caught.value)
        assert caught.value.__cause__ is None

    def test_a_missing_one_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"none\.yaml"):
            load(tmp_path / "none.yaml")


class TestEndpoint:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
            ("http://127.0.0.1:8000/", "http://127.0.0.1:8000"),
            ("https://lake.example.org/api/v1", "https://lake.example.org"),
            ("https://lake.example.org/api/v1/", "https://lake.example.org"),
            ("localhost:8000", "http://localhost:8000"),
            ("http://[::1]:8000", "http://[::1]:8000"),
        ],
    )
    def test_has_one_form(self, text: str, expected: str) -> None:
        assert check_endpoint(text) == expected

    @pytest.mark.parametrize(
        "text", ["", "ftp://x", "http://", "http://x:y", "http://x/path", "http://x?y=1"]
    )
    def test_anything_else_is_refused(self, text: str) -> None:
        with pytest.raises(ConfigError):
            check_endpoint(text)

    def test_keys_in_an_address_are_refused_and_not_repeated(self) -> None:
        with pytest.raises(ConfigError) as caught:
            check_endpoint(f"http://{KEY}:{SECRET}@lake.example.org")

        assert SECRET not in str(caught.value)


class TestSecrets:
    def test_are_in_no_repr(self) -> None:
        assert repr(Credentials(ADDRESS, KEY, SECRET, "tok")) == f"Credentials(endpoint='{ADDRESS}')"

    def test_are_new_each_time(self) -> None:
        made = [generate(ADDRESS) for _ in range(20)]

        assert len({entry.secret_access_key for entry in made}) == 20
        assert all(len(entry.access_key_id) == 20 and len(entry.secret_access_key) == 40 for entry in made)

    def test_go_to_other_programs_by_environment(self, tmp_path: Path) -> None:
        for made in (generate(ADDRESS), Credentials(ADDRESS, session_token="tok")):
            assert discover(environment(made), state_dir=tmp_path, home=tmp_path) == made

"""The person at work: proven by a lake that knows its users, else claimed; never the one administrator."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from lakefs_sdk.exceptions import ApiException

from mlops.adapters.identity import who_works
from mlops.adapters.lake.connection import Connection
from mlops.adapters.lake.credentials import Credentials
from mlops.steps.run_inputs import author


@pytest.fixture(autouse=True)
def _no_settings_of_git(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


def configure(name: str, value: str) -> None:
    subprocess.run(["git", "config", "--global", name, value], check=True)


def test_the_setting_goes_before_git_and_git_before_the_machine() -> None:
    assert "@" in who_works("")
    assert who_works("").startswith("claimed:")
    configure("user.email", "ada@example.com")
    assert who_works("") == "claimed:ada@example.com"
    configure("user.name", "Ada  Lovelace")
    assert who_works("") == "claimed:Ada Lovelace"
    assert who_works("Bob") == "claimed:Bob"


def test_what_the_lake_proves_goes_before_every_claim() -> None:
    assert who_works("Bob", lambda: "ada") == "proven:ada"
    assert who_works("Bob", lambda: "") == "claimed:Bob"
    assert author("Bob", lambda: "ada").who == "proven:ada"


def test_a_name_is_one_short_line() -> None:
    assert who_works("proven:ada\nx") == "claimed:proven:ada x"
    assert len(who_works("x" * 500)) == len("claimed:") + 100


def connection(control: str | None, user: Any = "ada") -> Connection:
    def get_current_user() -> Any:
        if isinstance(user, Exception):
            raise user
        return SimpleNamespace(user=SimpleNamespace(id=user))

    state = SimpleNamespace(login_config=SimpleNamespace(rbac=control))
    api = SimpleNamespace(
        internal_api=SimpleNamespace(get_setup_state=lambda: state),
        auth_api=SimpleNamespace(get_current_user=get_current_user),
    )
    client: Any = SimpleNamespace(sdk_client=api)
    return Connection("http://127.0.0.1:9", client, Credentials("http://127.0.0.1:9"))


@pytest.mark.parametrize(
    ("made", "user"),
    [
        (connection("internal"), "ada"),
        (connection("external"), "ada"),
        (connection("none", "admin"), ""),
        (connection(None, "admin"), ""),
        (connection("internal", ApiException(status=401)), ""),
    ],
)
def test_only_a_lake_with_users_of_its_own_proves_one(made: Connection, user: str) -> None:
    assert made.user() == user

"""One table of settings: typed, bounded, described, and never with a secret in it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mlops.adapters.lake.credentials import Credentials, save
from mlops.runs.errors import ConfigError
from mlops.settings import LakeMode, Settings, describe, load

SECRET = "a-secret-nobody-may-see"


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for row in describe():
        monkeypatch.delenv(row.variable, raising=False)
    for name in ("ENDPOINT_URL", "SERVER_ENDPOINT_URL", "CONFIG_FILE"):
        monkeypatch.delenv(f"LAKECTL_{name}", raising=False)
    monkeypatch.delenv("MLOPS_MLFLOW_TRACKING_URI", raising=False)


class TestValues:
    def test_have_defaults_that_need_nothing(self) -> None:
        settings = load()

        assert (settings.lake, settings.state_dir) == (LakeMode.EMBEDDED, Path(".mlops"))
        assert (settings.lease_ttl_s, settings.promote_rounds) == (3600, 20)

    def test_come_from_the_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MLOPS_LAKE", "external")
        monkeypatch.setenv("MLOPS_LAKE_TIMEOUT_S", "2.5")

        assert (load().lake, load().lake_timeout_s) == (LakeMode.EXTERNAL, 2.5)

    def test_given_by_the_caller_go_over_the_environment_and_none_is_not_given(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MLOPS_LAKE", "external")

        assert load(lake="lakefs").lake is LakeMode.LAKEFS
        assert load(lake=None).lake is LakeMode.EXTERNAL

    def test_cannot_be_changed(self) -> None:
        with pytest.raises(ValueError, match="frozen"):
            load().lake_port = 1  # type: ignore[misc]

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("LAKE", "other"),
            ("LAKE_TIMEOUT_S", "0"),
            ("LAKE_TIMEOUT_S", "nan"),
            ("LAKE_PORT", "70000"),
            ("LEASE_TTL_S", "1"),
            ("PROMOTE_ROUNDS", "many"),
            ("LAKE_ENDPOINT", f"http://me:{SECRET}@x"),
            ("LAKE_ENDPOINT", "ftp://x"),
        ],
    )
    def test_out_of_range_are_named_and_not_repeated(
        self, monkeypatch: pytest.MonkeyPatch, name: str, value: str
    ) -> None:
        monkeypatch.setenv(f"MLOPS_{name}", value)
        with pytest.raises(ConfigError) as caught:
            load()

        assert SECRET not in str(caught.value)
        assert caught.value.__cause__ is None

    def test_a_setting_that_does_not_exist_is_refused(self) -> None:
        with pytest.raises(ConfigError, match="MLOPS_LAKE_PROT"):
            load(lake_prot=1)


class TestTracking:
    def test_is_sqlite_in_the_state_folder(self, tmp_path: Path) -> None:
        assert load(state_dir=tmp_path).tracking_uri == f"sqlite:///{tmp_path.as_posix()}/mlflow.db"

    def test_follows_mlflows_own_variable(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://me:{SECRET}@mlflow.example.org")
        settings = load()

        assert settings.tracking_uri == f"http://me:{SECRET}@mlflow.example.org"
        assert SECRET not in repr(settings)


class TestCredentials:
    def test_of_our_own_server_are_in_the_state_folder(self, tmp_path: Path) -> None:
        kept = Credentials("http://127.0.0.1:8000", "AKIAEXAMPLE", SECRET)
        save(kept, tmp_path / "lakectl.yaml")
        elsewhere = {"LAKECTL_SERVER_ENDPOINT_URL": "http://other"}

        assert load(state_dir=tmp_path).lake_credentials(elsewhere) == kept

    def test_of_an_external_one_never_are(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        save(Credentials("http://127.0.0.1:8000", "AKIAEXAMPLE", SECRET), tmp_path / "lakectl.yaml")
        monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
        with pytest.raises(ConfigError, match="LAKECTL_"):
            load(state_dir=tmp_path, lake="external").lake_credentials({"MLOPS_STATE_DIR": str(tmp_path)})

    def test_of_an_external_one_come_from_lakectls_places(self, tmp_path: Path) -> None:
        env = {
            "LAKECTL_SERVER_ENDPOINT_URL": "http://team:8000",
            "LAKECTL_CREDENTIALS_ACCESS_KEY_ID": "AKIATEAM",
            "LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY": SECRET,
        }
        assert load(lake="external").lake_credentials(env).endpoint == "http://team:8000"
        other = load(lake="external", lake_endpoint="http://other:1/")
        assert other.lake_credentials(env) == Credentials("http://other:1", "AKIATEAM", SECRET)


class TestTable:
    def test_describes_every_setting(self) -> None:
        rows = describe()

        assert [row.name for row in rows] == list(Settings.model_fields)
        assert all(row.help and row.variable for row in rows)
        assert all(row.unit for row in rows if row.name.endswith(("_s", "_port", "_rounds")))

    def test_names_the_variables_that_work(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        (tmp_path / "mlops.toml").write_text("[env.100]\n", encoding="utf-8")
        monkeypatch.chdir(tmp_path)
        values = {
            "lake": "lakefs",
            "lake_endpoint": "http://x",
            "lake_storage": "s3://b",
            "lakefs_download": "no",
            "mode": "dev",
            "notify_webhook": "http://x",
            "notify_chat": "http://x",
            "notify_smtp": "x:1",
            "notify_smtp_starttls": "no",
            "notify_on": "refusal",
            "notify_timeout_s": "50",
            **{row.name: "0 5 * * *" for row in describe() if row.name.startswith("schedule_")},
            "schedule_sweep_removes": "yes",
            "schedule_time_zone": "Europe/Berlin",
        }
        for row in describe():
            monkeypatch.setenv(row.variable, values.get(row.name, "100"))
        settings = load()

        assert all(
            getattr(settings, row.name) != Settings.model_fields[row.name].default for row in describe()
        )

    def test_defaults_are_within_their_own_bounds(self) -> None:
        assert Settings(**{row.name: getattr(load(), row.name) for row in describe()}) == load()


def test_importing_it_loads_no_client() -> None:
    heavy = ["lakefs", "lakefs_sdk", "mlflow", "pandas", "yaml"]
    script = f"import sys, mlops.settings; print([m for m in {heavy} if m in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert answer.stdout.strip() == "[]"

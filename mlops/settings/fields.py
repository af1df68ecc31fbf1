"""The settings as one typed, frozen class; the description of each field is its help.

Keys and passwords are read from the environment or from a private file, and never shown;
`Settings.lake_credentials` returns them.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import AliasChoices, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from mlops.adapters import state_folder
from mlops.adapters.lake import credentials as lake_credentials
from mlops.adapters.lake import servers
from mlops.adapters.lake.credentials import Credentials
from mlops.runs.inputs import Mode
from mlops.settings.field import CRON, WEB, host_names, setting, time_zone
from mlops.settings.project_file import Secrecy
from mlops.settings.sources import file_sources

PREFIX = "MLOPS_"


class LakeMode(StrEnum):
    """The kind of lakeFS server to use."""

    EMBEDDED = "embedded"
    LAKEFS = "lakefs"
    EXTERNAL = "external"


class Settings(BaseSettings):
    """The settings; `mlops.settings.describe` lists them."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid", populate_by_name=True)

    env: str = setting(
        "",
        "Environment to use: the section [env.NAME] of mlops.toml that goes over the rest of the file",
    )
    mode: Mode = setting(
        Mode.STANDARD,
        "Rules of the environment: 'standard', 'production' (only committed code and locked packages run), "
        "'dev' (nothing is promoted)",
    )
    lock_file: Path | None = setting(
        None,
        "Lock file whose versions must be installed in mode production: requirements with ==, uv.lock, "
        "poetry.lock or pylock.toml; empty: packages are not checked",
    )
    state_dir: Path = setting(
        Path(".mlops"),
        "Folder for everything that is kept on this machine: keys, data, logs, MLflow and Dagster stores",
    )
    lake: LakeMode = setting(
        LakeMode.EMBEDDED,
        "Which lakeFS: 'embedded' (the one included), 'lakefs' (the real program, started here), 'external' "
        "(a team's, at LAKECTL_SERVER_ENDPOINT_URL or in ~/.lakectl.yaml)",
    )
    lake_endpoint: str = setting(
        "", "Address of an external lakeFS, if it is not the one that lakectl would use"
    )
    lake_access_key_id: str = setting(
        "",
        "Key id for an external lakeFS, if it is not the one that lakectl would use",
        secrecy=Secrecy.ALWAYS,
    )
    lake_secret_access_key: str = setting(
        "", "The key that belongs to the key id; both or neither are given", secrecy=Secrecy.ALWAYS
    )
    lake_storage: str = setting(
        "", "Where an external lakeFS puts new repositories, e.g. s3://bucket/prefix; empty: its own default"
    )
    lake_timeout_s: float = setting(
        60.0, "Longest wait for a sign of life from the lake at any call", unit="s", gt=0, le=3600
    )
    lake_port: int = setting(
        8000,
        "Preferred port of the lake server started here; 0 for any free one",
        unit="port",
        ge=0,
        le=65535,
    )
    lake_webhooks: str = setting(
        "",
        "Where webhooks of action files may post to from the embedded lake server: host or host:port, "
        "separated by commas; empty: nowhere",
        pattern=r"[^\s,]+(?:,[^\s,]+)*|",
    )
    lakefs_download: bool = setting(
        True, "Whether the real lakeFS program may be downloaded where it is not installed"
    )
    mlflow_tracking_uri: str = setting(
        "",
        "Where MLflow keeps runs and models; empty: SQLite in the state folder",
        secrecy=Secrecy.PERHAPS,
        validation_alias=AliasChoices(f"{PREFIX}MLFLOW_TRACKING_URI", "MLFLOW_TRACKING_URI"),
    )
    front_door_port: int = setting(
        8600,
        "Preferred port at which lake, MLflow and Dagster are reached after a login; 0 for any free one",
        unit="port",
        ge=0,
        le=65535,
    )
    front_door_hosts: str = setting(
        "",
        "Further names in the Host header that the front door answers to, e.g. lab.example,localhost:9000; "
        "a name without a port stands for all its ports",
    )
    server_start_timeout_s: float = setting(
        90.0, "How long a server started here may take until it answers", unit="s", gt=0, le=3600
    )
    lease_ttl_s: int = setting(
        3600,
        "How long a run on another machine is believed to be alive without a sign of it",
        unit="s",
        ge=60,
        le=7 * 86400,
    )
    promote_rounds: int = setting(
        20, "How often a promotion starts again because main has moved", unit="rounds", ge=1, le=1000
    )

    user: str = setting(
        "",
        "Name of the person at work, for the record; empty: Git's user.name or user.email, else "
        "user@machine. Where the lake has users of its own, the user of the key counts instead",
        max_length=100,
    )
    signing_key_file: Path | None = setting(
        None,
        "File with the private key that signs the record of main; empty: signing/key.pem in the state folder",
    )
    trusted_keys: Path | None = setting(
        None,
        "Folder with the public keys whose signatures count, one .pub file each; empty: signing/trusted in "
        "the state folder",
    )
    signer_command: str = setting(
        "",
        "Command that signs instead of a key file, as a bridge to a key service: it reads the bytes to sign "
        "and writes the raw Ed25519 signature",
        secrecy=Secrecy.PERHAPS,
    )
    signer_key_id: str = setting(
        "", "Name of the key that the command signs with: SHA-256 of the raw public key, hexadecimal"
    )

    record_witness: str = setting(
        "",
        "A further place outside the lake that keeps the newest change of main, so that a rewritten lake is "
        "found: file:/path, or git:/path/to/checkout for Git notes",
    )

    notify_webhook: str = setting(
        "", "Address that events are posted to as JSON: promotions, refusals, rollbacks and so on",
        secrecy=Secrecy.PERHAPS, pattern=WEB,
    )  # fmt: skip
    notify_webhook_secret: str = setting(
        "", "Key of the HMAC-SHA256 of each post, in the header X-Mlops-Signature-256", secrecy=Secrecy.ALWAYS
    )
    notify_chat: str = setting(
        "", "Incoming webhook of Slack, or of a chat that takes the same",
        secrecy=Secrecy.ALWAYS, pattern=WEB,
    )  # fmt: skip
    notify_mail_to: str = setting("", "Who gets mails about events, separated by commas")
    notify_mail_from: str = setting("", "Sender of these mails; empty: the first receiver")
    notify_smtp: str = setting("localhost:25", "Mail server, host:port", pattern=r"[^\s:]+:[0-9]{1,5}")
    notify_smtp_starttls: bool = setting(True, "Whether mails go encrypted by STARTTLS; port 465 always is")
    notify_smtp_user: str = setting("", "Name for the mail server; empty for none")
    notify_smtp_password: str = setting("", "The password that belongs to it", secrecy=Secrecy.ALWAYS)
    notify_on: str = setting(
        "",
        "Events that are told of, separated by commas: promotion, review, refusal, rejection, "
        "broken_delivery, rollback, hold, resume; empty: all",
        pattern=r"[a-z_]+(?:,[a-z_]+)*|",
    )
    notify_timeout_s: float = setting(
        5.0, "Longest time that a command waits for all notifications", unit="s", gt=0, le=60
    )

    schedule_audit: str = setting("", "When to audit main, as a cron expression; empty: never", pattern=CRON)
    schedule_sweep: str = setting(
        "", "When to list branches of completed runs, as a cron expression; empty: never", pattern=CRON
    )
    schedule_sweep_removes: bool = setting(
        False, "Whether the scheduled sweep removes what it lists, as `mlops sweep --yes` does"
    )
    schedule_rehearsal: str = setting(
        "",
        "When to rehearse a rollback on a branch, as a cron expression; empty: never",
        pattern=CRON,
    )
    schedule_drift: str = setting(
        "",
        "When to compare the newest arrival with the champion's data, as a cron expression; empty: never",
        pattern=CRON,
    )
    schedule_retrain: str = setting(
        "", "When to start a run, as a cron expression; empty: never", pattern=CRON
    )
    schedule_time_zone: str = setting("UTC", "Time zone of the schedules, e.g. Europe/Berlin")
    schedule_pipelines: str = setting(
        "", "Pipelines whose schedules are on, separated by commas; empty: all pipelines"
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return the sources of values, the highest first: options, variables, ``mlops.toml``."""
        given = (init_settings, env_settings)
        return (*given, *file_sources(settings_cls, given))

    @field_validator("state_dir", mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        if value == "":
            raise ValueError("must name a folder")
        return value

    @field_validator("lake_endpoint")
    @classmethod
    def _one_form(cls, value: str) -> str:
        return lake_credentials.check_endpoint(value) if value else ""

    @field_validator("front_door_hosts")
    @classmethod
    def _host_names(cls, value: str) -> str:
        return host_names(value)

    @field_validator("schedule_time_zone")
    @classmethod
    def _time_zone(cls, value: str) -> str:
        return time_zone(value)

    @property
    def notified_events(self) -> frozenset[str]:
        """The events of ``notify_on``; none stands for all."""
        return frozenset(filter(None, self.notify_on.split(",")))

    @property
    def tracking_uri(self) -> str:
        """Return the address at which MLflow keeps runs and models."""
        return self.mlflow_tracking_uri or f"sqlite:///{(self.state_dir / 'mlflow.db').absolute().as_posix()}"

    @property
    def signing_folder(self) -> Path:
        """The folder of the signing key and the trusted keys that belong to the state folder."""
        return self.state_dir / "signing"

    @property
    def key_file(self) -> Path:
        """The file with the private key that signs."""
        return self.signing_key_file or self.signing_folder / "key.pem"

    @property
    def trusted_folder(self) -> Path:
        """The folder with the public keys whose signatures count."""
        return self.trusted_keys or self.signing_folder / "trusted"

    @property
    def door_hosts(self) -> tuple[str, ...]:
        """The names of ``front_door_hosts``."""
        return tuple(name.strip() for name in self.front_door_hosts.split(",") if name.strip())

    @property
    def scheduled_pipelines(self) -> tuple[str, ...]:
        """The names of ``schedule_pipelines``."""
        return tuple(name.strip() for name in self.schedule_pipelines.split(",") if name.strip())

    @property
    def lakectl_file(self) -> Path:
        """The file with address and key of the lake server that belongs to the state folder."""
        return self.state_dir / lake_credentials.FILE_NAME

    def lake_credentials(self, environ: Mapping[str, str] | None = None) -> Credentials:
        """Return address and key of the chosen lake.

        Raises:
            ConfigError: There are none, or others than their owner can read them.
        """
        if self.lake is not LakeMode.EXTERNAL:
            state_folder.check_original(self.lakectl_file.parent)
            return lake_credentials.load(self.lakectl_file)
        key = (self.lake_access_key_id, self.lake_secret_access_key)
        return servers.external(environ, endpoint=self.lake_endpoint, key=key)

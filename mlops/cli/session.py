"""What one invocation of a command works with: its settings, its output and the rest of the project."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.cli.output.progress import Progress

if TYPE_CHECKING:
    from mlops.adapters.lake.credentials import Credentials
    from mlops.settings import Settings
    from mlops.steps.workspace import Workspace

Tell = Callable[[str], None]

STATE_DIR = ".mlops"


def _load_settings(**given: Any) -> Settings:
    from mlops import settings

    return settings.load(**given)


def _ensure_lake(settings: Settings, tell: Tell) -> Credentials:
    from mlops.servers.lake import ensure_lake

    return ensure_lake(settings, tell)


def _find_lake(settings: Settings) -> Credentials | None:
    from mlops.servers.lake import running_lake

    return running_lake(settings) if settings.lake != "external" else settings.lake_credentials()


def _open_workspace(settings: Settings, pipeline: str, tell: Tell) -> Workspace:
    from mlops.steps.opening import open_workspace

    return open_workspace(settings, pipeline, tell=tell)


def _create_repository(settings: Settings, credentials: Credentials, name: str) -> bool:
    from mlops.adapters.lake.connection import connect
    from mlops.steps.init_repository import create_repository

    storage = f"{settings.lake_storage.rstrip('/')}/{name}" if settings.lake_storage else ""
    return create_repository(connect(credentials, timeout_s=settings.lake_timeout_s), name, storage)


def _repositories(settings: Settings, credentials: Credentials) -> list[str]:
    from mlops.adapters.lake.connection import connect

    return connect(credentials, timeout_s=settings.lake_timeout_s).repositories()


def _execute_run(*args: Any, **kwargs: Any) -> Any:
    from mlops.orchestration.runner import execute_run

    return execute_run(*args, **kwargs)


@dataclass(frozen=True)
class Outside:
    """Where commands leave the command line; a test puts something else in a place.

    Attributes:
        load_settings: Returns the settings, given what the command line names.
        ensure_lake: Makes sure that the lake answers, and returns address and key.
        find_lake: Returns address and key of the lake, or None where it is ours and down.
        create_repository: Creates a repository unless it exists; tells whether it did.
        repositories: Returns the names of all repositories of the lake.
        open_workspace: Returns the workplace of a pipeline.
        execute_run: Executes a run of a pipeline.
    """

    load_settings: Callable[..., Settings] = _load_settings
    ensure_lake: Callable[[Settings, Tell], Credentials] = _ensure_lake
    find_lake: Callable[[Settings], Credentials | None] = _find_lake
    create_repository: Callable[[Settings, Credentials, str], bool] = _create_repository
    repositories: Callable[[Settings, Credentials], list[str]] = _repositories
    open_workspace: Callable[[Settings, str, Tell], Workspace] = _open_workspace
    execute_run: Callable[..., Any] = _execute_run


@dataclass
class Session:
    """One invocation of a command.

    Attributes:
        progress: Where lines of progress go.
        outside: The rest of the project.
        given: What the command line itself sets, by name of the setting; None counts as not given.
        command: The command, for its result; known once it has been parsed.
    """

    progress: Progress
    outside: Outside = field(default_factory=Outside)
    given: Mapping[str, Any] = field(default_factory=dict)
    command: str = ""

    @cached_property
    def settings(self) -> Settings:
        """The settings.

        Raises:
            ConfigError: One is out of its range.
        """
        return self.outside.load_settings(**self.given)

    @property
    def state_dir(self) -> Path:
        """The state folder, even where the settings cannot be read."""
        known = self.__dict__.get("settings")
        named = self.given.get("state_dir") or os.environ.get("MLOPS_STATE_DIR") or STATE_DIR
        return known.state_dir if known is not None else Path(named)

    def tell(self, line: str) -> None:
        """Show a line of progress."""
        self.progress.tell(line)

    def credentials(self) -> Credentials:
        """Return address and key of the lake, which answers now if it is one of ours."""
        return self.outside.ensure_lake(self.settings, self.tell)

    def workspace(self, pipeline: str) -> Workspace:
        """Return the workplace of a pipeline, on a lake that answers.

        Raises:
            ConfigError: There is no such pipeline.
        """
        check_pipeline(pipeline)
        self.credentials()
        return self.outside.open_workspace(self.settings, pipeline, self.tell)


def check_pipeline(name: str) -> None:
    """Return if there is such a pipeline, else raise `ConfigError`; no server is started for a typo."""
    from mlops.pipelines import pipeline

    pipeline(name)

"""Hold what one invocation of a command works with: its settings, its progress and its dependencies."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.cli.libraries import TRACKED, load
from mlops.cli.output.progress import Progress

if TYPE_CHECKING:
    from mlops.adapters.lake.connection import Connection
    from mlops.adapters.lake.credentials import Credentials
    from mlops.adapters.tracking.tracker import MLflowTracker
    from mlops.runs.promotion.promote import Promotion
    from mlops.settings import Settings
    from mlops.steps.workspace import Workspace

Report = Callable[[str], None]

STATE_DIR = ".mlops"


def _load_settings(**given: Any) -> Settings:
    from mlops import settings

    return settings.load(**given)


def _ensure_lake(settings: Settings, report: Report, meanwhile: Callable[[], object]) -> Credentials:
    from mlops.servers.lake import ensure_lake

    return ensure_lake(settings, report, meanwhile)


def _find_lake(settings: Settings) -> Credentials | None:
    from mlops.servers.lake import running_lake

    return running_lake(settings) if settings.lake != "external" else settings.lake_credentials()


def _open_workspace(
    settings: Settings, pipeline: str, report: Report, tracker: MLflowTracker | None = None
) -> Workspace:
    from mlops.steps.opening import open_workspace

    return open_workspace(settings, pipeline, report, tracker)


def start_tracker(settings: Settings, pipeline: str, command: str) -> MLflowTracker | None:
    """Start MLflow in a process of its own for a command that will write to it; return at once."""
    from mlops.adapters.tracking import tracker_process

    if command not in TRACKED or not tracker_process.is_possible():
        return None
    return tracker_process.start_tracker(settings.tracking_uri, pipeline)


def _create_repository(settings: Settings, credentials: Credentials, name: str) -> bool:
    from mlops.adapters.lake.connection import connect
    from mlops.steps.repository.init_repository import create_repository

    storage = f"{settings.lake_storage.rstrip('/')}/{name}" if settings.lake_storage else ""
    return create_repository(connect(credentials, timeout_s=settings.lake_timeout_s), name, storage)


def _repositories(settings: Settings, credentials: Credentials) -> list[str]:
    from mlops.adapters.lake.connection import connect

    return connect(credentials, timeout_s=settings.lake_timeout_s).repositories()


def _execute_run(*args: Any, **kwargs: Any) -> Any:
    from mlops.orchestration.runner import execute_run

    return execute_run(*args, **kwargs)


def _make_report(workspace: Workspace, evidence_commit: str, run_id: str, state_dir: Path) -> Path:
    from mlops.steps.report.keep import keep_report

    return keep_report(workspace, evidence_commit, run_id, state_dir)


def _report_checks(state_dir: Path, workspace: Workspace, ended: Promotion) -> None:
    from mlops.orchestration.runner import report_checks

    report_checks(state_dir, workspace, ended)


@dataclass(frozen=True)
class Dependencies:
    """The functions by which commands reach servers and stores; tests replace some of them.

    Attributes:
        load_settings: Returns the settings, given those of the command line.
        ensure_lake: Starts the lake unless it answers, and returns its address and key; calls what it is
            given while a server starts.
        find_lake: Returns address and key of the lake, or None if it is the local one and down.
        create_repository: Creates a repository unless it exists; returns whether it did.
        repositories: Returns the names of all repositories of the lake.
        open_workspace: Returns the workspace of a pipeline.
        execute_run: Executes a run of a pipeline.
        report_checks: Shows in Dagster which expectations and guards hold.
        make_report: Makes the report of a decided run and returns its file.
        start_tracker: Starts what a command will write to MLflow with; None leaves that to the workspace.
    """

    load_settings: Callable[..., Settings] = _load_settings
    ensure_lake: Callable[[Settings, Report, Callable[[], object]], Credentials] = _ensure_lake
    find_lake: Callable[[Settings], Credentials | None] = _find_lake
    create_repository: Callable[[Settings, Credentials, str], bool] = _create_repository
    repositories: Callable[[Settings, Credentials], list[str]] = _repositories
    open_workspace: Callable[..., Workspace] = _open_workspace
    execute_run: Callable[..., Any] = _execute_run
    report_checks: Callable[[Path, Workspace, Promotion], None] = _report_checks
    make_report: Callable[[Workspace, str, str, Path], Path] = _make_report
    start_tracker: Callable[[Settings, str, str], MLflowTracker | None] = lambda *_: None


@dataclass
class Session:
    """One invocation of a command.

    Attributes:
        progress: Where lines of progress go.
        dependencies: The functions by which it reaches servers and stores.
        given: Settings from the command line by name; None counts as not given.
        command: Full name of the command, e.g. `lake gc`; empty until it has been parsed.
        pipeline: The pipeline that it works on; empty until that is known.
    """

    progress: Progress
    dependencies: Dependencies = field(default_factory=Dependencies)
    given: Mapping[str, Any] = field(default_factory=dict)
    command: str = ""
    pipeline: str = ""

    @cached_property
    def settings(self) -> Settings:
        """The settings.

        Raises:
            ConfigError: One is out of its range.
        """
        return self.dependencies.load_settings(**self.given)

    @property
    def state_dir(self) -> Path:
        """The state folder, even if the settings cannot be read."""
        known = self.__dict__.get("settings")
        named = self.given.get("state_dir") or os.environ.get("MLOPS_STATE_DIR") or STATE_DIR
        return known.state_dir if known is not None else Path(named)

    def report(self, line: str) -> None:
        """Show a line of progress."""
        self.progress.report(line)

    def credentials(self) -> Credentials:
        """Start the lake if it is a local one and does not answer; return its address and key."""
        return self.dependencies.ensure_lake(self.settings, self.report, lambda: load(self.command))

    @contextlib.contextmanager
    def connection(self, store: Path | None) -> Iterator[Connection]:
        """Connect to the lake of the settings, or to a server of this process over a store.

        Args:
            store: Folder of a store of the embedded server; None for the lake of the settings.
        """
        from mlops.adapters.lake.connection import connect

        timeout_s = self.settings.lake_timeout_s
        if store is None:
            yield connect(self.credentials(), timeout_s=timeout_s)
            return
        from mlops.servers.store_upkeep import serving

        with serving(store) as credentials:
            yield connect(credentials, timeout_s=timeout_s)

    def workspace(self, pipeline: str) -> Workspace:
        """Return the workspace of a pipeline; start the lake first if it does not answer.

        Raises:
            ConfigError: There is no such pipeline.
        """
        check_pipeline(pipeline)
        self.pipeline = pipeline
        tracker = self.dependencies.start_tracker(self.settings, pipeline, self.command)
        self.credentials()
        started = {} if tracker is None else {"tracker": tracker}
        return self.dependencies.open_workspace(self.settings, pipeline, self.report, **started)

    def workspace_for(self, doing: str, pipeline: str) -> Workspace:
        """Open a workspace, and report what is done in which repository before the slow imports begin."""
        workspace = self.workspace(pipeline)
        self.report(f"{doing} in repository {workspace.lake.repository} at {workspace.lake.endpoint}")
        self.report("loading libraries")
        return workspace


def check_pipeline(name: str) -> None:
    """Raise `ConfigError` if there is no such pipeline, before any server is started for a typo."""
    from mlops.pipelines import pipeline

    pipeline(name)

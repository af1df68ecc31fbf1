"""The execution of a job in this process, as a run that Dagster's pages show and can retry."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import dagster as dg

from mlops.orchestration.home import CODE_LOCATION


def execute_here(
    instance: dg.DagsterInstance,
    job: dg.JobDefinition,
    *,
    run_id: str,
    run_config: Mapping[str, Any],
    tags: Mapping[str, str],
) -> None:
    """Execute a job in this process, as a run that Dagster's pages can retry.

    `JobDefinition.execute_in_process` would do, but for one thing: its runs do not say which code location
    they are of, and the pages answer a retry of such a run with an internal error.

    Raises:
        Exception: As a step raised it.
        KeyboardInterrupt: The run was interrupted; Dagster shows it as failed, and a retry goes on with it.
    """
    from dagster._core.definitions.job_base import InMemoryJob
    from dagster._core.execution.api import execute_run

    with _eased(Path(instance.root_directory).resolve() / "history"):
        run = instance.create_run_for_job(
            job, run_id=run_id, run_config=run_config, tags=tags, remote_job_origin=_origin(job.name)
        )
        try:
            execute_run(InMemoryJob(job), run, instance, raise_on_error=True)
        except dg.DagsterExecutionInterruptedError as error:
            raise KeyboardInterrupt from error


@contextmanager
def _eased(history: Path) -> Iterator[None]:
    """Let events cost little while a run writes them to Dagster's databases.

    Dagster makes an engine for every event, which compiles its statements anew: each database keeps its
    engine here. It also connects anew, and SQLite clears its log away whenever the last connection closes:
    one connection to each database stays open. Nor is the disk waited for after each event: a loss of power
    may take the last of them, never what came before, and what a run really did is in the lake.
    """
    import sqlite3

    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    kept: dict[str, sqlite3.Connection] = {}

    def ease(connection: object, _record: object) -> None:
        # Other databases of this process, MLflow's among them, come by here too.
        if not isinstance(connection, sqlite3.Connection):
            return
        file = connection.execute("PRAGMA database_list").fetchone()[2]
        if not Path(file).is_relative_to(history):
            return
        # Dagster makes the same of every database, but of a new one only when it has made the tables.
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        if file not in kept:
            kept[file] = stack.enter_context(closing(sqlite3.connect(file, check_same_thread=False)))
        # It holds the log from its first statement on.
        kept[file].execute("PRAGMA schema_version").fetchone()

    with ExitStack() as stack:
        event.listen(Engine, "connect", ease)
        stack.callback(event.remove, Engine, "connect", ease)
        stack.enter_context(_engines_kept())
        yield


@contextmanager
def _engines_kept() -> Iterator[None]:
    """Let Dagster's two stores of a run make the engine of each address once while the context lasts."""
    from dagster._core.storage.event_log.sqlite import sqlite_event_log
    from dagster._core.storage.runs.sqlite import sqlite_run_storage

    modules: tuple[Any, ...] = (sqlite_event_log, sqlite_run_storage)
    made = {module: module.create_engine for module in modules}
    engines: dict[str, Any] = {}

    def create_engine(address: str, **options: Any) -> Any:
        # Every address is asked for with the same options.
        if address not in engines:
            engines[address] = made[sqlite_event_log](address, **options)
        return engines[address]

    for module in modules:
        module.create_engine = create_engine
    try:
        yield
    finally:
        for module, original in made.items():
            module.create_engine = original


def _origin(job: str) -> Any:
    from dagster._core.definitions.repository_definition import SINGLETON_REPOSITORY_NAME
    from dagster._core.remote_origin import ManagedGrpcPythonEnvCodeLocationOrigin, RemoteRepositoryOrigin
    from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

    target = LoadableTargetOrigin(executable_path=sys.executable, module_name=CODE_LOCATION)
    location = ManagedGrpcPythonEnvCodeLocationOrigin(target, CODE_LOCATION)
    return RemoteRepositoryOrigin(location, SINGLETON_REPOSITORY_NAME).get_job_origin(job)

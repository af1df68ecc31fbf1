"""Dagster's own store: what is open while a run writes to it, and closed afterwards."""

import sqlite3
import uuid
from contextlib import closing
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy

from mlops.orchestration.execution import execute_here
from mlops.orchestration.home import home_of, open_instance

#: SQLite's numbers for whether a commit waits for the disk.
NORMAL, FULL = 1, 2


def test_the_log_of_a_database_stays_while_a_run_writes_and_is_gone_after_it(tmp_path: Path) -> None:
    history = home_of(tmp_path) / "history"
    seen: dict[str, bool] = {}

    def shard(run_id: str) -> Path:
        return history / "runs" / f"{run_id}.db"

    @dg.asset
    def look(context: dg.AssetExecutionContext) -> None:
        for file in (history / "runs.db", history / "runs" / "index.db", shard(context.run.run_id)):
            with closing(sqlite3.connect(file)) as other:
                other.execute("PRAGMA schema_version").fetchone()
            seen[file.name] = file.with_name(f"{file.name}-wal").is_file()

    looking = dg.Definitions(
        assets=[look], jobs=[dg.define_asset_job("looking", executor_def=dg.in_process_executor)]
    ).resolve_job_def("looking")
    run_id = str(uuid.uuid4())
    with open_instance(tmp_path) as instance:
        execute_here(instance, looking, run_id=run_id, run_config={}, tags={})
        run = instance.get_run_by_id(run_id)
    assert run is not None
    assert run.status is dg.DagsterRunStatus.SUCCESS
    assert seen == {"runs.db": True, "index.db": True, f"{run_id}.db": True}
    assert list(history.rglob("*-wal")) == []


def test_the_disk_is_waited_for_by_all_databases_but_dagsters_own(tmp_path: Path) -> None:
    runs, other = home_of(tmp_path) / "history" / "runs.db", tmp_path / "other.db"
    inside: dict[str, int] = {}

    @dg.asset
    def look() -> None:
        inside.update({file.name: synchronous(file) for file in (runs, other)})

    looking = dg.Definitions(
        assets=[look], jobs=[dg.define_asset_job("looking", executor_def=dg.in_process_executor)]
    ).resolve_job_def("looking")
    with open_instance(tmp_path) as instance:
        execute_here(instance, looking, run_id=str(uuid.uuid4()), run_config={}, tags={})
    assert inside == {"runs.db": NORMAL, "other.db": FULL}
    assert synchronous(runs) == FULL


def synchronous(file: Path) -> int:
    engine = sqlalchemy.create_engine(f"sqlite:///{file}", poolclass=sqlalchemy.NullPool)
    with engine.connect() as connection:
        return connection.execute(sqlalchemy.text("PRAGMA synchronous")).scalar_one()


def test_a_step_that_fails_leaves_nothing_open(tmp_path: Path) -> None:
    @dg.op
    def break_() -> None:
        raise ValueError("broken on purpose")

    @dg.job(executor_def=dg.in_process_executor)
    def breaking() -> None:
        break_()

    with (
        open_instance(tmp_path) as instance,
        pytest.raises(ValueError, match="broken on purpose"),
    ):
        execute_here(instance, breaking, run_id=str(uuid.uuid4()), run_config={}, tags={})
    assert list((home_of(tmp_path) / "history").rglob("*-wal")) == []

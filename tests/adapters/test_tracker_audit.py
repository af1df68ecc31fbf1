"""MLflow's database, changed by somebody who can write to it: the audit finds it, reconcile puts it right."""

from __future__ import annotations

import dataclasses
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from mlflow import MlflowClient

from mlops.adapters.tracking.tracker import MLflowTracker
from mlops.runs import names
from mlops.runs.audit.audit import AuditFinding, audit, failure
from mlops.runs.audit.tracker import Witness
from mlops.runs.promotion.tracked import Registry
from mlops.runs.upkeep.reconcile import model_uri, reconcile
from mlops.runs.upkeep.tracker_repair import restore_tracker
from tests.support.auditing import NumberProver, texts
from tests.support.protocol import World, new_world

pytestmark = [
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning"),
    pytest.mark.slow,
]


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow store without a run: creating one takes a second."""
    file = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    MLflowTracker(f"sqlite:///{file}", "flights").find("0" * 12)
    return file


@pytest.fixture
def store(empty: Path, tmp_path: Path) -> Path:
    file = tmp_path / "mlflow.db"
    file.write_bytes(empty.read_bytes())
    return file


@pytest.fixture
def world(store: Path) -> World:
    """Two promotions on main, known to MLflow."""
    world = new_world("2013-01", tracker=MLflowTracker(f"sqlite:///{store}", "flights"))
    world.run(mae=12.0)
    world.run(mae=11.0)
    reconcile(world.ports)
    return world


def findings(world: World) -> list[AuditFinding]:
    tracker = world.ports.tracker
    assert isinstance(tracker, Witness)
    steps = audit(world.ports, NumberProver(), tracker)
    return [finding for step in steps for finding in step.findings]


def sql(store: Path, *statements: str) -> None:
    with closing(sqlite3.connect(store)) as database, database:
        for statement in statements:
            assert database.execute(statement).rowcount > 0, statement


def test_an_honest_store_is_found_clean(world: World) -> None:
    assert isinstance(world.ports.tracker, Registry)
    assert texts(findings(world)) == []
    assert restore_tracker(world.ports) == []


ELSEWHERE = "file:///elsewhere/evil"

SQL: dict[str, tuple[str, str, str]] = {
    "source and storage": (
        "UPDATE model_versions SET source = 'file:///elsewhere/evil', storage_location = 'file:///elsewhere/evil'",
        "I15",
        f"names '{ELSEWHERE}', not a promotion",
    ),
    "storage alone": (
        "UPDATE model_versions SET storage_location = 'file:///elsewhere/evil' WHERE version = 2",
        "I15",
        f"is fetched from '{ELSEWHERE}'",
    ),
    "source alone": (
        "UPDATE model_versions SET source = 'file:///elsewhere/evil' WHERE version = 1",
        "I15",
        f"version 1 of flights names '{ELSEWHERE}', not a promotion",
    ),
    "a version deleted": ("DELETE FROM model_versions WHERE version = 1", "I15", "no registered version"),
    "a version's run": (
        "UPDATE model_versions SET run_id = 'x' WHERE version = 1",
        "I15",
        "version 1, of promotion 1, is linked to another run",
    ),
    "a version's stage": (
        "UPDATE model_versions SET current_stage = 'Production' WHERE version = 1",
        "I15",
        "is at the stage Production",
    ),
    "a version's tag": (
        "UPDATE model_version_tags SET value = '9' WHERE key = 'mlops.number' AND version = 1",
        "I15",
        "has the tag mlops.number '9', not '1'",
    ),
    "another alias": (
        "INSERT INTO registered_model_aliases (alias, version, name) VALUES ('production', 1, 'flights')",
        "I11",
        "the alias production names version 1",
    ),
    "the alias": (
        "UPDATE registered_model_aliases SET version = 1 WHERE alias = 'champion'",
        "I11",
        "the alias champion names version 1",
    ),
    "a parameter": ("UPDATE params SET value = '8' WHERE key = 'seed'", "I15", "the parameter seed is '8'"),
    "a parameter gone": ("DELETE FROM params WHERE key = 'mae'", "I15", "the parameter mae is 'missing'"),
    "a metric": ("UPDATE latest_metrics SET value = 0.5", "I15", "is 0.5, not"),
    "a metric gone": ("DELETE FROM latest_metrics", "I15", "is missing, not"),
    "a tag": (
        "UPDATE tags SET value = 'f' WHERE key = 'mlops.inputs_digest'",
        "I15",
        "the tag mlops.inputs_digest is 'f'",
    ),
    "the link to main": (
        "DELETE FROM tags WHERE key = 'mlops.merge_commit'",
        "I15",
        "does not name the commit that promoted it",
    ),
    "an input": ("UPDATE datasets SET digest = 'f'", "I15", "its input is not the raw data"),
    "an input's source": (
        """UPDATE datasets SET dataset_source = '{"uri": "file:///elsewhere/evil"}'""",
        "I15",
        "its input is not the raw data",
    ),
    "no input": ("DELETE FROM inputs", "I15", "its input is not the raw data"),
    "a run deleted": ("UPDATE runs SET lifecycle_stage = 'deleted'", "I15", "the tracker has no run"),
}


@pytest.mark.parametrize("name", SQL)
def test_what_was_changed_in_the_database_is_found_and_put_right(
    world: World, store: Path, name: str
) -> None:
    statement, invariant, words = SQL[name]
    sql(store, statement)
    found = findings(world)
    assert any(f.invariant == invariant and words in f.what and f.proved for f in found), texts(found)
    assert failure(found) is not None
    reconcile(world.ports)
    restore_tracker(world.ports)
    assert texts(findings(world)) == []
    assert restore_tracker(world.ports) == []
    tracker, head = world.ports.tracker, world.lake.tags()[names.CHAMPION_TAG]
    version = tracker.alias("flights", "champion")
    assert version is not None
    client = MlflowClient(tracking_uri=f"sqlite:///{store}")
    assert client.get_model_version_download_uri("flights", version) == model_uri("flights", head)


def _first_metric(client: MlflowClient, run: str) -> str:
    return next(iter(client.get_run(run).data.metrics))


BY_CLIENT: dict[str, tuple[Callable[[MlflowClient, str], object], str, str]] = {
    "a version of something else": (
        lambda client, _: client.create_model_version("flights", "lakefs://flights/x/model"),
        "I15",
        "version 3 of flights names",
    ),
    "a metric that nobody computed": (
        lambda client, run: client.log_metric(run, "f1", 0.99, step=5),
        "I15",
        "the metric f1 is 0.99, which no decision computed",
    ),
    "a later value of a metric": (
        lambda client, run: client.log_metric(
            run, next(iter(client.get_run(run).data.metrics)), 0.01, step=5
        ),
        "I15",
        "is 0.01, not",
    ),
    "one more parameter": (
        lambda client, run: client.log_param(run, "trees", 9),
        "I15",
        "the parameter trees is '9', not 'missing'",
    ),
}


@pytest.mark.parametrize("name", BY_CLIENT)
def test_what_was_changed_by_mlflows_own_client_is_found_and_put_right(
    world: World, store: Path, name: str
) -> None:
    change, invariant, words = BY_CLIENT[name]
    run = next(iter(world.ports.tracker.seen_runs()))  # type: ignore[attr-defined]
    tracker_run = world.ports.tracker.find(run)
    assert tracker_run is not None
    change(MlflowClient(tracking_uri=f"sqlite:///{store}"), tracker_run)
    found = findings(world)
    assert any(f.invariant == invariant and words in f.what for f in found), texts(found)
    restore_tracker(world.ports)
    assert texts(findings(world)) == []


def test_a_version_of_a_promotion_that_was_rolled_back_stays(world: World) -> None:
    world.roll_back(to=1)
    assert texts(findings(world)) == []
    assert restore_tracker(world.ports) == []
    versions = world.ports.tracker.seen_versions("flights")  # type: ignore[attr-defined]
    assert [version.version for version in versions] == ["1", "2"]


@pytest.mark.parametrize("content", [b"this is not a database, whatever its name says" * 100, b"\0" * 5000])
def test_a_file_that_is_no_database_is_a_finding(world: World, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "other.db"
    file.write_bytes(content)
    tracker = MLflowTracker(f"sqlite:///{file}", "flights")
    ports = dataclasses.replace(world.ports, tracker=tracker)
    found = [f for step in audit(ports, NumberProver(), tracker) for f in step.findings]
    assert [(f.invariant, f.proved) for f in found] == [("I15", True)]
    assert "the tracker's store is damaged" in found[0].what
    assert failure(found) is not None

"""A sensor asks for one run for each commit with new objects: not twice, not never, not for its own runs."""

from __future__ import annotations

import os

import dagster as dg
import pytest

from mlops.orchestration.lake import ConfigurationFault, DataStore, NewObjects, new_objects_sensor
from mlops.orchestration.lake.lakefs_resource import ENDPOINT


@dg.op
def work() -> None:
    pass


@dg.job
def ingest() -> None:
    work()


SENSOR = new_objects_sensor("landing", "landing/", target=ingest)


def put(store: DataStore, path: str, content: str = "x") -> str:
    branch = store.lakefs.repository(store.repository).branch("main")
    branch.object(path).upload(content, pre_sign=False)
    return branch.commit(f"Bring {path}").get_commit().id


def evaluated(
    store: DataStore, cursor: str | None, sensor: dg.SensorDefinition = SENSOR
) -> tuple[list[dg.RunRequest], str | None]:
    """Return the runs that an evaluation asks for, and the new cursor."""
    with (
        dg.DagsterInstance.ephemeral(settings={"telemetry": {"enabled": False}}) as instance,
        dg.build_sensor_context(instance, cursor=cursor, resources={"store": store}) as context,
    ):
        data = sensor.evaluate_tick(context)
    return list(data.run_requests or []), data.cursor


def test_an_arrival_is_asked_for_once_by_its_commit(store: DataStore) -> None:
    assert evaluated(store, None)[0] == []
    commit = put(store, "landing/1.csv")
    asked, cursor = evaluated(store, None)
    assert [(request.run_key, request.tags["lakefs/commit"]) for request in asked] == [(commit, commit)]
    assert evaluated(store, cursor) == ([], cursor)


def test_what_happens_elsewhere_is_no_reason(store: DataStore) -> None:
    cursor = put(store, "landing/1.csv")
    elsewhere = put(store, "processed/1.parquet")
    assert evaluated(store, cursor) == ([], elsewhere)


def test_a_reset_to_an_earlier_commit_starts_nothing_and_the_next_arrival_is_not_missed(
    store: DataStore,
) -> None:
    first = put(store, "landing/1.csv")
    second = put(store, "landing/2.csv")
    _, cursor = evaluated(store, first)
    assert cursor == second
    store.lakefs.client.sdk_client.experimental_api.hard_reset_branch(store.repository, "main", first)
    asked, cursor = evaluated(store, cursor)
    assert (asked, cursor) == ([], first)
    third = put(store, "landing/3.csv")
    assert [request.run_key for request in evaluated(store, cursor)[0]] == [third]


@pytest.mark.parametrize(("content", "new"), [("x", False), ("other", True)])
def test_what_a_reset_dropped_is_new_where_it_comes_back_otherwise(
    store: DataStore, content: str, new: bool
) -> None:
    first = put(store, "landing/1.csv")
    second = put(store, "landing/2.csv")
    store.lakefs.client.sdk_client.experimental_api.hard_reset_branch(store.repository, "main", first)
    # Where two histories part, a file that both have changed is a conflict and no change.
    again = put(store, "landing/2.csv", content)
    assert again != second
    asked, cursor = evaluated(store, second)
    assert ([request.run_key for request in asked], cursor) == ([again] if new else [], again)


def test_a_file_that_was_replaced_is_new(store: DataStore) -> None:
    cursor = put(store, "landing/1.csv")
    again = put(store, "landing/1.csv", "other")
    assert [request.run_key for request in evaluated(store, cursor)[0]] == [again]


def test_a_commit_that_is_gone_is_no_obstacle(store: DataStore) -> None:
    commit = put(store, "landing/1.csv")
    assert [request.run_key for request in evaluated(store, "0" * 64)[0]] == [commit]


def test_runs_may_be_one_for_each_object(store: DataStore) -> None:
    def one_each(found: NewObjects) -> list[dg.RunRequest]:
        return [dg.RunRequest(run_key=f"{found.commit}/{path}") for path in found.paths]

    sensor = new_objects_sensor("each", "landing/", target=ingest, requests=one_each)
    cursor = put(store, "landing/1.csv")
    put(store, "landing/2.csv")
    last = put(store, "landing/3.csv")
    asked, _ = evaluated(store, cursor, sensor)
    assert [request.run_key for request in asked] == [f"{last}/landing/{n}.csv" for n in (2, 3)]


def test_while_the_server_is_away_the_evaluation_is_skipped(
    store: DataStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    cursor = put(store, "landing/1.csv")
    address = os.environ[ENDPOINT]
    monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:9")
    away = DataStore(location=store.location, lakefs=type(store.lakefs)())
    assert evaluated(away, cursor) == ([], cursor)
    monkeypatch.setenv(ENDPOINT, address)
    later = put(store, "landing/2.csv")
    assert [request.run_key for request in evaluated(store, cursor)[0]] == [later]


def test_it_is_off_until_it_is_switched_on_and_watches_a_prefix() -> None:
    assert SENSOR.default_status is dg.DefaultSensorStatus.STOPPED
    with pytest.raises(ConfigurationFault, match="prefix"):
        new_objects_sensor("all", "", target=ingest)

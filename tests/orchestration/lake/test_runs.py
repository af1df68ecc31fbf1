"""A run's branch from its first value to its merge: retries, checks, conflicts, processes."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dagster as dg
import pandas as pd
import pytest

from mlops.orchestration.lake import DataStore, branch_per_run
from tests.orchestration.lake import jobs

Result = dg.JobExecutionResult
MERGED = dg.AssetKey("merged")


@contextmanager
def executed(
    instance: dg.DagsterInstance, *, retry_of: str = "", steps: list[str] | None = None, config: Any = None
) -> Iterator[Result]:
    """Execute the shop's job, or a run of it again."""
    again = None
    if steps is not None:
        again = dg.ReexecutionOptions(parent_run_id=retry_of, step_selection=steps)
    elif retry_of:
        again = dg.ReexecutionOptions.from_failure(retry_of, instance)
    with dg.execute_job(
        dg.reconstructable(jobs.shop),
        instance=instance,
        run_config=config or jobs.IN_PROCESS,
        reexecution_options=again,
    ) as result:
        yield result


@pytest.fixture
def shop(store: DataStore, monkeypatch: pytest.MonkeyPatch) -> DataStore:
    monkeypatch.setenv(jobs.LOCATION, store.location)
    return store


def facts(result: Result, name: str) -> dict[str, Any]:
    found = result.asset_materializations_for_node(name)[0].metadata
    return {key: entry.value for key, entry in found.items()}


def table(store: DataStore, about: dict[str, Any]) -> pd.DataFrame:
    return pd.read_parquet(io.BytesIO(store.lakefs.fs().cat_file(about["dagster/uri"])))


def branches(store: DataStore) -> list[str]:
    return sorted(branch.id for branch in store.lakefs.repository(store.repository).branches())


def head(store: DataStore) -> str:
    return store.lakefs.repository(store.repository).branch(store.source_branch).get_commit().id


def on_main(store: DataStore) -> set[str]:
    found = store.lakefs.repository(store.repository).branch(store.source_branch).objects()
    return {entry.path for entry in found}


def test_a_run_is_merged_when_its_checks_have_passed(shop: DataStore, instance: dg.DagsterInstance) -> None:
    before = head(shop)
    with executed(instance) as result:
        assert result.success
        merged = facts(result, "merged")
        run = instance.get_run_by_id(result.run_id)
    assert (merged["merged"], merged["commit"]) == (True, head(shop))
    assert on_main(shop) == {"orders.parquet", "returns.parquet", "totals.parquet"}
    assert branches(shop) == ["main"]
    assert run
    assert run.tags["lakefs/base_commit"] == before
    assert run.tags["lakefs/branch"] == merged["branch"] == f"dagster-{run.run_id}"
    # What assets have on record stays readable after the merge, by commit.
    address = facts(result, "totals")["dagster/uri"]
    assert shop.lakefs.fs().exists(address)


def test_inputs_are_read_at_a_commit_that_is_on_record(shop: DataStore, instance: dg.DagsterInstance) -> None:
    with executed(instance) as result:
        loaded = [e.event_specific_data for e in result.all_events if e.event_type_value == "LOADED_INPUT"]
    commits = {entry.metadata["commit"].value for entry in loaded}
    assert len(loaded) == 3
    written = {facts(result, name)["commit"] for name in ("orders", "returns", "totals")}
    assert commits <= written


def test_a_retry_from_failure_goes_on_with_the_same_branch(
    shop: DataStore, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(jobs.FAILING, "totals")
    with executed(instance) as failed:
        assert not failed.success
        made = facts(failed, "orders")
    assert on_main(shop) == set()
    monkeypatch.delenv(jobs.FAILING)
    with executed(instance, retry_of=failed.run_id) as result:
        assert result.success
        steps = {event.step_key for event in result.get_step_success_events()}
        assert facts(result, "totals")["branch"] == made["branch"] == f"dagster-{failed.run_id}"
        totals = table(shop, facts(result, "totals"))
    assert "orders" not in steps
    assert totals["made_ns"][0] == table(shop, made)["made_ns"][0]
    assert on_main(shop) == {"orders.parquet", "returns.parquet", "totals.parquet"}


def test_a_run_that_is_executed_again_as_a_whole_begins_anew(
    shop: DataStore, instance: dg.DagsterInstance
) -> None:
    with executed(instance) as first:
        pass
    with executed(instance, retry_of=first.run_id, steps=[]) as second:
        assert second.success
        run = instance.get_run_by_id(second.run_id)
    assert run
    assert run.root_run_id == first.run_id
    assert facts(second, "orders")["branch"] == f"dagster-{second.run_id}"
    assert facts(second, "merged")["commit"] == head(shop)


def test_a_failed_check_that_does_not_block_keeps_the_run_from_main(
    shop: DataStore, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(jobs.BAD, "error")
    with executed(instance) as result:
        assert not result.success
        failure = result.failure_data_for_node("merged")
    assert on_main(shop) == set()
    assert branches(shop) == [f"dagster-{result.run_id}", "main"]
    assert failure
    assert failure.user_failure_data
    assert "totals: is_positive" in str(failure.user_failure_data.description)
    # The check itself was no failed step: what it found still holds for a retry.
    monkeypatch.delenv(jobs.BAD)
    with executed(instance, retry_of=result.run_id) as again:
        assert not again.success
    assert on_main(shop) == set()


def test_steps_that_are_chosen_again_go_on_with_the_branch_and_their_checks_count(
    shop: DataStore, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(jobs.BAD, "error")
    with executed(instance) as failed:
        assert not failed.success
    monkeypatch.delenv(jobs.BAD)
    with executed(
        instance, retry_of=failed.run_id, steps=["totals", "totals_is_positive", "merged"]
    ) as result:
        assert result.success
        assert facts(result, "merged")["branch"] == f"dagster-{failed.run_id}"
    assert on_main(shop) == {"orders.parquet", "returns.parquet", "totals.parquet"}


def test_a_check_that_was_left_out_keeps_the_run_from_main(
    shop: DataStore, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(jobs.FAILING, "totals")
    with executed(instance) as failed:
        assert not failed.success
    monkeypatch.delenv(jobs.FAILING)
    with executed(instance, retry_of=failed.run_id, steps=["totals", "merged"]) as result:
        assert not result.success
        failure = result.failure_data_for_node("merged")
    assert failure
    assert failure.user_failure_data
    assert "is_positive (not evaluated)" in str(failure.user_failure_data.description)
    assert on_main(shop) == set()


def test_a_run_that_stores_nothing_has_nothing_to_merge(
    store: DataStore, instance: dg.DagsterInstance
) -> None:
    @dg.asset
    def nothing() -> None:
        pass

    merged = branch_per_run([nothing])
    result = dg.materialize([nothing, merged], resources={"store": store}, instance=instance)
    assert result.success
    assert branches(store) == ["main"]


def test_a_warning_is_no_obstacle(
    shop: DataStore, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(jobs.BAD, "warn")
    with executed(instance) as result:
        assert result.success
    assert on_main(shop)


def test_two_runs_that_change_the_same_value_are_not_both_merged(
    shop: DataStore, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(jobs.FAILING, "totals")
    with executed(instance) as early:
        pass
    monkeypatch.delenv(jobs.FAILING)
    with executed(instance) as late:
        assert late.success
    after = head(shop)
    with executed(instance, retry_of=early.run_id) as result:
        assert not result.success
        failure = result.failure_data_for_node("merged")
    assert failure
    assert failure.error
    assert "conflict" in failure.error.to_string()
    assert head(shop) == after


def test_in_a_folder_the_same_assets_have_nothing_to_merge(
    folder: DataStore, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(jobs.LOCATION, folder.location)
    with executed(instance) as result:
        assert result.success
        assert facts(result, "merged") == {"location": folder.location, "merged": False}


@pytest.mark.slow
def test_steps_in_processes_of_their_own_share_the_branch(
    shop: DataStore, instance: dg.DagsterInstance
) -> None:
    with executed(instance, config=jobs.TWO_PROCESSES) as result:
        assert result.success
        names = {facts(result, name)["branch"] for name in ("orders", "returns", "totals")}
    assert names == {f"dagster-{result.run_id}"}
    assert on_main(shop) == {"orders.parquet", "returns.parquet", "totals.parquet"}

"""Partitioned assets whose runs are merged: a backfill with one run for each partition."""

import dagster as dg
import pytest

from mlops.orchestration.lake import DataStore, StorageError, TextIOManager, branch_per_run

DAYS = dg.StaticPartitionsDefinition(["2024-01-01", "2024-01-02", "2024-01-03"])


@dg.asset(partitions_def=DAYS)
def sales(context: dg.AssetExecutionContext) -> str:
    """Sales of a day."""
    return f"sales of {context.partition_key}"


@dg.asset(partitions_def=DAYS)
def copies(sales: str) -> str:
    """The same."""
    return sales


def test_each_partition_is_a_run_that_is_merged(store: DataStore, instance: dg.DagsterInstance) -> None:
    merged = branch_per_run([sales, copies])
    resources = {"store": store, "io_manager": TextIOManager(store=store)}
    for day in DAYS.get_partition_keys():
        done = dg.materialize(
            [sales, copies, merged], partition_key=day, resources=resources, instance=instance
        )
        assert done.success
    main = store.lakefs.repository(store.repository).branch("main")
    assert [entry.path for entry in main.objects(prefix="sales/")] == [
        f"sales/partition={day}/data.txt" for day in DAYS.get_partition_keys()
    ]
    merges = list(main.log(first_parent=True, max_amount=3))
    assert len({commit.metadata["dagster_root_run_id"] for commit in merges}) == 3
    records = instance.get_materialized_partitions(merged.key)
    assert records == set(DAYS.get_partition_keys())


def test_a_later_run_reads_all_partitions_that_were_merged(
    store: DataStore, instance: dg.DagsterInstance
) -> None:
    @dg.asset
    def total(sales: dict[str, str]) -> str:
        return "; ".join(sales.values())

    resources = {"store": store, "io_manager": TextIOManager(store=store)}
    for day in DAYS.get_partition_keys():
        merged = branch_per_run([sales])
        dg.materialize([sales, merged], partition_key=day, resources=resources, instance=instance)
    done = dg.materialize([sales, total], selection=[total], resources=resources, instance=instance)
    assert done.output_for_node("total") == "; ".join(f"sales of {day}" for day in DAYS.get_partition_keys())


@pytest.mark.filterwarnings("ignore:Parameter `backfill_policy`")  # which Dagster calls beta
def test_one_run_for_many_partitions_is_told_what_to_do(
    folder: DataStore, instance: dg.DagsterInstance
) -> None:
    @dg.asset(partitions_def=DAYS, backfill_policy=dg.BackfillPolicy.single_run())
    def several() -> str:
        return "all of them"

    tags = {
        "dagster/asset_partition_range_start": "2024-01-01",
        "dagster/asset_partition_range_end": "2024-01-03",
    }
    with pytest.raises(StorageError, match="one output for 3 partitions"):
        dg.materialize(
            [several], tags=tags, resources={"io_manager": TextIOManager(store=folder)}, instance=instance
        )

"""IO managers: values come back equal, from a folder and from lakeFS, with their facts on record."""

from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from sklearn.linear_model import LinearRegression

from mlops.orchestration.lake import (
    DataStore,
    JSONIOManager,
    NotStored,
    NumPyIOManager,
    ParquetIOManager,
    SklearnIOManager,
    StoredIOManager,
    TextIOManager,
    ValueRefused,
)

# What pyarrow does with columns that have a time zone, pandas 3 warns about.
pytestmark = pytest.mark.filterwarnings("ignore:Series.values returning an ndarray that drops timezone")

FRAME = pd.DataFrame(
    {
        "n": [1, 2, 3],
        "text": ["a|b", "<b>", None],
        "when": pd.to_datetime(["2020-01-01", None, "2020-01-03"], utc=True),
        "kind": pd.Categorical(["x", "y", "x"]),
    },
    index=pd.Index([10, 20, 30], name="id"),
)


def handed_on(manager: StoredIOManager, value: Any, wanted: Any = Any) -> tuple[Any, dict[str, Any]]:
    """Return what a second asset receives of the first one's value, and what is on record of it."""
    received: list[Any] = []

    @dg.asset
    def first() -> Any:
        return value

    def second(first: Any) -> None:
        received.append(first)

    second.__annotations__["first"] = wanted
    with dg.DagsterInstance.ephemeral(settings={"telemetry": {"enabled": False}}) as instance:
        result = dg.materialize(
            [first, dg.asset(second)], resources={"io_manager": manager}, instance=instance
        )
        facts = result.asset_materializations_for_node("first")[0].metadata
    return received[0], {name: entry.value for name, entry in facts.items()}


class TestParquet:
    def test_a_frame_comes_back_equal(self, either: DataStore) -> None:
        received, _ = handed_on(ParquetIOManager(store=either), FRAME, pd.DataFrame)
        pd.testing.assert_frame_equal(received, FRAME)

    def test_the_argument_says_which_library_reads_it(self, either: DataStore) -> None:
        frame = FRAME[["n", "text"]]
        received, _ = handed_on(ParquetIOManager(store=either), frame, pa.Table)
        assert received.equals(pa.Table.from_pandas(frame))

    def test_a_table_of_arrow_comes_back_equal(self, either: DataStore) -> None:
        table = pa.table({"a": [1, None], "b": [["x"], []]})
        received, facts = handed_on(ParquetIOManager(store=either), table, pa.Table)
        assert received.equals(table)
        assert facts["dagster/row_count"] == 2

    def test_polars_reads_and_writes_where_it_is_installed(self, folder: DataStore) -> None:
        pl = pytest.importorskip("polars", reason="polars is not installed")
        frame = pl.DataFrame({"a": [1, 2]})
        received, _ = handed_on(ParquetIOManager(store=folder), frame, pl.DataFrame)
        assert received.equals(frame)

    def test_what_is_no_table_is_refused(self, folder: DataStore) -> None:
        with pytest.raises(ValueRefused, match=r"stores tables .* not builtins\.dict"):
            handed_on(ParquetIOManager(store=folder), {"a": 1})


class TestOtherFormats:
    @pytest.mark.parametrize("value", [{"a": [1, 2.5, None, "ü\n"]}, [], "text", None, {"": {"b": True}}])
    def test_json_comes_back_equal(self, folder: DataStore, value: object) -> None:
        assert handed_on(JSONIOManager(store=folder), value)[0] == value

    @pytest.mark.parametrize("value", [{1: "a"}, (1, 2), float("nan"), object(), {"a": {1}}])
    def test_json_refuses_what_would_not(self, folder: DataStore, value: object) -> None:
        with pytest.raises(ValueRefused, match="JSON"):
            handed_on(JSONIOManager(store=folder), value)

    @pytest.mark.parametrize("value", ["", "one\r\ntwo\n", "ü\0"])
    def test_text_comes_back_equal(self, either: DataStore, value: str) -> None:
        assert handed_on(TextIOManager(store=either, suffix=".md"), value)[0] == value

    @pytest.mark.parametrize(
        "value", [np.arange(6).reshape(2, 3).T, np.array(1.5), np.zeros((0, 2), "M8[s]")]
    )
    def test_an_array_comes_back_equal(self, either: DataStore, value: Any) -> None:
        received, facts = handed_on(NumPyIOManager(store=either), value)
        np.testing.assert_array_equal(received, value)
        assert (received.dtype, facts["shape"]) == (value.dtype, str(value.shape))

    def test_an_array_of_objects_is_refused(self, folder: DataStore) -> None:
        with pytest.raises(ValueRefused, match="pickle"):
            handed_on(NumPyIOManager(store=folder), np.array([{}], dtype=object))

    def test_a_model_predicts_the_same(self, either: DataStore) -> None:
        model = LinearRegression().fit([[0.0], [1.0], [2.0]], [0.0, 2.0, 3.0])
        received, _ = handed_on(SklearnIOManager(store=either), model)
        assert received.predict([[5.0]]) == model.predict([[5.0]])

    def test_a_type_that_is_not_trusted_is_neither_written_nor_loaded(self, folder: DataStore) -> None:
        name = f"{_Strange.__module__}._Strange"
        trusting = SklearnIOManager(store=folder, trusted_types=[name])
        assert isinstance(handed_on(trusting, _Strange())[0], _Strange)
        content = next(Path(folder.location).rglob("*.skops")).read_bytes()
        careful = SklearnIOManager(store=folder)
        with pytest.raises(ValueRefused, match=name):
            careful.load(content, Any)
        with pytest.raises(ValueRefused, match=name):
            handed_on(careful, _Strange())


class _Strange(LinearRegression):
    pass


class TestFacts:
    def test_a_table_has_address_size_checksum_rows_schema_and_preview(self, either: DataStore) -> None:
        _, facts = handed_on(ParquetIOManager(store=either, preview_rows=2), FRAME)
        assert facts["dagster/row_count"] == 3
        assert [column.name for column in facts["dagster/column_schema"].columns] == list(FRAME.columns)
        assert facts["dagster/uri"].endswith("/first.parquet")
        assert facts["size_bytes"] > 0
        assert facts["checksum"].startswith("md5:")
        assert facts["link"]
        lines = facts["preview"].splitlines()
        assert len(lines) == 4
        assert "a&#124;b" in lines[2]
        assert "&lt;b>" in lines[3]

    def test_on_lakefs_they_name_branch_and_commit(self, store: DataStore) -> None:
        _, facts = handed_on(ParquetIOManager(store=store), FRAME)
        commit = store.lakefs.repository(store.repository).ref(facts["commit"])
        stat = commit.object("first.parquet").stat(pre_sign=False)
        assert stat.size_bytes == facts["size_bytes"]
        assert facts["checksum"] == f"md5:{stat.metadata['md5']}"
        assert facts["dagster/uri"] == f"lakefs://{store.repository}/{facts['commit']}/first.parquet"
        assert facts["branch"].startswith("dagster-")
        assert commit.get_commit().metadata["dagster_asset"] == "first"

    @pytest.mark.parametrize("value", [FRAME, "secret", {"a": "secret"}])
    def test_nothing_of_a_value_is_shown_where_no_row_is_wanted(self, folder: DataStore, value: Any) -> None:
        kinds = {pd.DataFrame: ParquetIOManager, str: TextIOManager, dict: JSONIOManager}
        _, facts = handed_on(kinds[type(value)](store=folder, preview_rows=0), value)
        assert "preview" not in facts


MONTHS = dg.StaticPartitionsDefinition(["2020-01", "../x", "a/b", "..", "."])


class TestPartitions:
    def test_each_key_has_a_file_of_its_own_within_the_folder_of_the_asset(
        self, either: DataStore, instance: dg.DagsterInstance
    ) -> None:
        @dg.asset(partitions_def=MONTHS, io_manager_key="io")
        def sales(context: dg.AssetExecutionContext) -> str:
            return f"sales of {context.partition_key}"

        @dg.asset(partitions_def=MONTHS, io_manager_key="io")
        def copies(sales: str) -> str:
            return sales

        manager = TextIOManager(store=either)
        for key in MONTHS.get_partition_keys():
            done = dg.materialize(
                [sales, copies], partition_key=key, resources={"io": manager}, instance=instance
            )
            assert done.output_for_node("copies") == f"sales of {key}"
        if not either.repository:
            files = [path for path in Path(either.location).rglob("*") if path.is_file()]
            assert len(files) == 2 * len(MONTHS.get_partition_keys())
            assert not list(Path(either.location).parent.glob("x*"))

    def test_an_asset_over_all_partitions_receives_them_by_key(
        self, folder: DataStore, instance: dg.DagsterInstance
    ) -> None:
        weeks = dg.StaticPartitionsDefinition(["1", "2"])

        @dg.asset(partitions_def=weeks)
        def sales(context: dg.AssetExecutionContext) -> pd.DataFrame:
            return pd.DataFrame({"week": [context.partition_key]})

        @dg.asset
        def total(sales: dict[str, pd.DataFrame]) -> pd.DataFrame:
            return pd.concat(sales.values())

        resources = {"io_manager": ParquetIOManager(store=folder)}
        for week in ("1", "2"):
            dg.materialize([sales], partition_key=week, resources=resources, instance=instance)
        done = dg.materialize([sales, total], selection=[total], resources=resources, instance=instance)
        assert list(done.output_for_node("total")["week"]) == ["1", "2"]
        # The layout is Hive's: any reader of it finds the partition as a column.
        table = ds.dataset(f"{folder.location}/sales", partitioning="hive").to_table()
        assert set(table.column_names) == {"week", "partition"}

    def test_a_missing_partition_is_an_error_unless_it_may_be_missing(
        self, folder: DataStore, instance: dg.DagsterInstance
    ) -> None:
        weeks = dg.StaticPartitionsDefinition(["1", "2"])

        @dg.asset(partitions_def=weeks)
        def sales(context: dg.AssetExecutionContext) -> str:
            return context.partition_key

        def total(sales: dict[str, str]) -> str:
            return ",".join(sales)

        lenient = dg.asset(total, ins={"sales": dg.AssetIn(metadata={"allow_missing_partitions": True})})
        resources = {"io_manager": TextIOManager(store=folder)}
        dg.materialize([sales], partition_key="2", resources=resources, instance=instance)
        with pytest.raises(NotStored, match="materialize it first"):
            dg.materialize(
                [sales, dg.asset(total)], selection=["total"], resources=resources, instance=instance
            )
        done = dg.materialize([sales, lenient], selection=["total"], resources=resources, instance=instance)
        assert done.output_for_node("total") == "2"

    def test_dimensions_stay_apart(self, folder: DataStore, instance: dg.DagsterInstance) -> None:
        grid = dg.MultiPartitionsDefinition(
            {
                "x": dg.StaticPartitionsDefinition(["a/b", "a"]),
                "y": dg.StaticPartitionsDefinition(["c", "b/c"]),
            }
        )

        @dg.asset(partitions_def=grid)
        def cell(context: dg.AssetExecutionContext) -> str:
            return str(context.partition_key)

        for key in (
            dg.MultiPartitionKey({"x": "a/b", "y": "c"}),
            dg.MultiPartitionKey({"x": "a", "y": "b/c"}),
        ):
            dg.materialize(
                [cell],
                partition_key=key,
                resources={"io_manager": TextIOManager(store=folder)},
                instance=instance,
            )
        texts = {path.read_text() for path in Path(folder.location).rglob("*.txt")}
        assert texts == {"a/b|c", "a|b/c"}


def test_outputs_of_ops_are_handed_on_too(either: DataStore, instance: dg.DagsterInstance) -> None:
    @dg.op
    def make() -> str:
        return "made"

    @dg.op
    def use(text: str) -> str:
        return text + " and used"

    @dg.job(resource_defs={"io_manager": TextIOManager(store=either).get_resource_definition()})
    def work() -> None:
        use(make())

    assert work.execute_in_process(instance=instance).output_for_node("use") == "made and used"

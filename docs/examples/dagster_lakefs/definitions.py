"""A shop's assets on lakeFS: each run has a branch of its own, merged when its checks have passed."""

import dagster as dg
import pandas as pd

from mlops.orchestration.lake import DataStore, LakeFSResource, ParquetIOManager, branch_per_run


@dg.asset
def orders() -> pd.DataFrame:
    """Orders, one per row."""
    return pd.DataFrame({"country": ["DE", "FR", "DE"], "amount": [20.0, 35.0, 15.0]})


@dg.asset
def revenue(orders: pd.DataFrame) -> pd.DataFrame:
    """Revenue of each country."""
    return orders.groupby("country", as_index=False)["amount"].sum()


@dg.asset_check(asset=revenue)
def revenue_is_positive(revenue: pd.DataFrame) -> dg.AssetCheckResult:
    """No country has negative revenue."""
    worst = float(revenue["amount"].min())
    return dg.AssetCheckResult(passed=worst > 0, metadata={"smallest": worst})


# From here on it is about the lake: nothing above knows of it.
store = DataStore(location=dg.EnvVar("SHOP_LOCATION"), lakefs=LakeFSResource())
defs = dg.Definitions(
    assets=[orders, revenue, branch_per_run([orders, revenue])],
    asset_checks=[revenue_is_positive],
    resources={"store": store, "io_manager": ParquetIOManager(store=store)},
)

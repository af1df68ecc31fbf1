"""A shop's assets in a job that other processes load by name; variables make it fail."""

import os
import time

import dagster as dg
import pandas as pd

from mlops.orchestration.lake import DataStore, LakeFSResource, ParquetIOManager, branch_per_run

#: Names of variables: where values lie, which asset raises, and whether the check fails.
LOCATION, FAILING, BAD = "SHOP_LOCATION", "SHOP_FAILING", "SHOP_BAD"


def _fail_if_asked(name: str) -> None:
    if os.environ.get(FAILING) == name:
        raise RuntimeError(f"{name} fails")


@dg.asset
def orders() -> pd.DataFrame:
    """Rows that differ at each execution."""
    return pd.DataFrame({"amount": [1, 2, 3], "made_ns": [time.time_ns()] * 3})


@dg.asset
def returns() -> pd.DataFrame:
    """Rows beside the orders."""
    return pd.DataFrame({"amount": [1]})


@dg.asset
def totals(orders: pd.DataFrame, returns: pd.DataFrame) -> pd.DataFrame:
    """One row of sums."""
    _fail_if_asked("totals")
    return pd.DataFrame({"sum": [orders.amount.sum() - returns.amount.sum()], "made_ns": [orders.made_ns[0]]})


@dg.asset_check(asset=totals)
def is_positive(totals: pd.DataFrame) -> dg.AssetCheckResult:
    """A check that does not block."""
    passed = bool(totals["sum"][0] > 0) and os.environ.get(BAD) is None
    severity = dg.AssetCheckSeverity.WARN if os.environ.get(BAD) == "warn" else dg.AssetCheckSeverity.ERROR
    return dg.AssetCheckResult(passed=passed, severity=severity)


def shop() -> dg.JobDefinition:
    """Return the job."""
    store = DataStore(location=dg.EnvVar(LOCATION), lakefs=LakeFSResource())
    merged = branch_per_run([orders, returns, totals])
    return dg.Definitions(
        assets=[orders, returns, totals, merged],
        asset_checks=[is_positive],
        jobs=[dg.define_asset_job("shop", [orders, returns, totals, merged])],
        resources={"store": store, "io_manager": ParquetIOManager(store=store)},
    ).resolve_job_def("shop")


IN_PROCESS = {"execution": {"config": {"in_process": {}}}}
TWO_PROCESSES = {
    "execution": {
        "config": {
            "multiprocess": {
                "max_concurrent": 2,
                "start_method": {"forkserver": {"preload_modules": ["tests.orchestration.lake.jobs"]}},
            }
        }
    }
}

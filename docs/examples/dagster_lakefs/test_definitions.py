"""The shop's assets, materialized in a folder and, where a server is configured, on lakeFS."""

import os

import dagster as dg
import pandas as pd
import pytest
from definitions import defs, store


def materialized() -> dg.ExecuteInProcessResult:
    settings = {"telemetry": {"enabled": False}}
    with dg.DagsterInstance.ephemeral(settings=settings) as instance:
        job = defs.resolve_implicit_global_asset_job_def()
        return job.execute_in_process(instance=instance)


def test_in_a_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("SHOP_LOCATION", str(tmp_path))
    assert materialized().success
    revenue = pd.read_parquet(tmp_path / "revenue.parquet")
    assert dict(zip(revenue["country"], revenue["amount"], strict=True)) == {"DE": 35.0, "FR": 35.0}


@pytest.mark.skipif("LAKEFS_REPOSITORY" not in os.environ, reason="LAKEFS_REPOSITORY names no repository")
def test_on_lakefs(monkeypatch):
    repository = os.environ["LAKEFS_REPOSITORY"]
    monkeypatch.setenv("SHOP_LOCATION", f"lakefs://{repository}")
    result = materialized()
    assert result.success
    merged = result.asset_materializations_for_node("merged")[0].metadata
    assert merged["merged"].value is True
    content = store.lakefs.fs().cat_file(f"lakefs://{repository}/main/revenue.parquet")
    assert content.startswith(b"PAR1")

"""Definitions load quickly: clients and libraries of values are imported when they are used."""

from __future__ import annotations

import json
import subprocess
import sys

_HEAVY = ["lakefs", "lakefs_sdk", "lakefs_spec", "pandas", "pyarrow", "numpy", "sklearn", "skops", "mlflow"]


def test_no_client_and_no_library_of_values_is_imported_with_the_definitions() -> None:
    # Dagster itself imports some of them where they are installed: what it leaves out, stays out.
    code = f"""
import json, sys, dagster
before = set(sys.modules)
import mlops.orchestration.lake as lake
store = lake.DataStore(location="lakefs://shop", lakefs=lake.LakeFSResource())
lake.ParquetIOManager(store=store)
lake.MLflowResource(tracking_uri="sqlite:///x.db")
print(json.dumps([name for name in {_HEAVY} if name in set(sys.modules) - before]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []

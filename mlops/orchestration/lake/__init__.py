"""A Dagster integration for lakeFS: resources, IO managers, and a branch for every run.

It serves anybody's assets, not only this project's pipelines: it imports Dagster, the lakeFS clients and,
when a value of their kind is stored, pandas, pyarrow, polars, NumPy, scikit-learn's skops or MLflow, and
nothing else of this project. Start with `stores.DataStore`, the place where values lie, then
`managers.StoredIOManager`, which every format builds upon.
"""

from mlops.orchestration.lake.errors import (
    AccessRefused,
    BranchGone,
    ConfigurationFault,
    NotStored,
    StorageBusy,
    StorageConflict,
    StorageError,
    StorageUnavailable,
    ValueRefused,
)
from mlops.orchestration.lake.formats import (
    JSONIOManager,
    NumPyIOManager,
    ParquetIOManager,
    SklearnIOManager,
    TextIOManager,
)
from mlops.orchestration.lake.lakefs_resource import LakeFSResource
from mlops.orchestration.lake.managers import StoredIOManager
from mlops.orchestration.lake.merging import branch_per_run
from mlops.orchestration.lake.mlflow_resource import MLflowResource
from mlops.orchestration.lake.sensors import NewObjects, new_objects_sensor
from mlops.orchestration.lake.stores import DataStore

__all__ = [
    "AccessRefused",
    "BranchGone",
    "ConfigurationFault",
    "DataStore",
    "JSONIOManager",
    "LakeFSResource",
    "MLflowResource",
    "NewObjects",
    "NotStored",
    "NumPyIOManager",
    "ParquetIOManager",
    "SklearnIOManager",
    "StorageBusy",
    "StorageConflict",
    "StorageError",
    "StorageUnavailable",
    "StoredIOManager",
    "TextIOManager",
    "ValueRefused",
    "branch_per_run",
    "new_objects_sensor",
]

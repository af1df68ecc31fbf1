"""A lake, and what is committed there, for models and datasets that MLflow reads by address."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator

import mlflow.sklearn
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from mlops.adapters.lake import credentials as lake_credentials
from mlops.adapters.lake import servers
from mlops.adapters.lake.credentials import Credentials
from mlops.adapters.lake.lake import LakeFSLake, connect
from mlops.adapters.tracking import plugins
from mlops.adapters.tracking.plugins import LakeFSArtifactRepository
from mlops.runs.digest import document, sha256
from mlops.runs.records import Champion, ComparedTo, ObjectRecord
from tests.support import crafted

ROWS = pd.DataFrame({"x": [1.0, 2.0, 3.0]})


@pytest.fixture(scope="module")
def credentials(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Credentials]:
    state_dir = tmp_path_factory.mktemp("lake")
    try:
        yield servers.start_embedded(state_dir)
    finally:
        servers.stop(state_dir)


@pytest.fixture(autouse=True)
def discovered(credentials: Credentials, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in lake_credentials.environment(credentials).items():
        monkeypatch.setenv(name, value)


@pytest.fixture(autouse=True)
def listed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every repository be the one of a pipeline that trusts a line."""
    monkeypatch.setattr(plugins, "trusted_types", lambda _repository: crafted.LINE)


@pytest.fixture
def lake(credentials: Credentials) -> LakeFSLake:
    connection = connect(credentials)
    name = f"p{secrets.token_hex(6)}"
    connection.create_repository(name)
    return LakeFSLake(connection, name)


@pytest.fixture(scope="module")
def model_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("model") / "saved"
    model = LinearRegression().fit(ROWS, [2.0, 4.0, 6.0])
    mlflow.sklearn.save_model(
        model, str(folder), serialization_format="skops", pip_requirements=["scikit-learn"]
    )
    return {f"model/{file.name}": file.read_bytes() for file in folder.iterdir()}


Commit = Callable[[dict[str, bytes]], str]


@pytest.fixture
def committed(lake: LakeFSLake) -> Commit:
    def commit(files: dict[str, bytes]) -> str:
        for path, content in files.items():
            lake.write("main", path, content)
        return lake.commit("main", "files", PROMOTION if "champion.json" in files else {})

    return commit


#: What the commit of a promotion says of itself.
PROMOTION = {"kind": "promotion", "number": "1", "run_id": "0123456789ab", "evidence_commit": "e" * 64}


def with_record(files: dict[str, bytes]) -> dict[str, bytes]:
    """Return files together with the record that promotes them."""
    return {**files, "champion.json": promoted(files)}


def promoted(files: dict[str, bytes]) -> bytes:
    records = tuple(
        ObjectRecord(path, len(content), "md5", sha256(content)) for path, content in files.items()
    )
    champion = Champion(
        1, "0123456789ab", 1, "e" * 64, ComparedTo(), "i" * 64, "2013-01-31", "r" * 64, records
    )
    return document(champion.to_json())


def repository(lake: LakeFSLake, ref: str, path: str = "model") -> LakeFSArtifactRepository:
    return LakeFSArtifactRepository(f"lakefs://{lake.repository}/{ref}/{path}")

"""Arrivals from files on another lake server and in an object store, listed, read and refused."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import http.client
import json
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from mlops.adapters.lake import credentials as lake_credentials
from mlops.adapters.lake.lake import LakeFSLake, connect
from mlops.lakeserver import Credentials, Server, running_server
from mlops.runs.errors import ConfigError, InputError, MlopsError, SourceUnavailable
from mlops.steps.arrivals.source_options import lake_storage
from tests.pipelines.sources.points import files

KEY = Credentials("AKIAELSEWHERE", "secret-of-elsewhere", "elsewhere")
CONTENT = b"n,x,name\n1,2,a\n2,,b\n"
PATTERN = "lakefs://shared/main/data/{arrival}/points.csv"


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A lake server of somebody else, with two arrivals in a commit."""
    with running_server(tmp_path_factory.mktemp("elsewhere") / "data", KEY, durable=False) as server:
        _create_repository(server)
        lake = LakeFSLake(connect(_credentials(server)), "shared")
        for arrival in ("2024-01", "2024-02"):
            lake.write("main", f"data/{arrival}/points.csv", CONTENT)
        lake.commit("main", "Deliver two months", {})
        yield server


def _create_repository(server: Server) -> None:
    body = json.dumps({"name": "shared", "storage_namespace": "local://shared"}).encode()
    pair = base64.b64encode(f"{KEY.access_key_id}:{KEY.secret_access_key}".encode()).decode()
    headers = {"Authorization": f"Basic {pair}", "Content-Type": "application/json"}
    parts = urlsplit(server.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
    connection.request("POST", "/api/v1/repositories", body, headers)
    assert connection.getresponse().status == 201
    connection.close()


def _credentials(server: Server, secret: str = KEY.secret_access_key) -> lake_credentials.Credentials:
    return lake_credentials.Credentials(server.url, KEY.access_key_id, secret)


def shared(server: Server, pattern: str = PATTERN, **options: Any):
    storage = lake_storage(options.pop("credentials", None) or _credentials(server))
    return files({"tables": {"points": pattern}, **options}, storage=storage)


class TestLakeFS:
    def test_arrivals_are_listed_and_read(self, elsewhere: Server) -> None:
        source = shared(elsewhere)
        assert list(source.arrivals()) == ["2024-01", "2024-02"]
        found = source.extract("2024-02")
        assert found["points"]["name"].tolist() == ["a", "b"]
        origin = found.origins["points"]
        assert origin.place == "lakefs://shared/main/data/2024-02/points.csv"
        assert KEY.secret_access_key not in repr(source) + str(dataclasses.asdict(origin))

    def test_a_commit_is_read_as_it_was(self, elsewhere: Server) -> None:
        lake = LakeFSLake(connect(_credentials(elsewhere)), "shared")
        then = lake.head("main")
        pinned = shared(elsewhere, PATTERN.replace("main", then))
        lake.write("main", "data/2024-01/points.csv", b"n,x,name\n9,9,z\n")
        try:
            lake.commit("main", "Correct a month", {})
            assert pinned.extract("2024-01")["points"]["n"].tolist() == [1, 2]
            assert shared(elsewhere).extract("2024-01")["points"]["n"].tolist() == [9]
        finally:
            lake.write("main", "data/2024-01/points.csv", CONTENT)
            lake.commit("main", "Take the correction back", {})

    def test_a_declared_digest_decides(self, elsewhere: Server) -> None:
        name = "lakefs://shared/main/data/2024-01/points.csv"
        right = hashlib.sha256(CONTENT).hexdigest()
        assert len(shared(elsewhere, sha256={name: right}).extract("2024-01")["points"]) == 2
        with pytest.raises(InputError, match="the file is not the one declared"):
            shared(elsewhere, sha256={name: "0" * 64}).extract("2024-01")

    @pytest.mark.parametrize("arrival", ["2024-03", "1999-12"])
    def test_an_arrival_that_is_not_there_is_named(self, elsewhere: Server, arrival: str) -> None:
        with pytest.raises(InputError, match="no such") as raised:
            shared(elsewhere).extract(arrival)
        assert arrival in str(raised.value)

    def test_a_wrong_key_is_refused_and_never_shown(self, elsewhere: Server) -> None:
        with pytest.raises(ConfigError, match="access is denied") as raised:
            shared(elsewhere, credentials=_credentials(elsewhere, "a-wrong-secret")).extract("2024-01")
        assert "a-wrong-secret" not in str(raised.value)

    def test_a_server_that_is_down_is_named(self) -> None:
        down = lake_credentials.Credentials("http://127.0.0.1:9", "AKIA", "secret")
        source = files({"tables": {"points": PATTERN}, "arrivals": ["2024-01"]}, storage=lake_storage(down))
        with pytest.raises(SourceUnavailable, match="gave no answer"):
            source.extract("2024-01")


class Bucket(MemoryFileSystem):
    """An object store in memory, in place of the library that reads ``s3://``, which is not installed."""

    protocol = "s3"
    store: dict[str, Any] = {}  # noqa: RUF012  (fsspec keeps it on the class)
    pseudo_dirs = [""]  # noqa: RUF012
    asked: list[dict[str, Any]] = []  # noqa: RUF012

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return "/" + path.removeprefix("s3://").strip("/")

    def __init__(self, **options: Any) -> None:
        Bucket.asked.append(options)
        super().__init__()


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    monkeypatch.setitem(sys.modules["fsspec.registry"]._registry, "s3", Bucket)
    made = Bucket()
    with made.open("/bucket/data/2024-01/points.csv", "wb") as file:
        file.write(CONTENT)
    yield made
    Bucket.store.clear()
    Bucket.asked.clear()


class TestObjectStore:
    def test_files_of_a_bucket_are_arrivals(self, bucket: Bucket) -> None:
        source = files({"tables": {"points": "s3://bucket/data/{arrival}/points.csv"}})
        assert list(source.arrivals()) == ["2024-01"]
        found = source.extract("2024-01")
        assert found["points"]["n"].tolist() == [1, 2]
        assert found.origins["points"].place == "s3://bucket/data/2024-01/points.csv"
        # A server that accepts and says nothing must not hold a run for ever.
        assert all(options["config_kwargs"]["read_timeout"] > 0 for options in Bucket.asked[1:])

    def test_an_object_that_is_not_there_is_named(self, bucket: Bucket) -> None:
        declared = {"tables": {"points": "s3://bucket/data/{arrival}/points.csv"}, "arrivals": ["2024-02"]}
        with pytest.raises(InputError, match="no such file"):
            files(declared).extract("2024-02")

    @pytest.mark.parametrize(
        ("error", "kind"),
        [(PermissionError("Access Denied"), MlopsError), (OSError("reset"), SourceUnavailable)],
    )
    def test_what_the_store_answers_decides(
        self, bucket: Bucket, monkeypatch: pytest.MonkeyPatch, error: OSError, kind: type[MlopsError]
    ) -> None:
        def fail(*_arguments: Any, **_options: Any) -> None:
            raise error

        monkeypatch.setattr(Bucket, "_open", fail)
        with pytest.raises(kind, match=r"s3://bucket/data/2024-01/points.csv"):
            files({"tables": {"points": "s3://bucket/data/{arrival}/points.csv"}}).extract("2024-01")

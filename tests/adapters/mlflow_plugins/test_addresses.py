"""Folders, files and datasets that MLflow reads by a `lakefs://` address, and what it must not."""

from __future__ import annotations

import json
from pathlib import Path

import mlflow
import mlflow.data
import mlflow.sklearn
import pytest
from mlflow.exceptions import MlflowException

from mlops.adapters.lake.credentials import Credentials
from mlops.adapters.lake.lake import LakeFSLake
from mlops.adapters.tracking.plugins import LakeFSArtifactRepository, LakeFSDatasetSource
from tests.adapters.mlflow_plugins.conftest import ROWS, Commit, repository, with_record

# MLflow's own: its tables use a SQLAlchemy option that is on its way out, and it warns of its own type hints.
pytestmark = [
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning"),
]


class TestListing:
    def test_shows_what_lies_directly_in_a_folder(self, lake: LakeFSLake, committed: Commit) -> None:
        commit = committed(
            {"model/a.txt": b"12", "model/sub/b.txt": b"1", "model/sub/c.txt": b"", "modelx": b""}
        )
        root = repository(lake, commit)

        def listed(path: str | None) -> list[tuple[str, bool, int | None]]:
            return [(info.path, info.is_dir, info.file_size) for info in root.list_artifacts(path)]

        assert listed(None) == listed("") == [("a.txt", False, 2), ("sub", True, None)]
        assert listed("sub") == listed("sub/") == [("sub/b.txt", False, 1), ("sub/c.txt", False, 0)]
        assert listed("a.txt") == []
        with pytest.raises(MlflowException) as caught:
            listed("none")
        assert caught.value.error_code == "RESOURCE_DOES_NOT_EXIST"

    def test_of_a_whole_commit(self, lake: LakeFSLake, committed: Commit) -> None:
        commit = committed({"a": b"", "raw/t/x": b""})

        assert [info.path for info in repository(lake, commit, "").list_artifacts()] == ["a", "raw"]

    def test_a_name_that_moves_stands_for_one_commit(
        self, lake: LakeFSLake, committed: Commit, tmp_path: Path
    ) -> None:
        committed(with_record({"model/a": b"old"}))
        root = repository(lake, "main")
        assert [info.path for info in root.list_artifacts()] == ["a"]
        committed({"model/a": b"new", "model/b": b""})
        root.download_artifacts("a", str(tmp_path))

        assert (tmp_path / "a").read_bytes() == b"old"
        assert [info.path for info in repository(lake, "main").list_artifacts()] == ["a", "b"]


class TestSafety:
    @pytest.mark.parametrize(
        "uri",
        [
            "lakefs://flights",
            "lakefs://Flights/main/x",
            "lakefs://flights/main/../x",
            "lakefs://flights/main/a/./b",
            "lakefs://flights/main//x",
            "lakefs://flights/ma~1/x",
            "lakefs://user:key@flights/main/x",
            "lakefs://flights/main/a\\b",
            "s3://flights/main/x",
        ],
    )
    def test_an_address_of_another_form_is_refused(self, uri: str) -> None:
        with pytest.raises(MlflowException) as caught:
            LakeFSArtifactRepository(uri)
        assert caught.value.error_code == "INVALID_PARAMETER_VALUE"
        assert not LakeFSDatasetSource._can_resolve(uri)

    def test_a_path_cannot_leave_its_folder(
        self, lake: LakeFSLake, committed: Commit, tmp_path: Path
    ) -> None:
        root = repository(lake, committed({"model/a": b"", "secret": b"x"}))
        for path in ("../secret", "/secret", "a/../../secret"):
            with pytest.raises(MlflowException):
                root.download_artifacts(path, str(tmp_path))

    @pytest.mark.parametrize("path", ["model/../../evil", "model//evil", "model/a\\..\\evil"])
    def test_an_object_with_a_dangerous_name_is_never_written(
        self, lake: LakeFSLake, committed: Commit, tmp_path: Path, path: str
    ) -> None:
        root = repository(lake, committed({path: b"evil", "model/a": b""}))
        (tmp_path / "in").mkdir()
        with pytest.raises(MlflowException, match="not a safe path"):
            root.download_artifacts("", str(tmp_path / "in"))

        assert not any(file.is_file() for file in tmp_path.rglob("*"))

    def test_nothing_can_be_written(self, lake: LakeFSLake, committed: Commit, tmp_path: Path) -> None:
        (tmp_path / "x").write_bytes(b"")
        root = repository(lake, committed({"model/a": b""}))
        for write in (
            lambda: root.log_artifact(str(tmp_path / "x")),
            lambda: root.log_artifacts(str(tmp_path)),
        ):
            with pytest.raises(MlflowException, match="read-only"):
                write()

    def test_failures_have_mlflows_codes_and_no_secret(
        self, lake: LakeFSLake, credentials: Credentials, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with pytest.raises(MlflowException) as caught:
            repository(lake, "f" * 64).list_artifacts()
        assert caught.value.error_code == "RESOURCE_DOES_NOT_EXIST"
        monkeypatch.setenv("LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY", "wrong-secret")
        with pytest.raises(MlflowException) as denied:
            repository(lake, "main").list_artifacts()
        assert denied.value.error_code == "PERMISSION_DENIED"
        assert "wrong-secret" not in str(denied.value)


class TestDatasets:
    def test_a_logged_input_leads_back_to_the_rows(
        self, lake: LakeFSLake, committed: Commit, tmp_path: Path
    ) -> None:
        commit = committed({"raw/flights/2013-01.parquet": b"rows", "raw/flights/2013-02.parquet": b"more"})
        file = f"lakefs://{lake.repository}/{commit}/raw/flights/2013-01.parquet"
        dataset = mlflow.data.from_pandas(ROWS, source=LakeFSDatasetSource(file), name="raw", digest="x")
        stored = dataset.to_dict()
        source = LakeFSDatasetSource.from_json(stored["source"])

        assert stored["source_type"] == "lakefs"
        assert json.loads(stored["source"]) == {"uri": file}
        assert (source.uri, Path(source.load(str(tmp_path))).read_bytes()) == (file, b"rows")

    def test_a_prefix_is_loaded_as_a_folder(
        self, lake: LakeFSLake, committed: Commit, tmp_path: Path
    ) -> None:
        commit = committed({"raw/a/1": b"1", "raw/b/2": b"2", "other": b""})
        folder = Path(LakeFSDatasetSource(f"lakefs://{lake.repository}/{commit}/raw/").load(str(tmp_path)))

        files = {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*/*")}
        assert files == {"a/1": b"1", "b/2": b"2"}

    def test_mlflow_recognises_the_address(self) -> None:
        from mlflow.data.dataset_source_registry import get_dataset_source_from_json, resolve_dataset_source

        uri = f"lakefs://flights/{'a' * 64}/raw"
        assert isinstance(resolve_dataset_source(uri, [LakeFSDatasetSource]), LakeFSDatasetSource)
        read = get_dataset_source_from_json(json.dumps({"uri": uri}), "lakefs")
        assert read.to_dict() == {"uri": uri}

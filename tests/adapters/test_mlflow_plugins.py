"""MLflow reads models and datasets out of the lake: the promoted bytes, by commit, and never a pickle."""

from __future__ import annotations

import json
import os
import pickle
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mlflow
import mlflow.data
import mlflow.sklearn
import pandas as pd
import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from mlflow.exceptions import MlflowException
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression

from mlops.adapters.lake import credentials as lake_credentials
from mlops.adapters.lake import servers
from mlops.adapters.lake.credentials import Credentials
from mlops.adapters.lake.lake import LakeFSLake, connect
from mlops.adapters.models import saved_files as mlops_model_files
from mlops.adapters.record.signing import FileSigner
from mlops.adapters.tracking import plugins
from mlops.adapters.tracking.plugins import LakeFSArtifactRepository, LakeFSDatasetSource
from mlops.adapters.tracking.tracker import MLflowTracker
from mlops.pipelines import pipeline
from mlops.runs.digest import document, sha256
from mlops.runs.records import Champion, ComparedTo, ObjectRecord
from mlops.runs.statements import Statement, seal, subjects_of
from tests.support import crafted

ROWS = pd.DataFrame({"x": [1.0, 2.0, 3.0]})

# MLflow's own: its tables use a SQLAlchemy option that is on its way out, and it warns of its own type hints.
pytestmark = [
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning"),
]


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


@pytest.fixture(scope="module")
def flights_model(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Return a model of boosted trees, which the list of flights admits."""
    folder = tmp_path_factory.mktemp("flights") / "saved"
    trees = HistGradientBoostingRegressor(max_iter=3, early_stopping=False, random_state=1)
    mlops_model_files.save(
        trees.fit(crafted.ROWS.to_numpy(), crafted.TARGET),
        folder,
        pipeline("flights").trusted_types,
        example=crafted.ROWS.head(2),
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


def loaders() -> tuple[Callable[[str], Any], ...]:
    return (mlflow.sklearn.load_model, mlflow.pyfunc.load_model)


class TestModels:
    @pytest.mark.slow
    def test_a_plain_process_loads_the_champion(
        self, credentials: Credentials, tmp_path: Path, flights_model: dict[str, bytes]
    ) -> None:
        connection = connect(credentials)
        connection.create_repository("flights")
        lake = LakeFSLake(connection, "flights")
        for path, content in with_record(flights_model).items():
            lake.write("main", path, content)
        commit = lake.commit("main", "files", PROMOTION)
        store = f"sqlite:///{tmp_path.as_posix()}/mlflow.db"
        tracker = MLflowTracker(store, "flights")
        version = tracker.register("flights", f"lakefs://flights/{commit}/model", "", {})
        tracker.set_alias("flights", "champion", version)
        script = (
            "import mlflow.sklearn, mlops, numpy as np;"
            "model = mlflow.sklearn.load_model('models:/flights@champion');"
            "again = mlops.load_champion('flights');"
            "rows = np.array([[1.0, 2.0, 3.0]]);"
            "print(model.predict(rows).tolist() == again.predict(rows).tolist())"
        )
        kept = {key: os.environ[key] for key in ("PATH", "SYSTEMROOT") if key in os.environ}
        env = {
            **kept,
            **lake_credentials.environment(credentials),
            "MLFLOW_TRACKING_URI": store,
            "HOME": str(tmp_path),
        }
        command = [sys.executable, "-c", script]
        answer = subprocess.run(command, capture_output=True, text=True, check=False, env=env, cwd=tmp_path)

        assert answer.stdout.strip() == "True", answer.stderr

    def test_loads_by_its_own_address_too(
        self, lake: LakeFSLake, committed: Commit, model_files: dict[str, bytes]
    ) -> None:
        commit = committed(with_record(model_files))
        model = mlflow.sklearn.load_model(f"lakefs://{lake.repository}/{commit}/model")

        assert model.predict(ROWS).round(6).tolist() == [2.0, 4.0, 6.0]

    def test_promoted_bytes_are_promoted_wherever_they_are_stored(
        self, lake: LakeFSLake, committed: Commit, model_files: dict[str, bytes]
    ) -> None:
        committed(with_record(model_files))
        lake.create_branch("side", lake.head("main"))
        for path, content in model_files.items():
            lake.write("side", path.replace("model/", "copy/of/"), content)
        commit = lake.commit("side", "a copy", {})

        assert mlflow.sklearn.load_model(f"lakefs://{lake.repository}/{commit}/copy/of") is not None

    def test_bytes_other_than_the_promoted_ones_are_not_handed_out(
        self, lake: LakeFSLake, committed: Commit, model_files: dict[str, bytes], tmp_path: Path
    ) -> None:
        record = promoted(model_files)
        commit = committed({**model_files, "model/model.skops": b"other", "champion.json": record})
        with pytest.raises(MlflowException, match="not the ones of a promotion"):
            repository(lake, commit).download_artifacts("model.skops", str(tmp_path))

        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("branch", ["main", "side"])
    def test_a_model_that_no_promotion_brought_is_not_loaded(
        self, lake: LakeFSLake, committed: Commit, model_files: dict[str, bytes], branch: str
    ) -> None:
        committed({"README": b""})
        if branch != "main":
            lake.create_branch(branch, lake.head("main"))
        # A record of its own that the commit does not name as a promotion of main proves nothing.
        for path, content in with_record(model_files).items():
            lake.write(branch, path, content)
        commit = lake.commit(branch, "a candidate", PROMOTION if branch != "main" else {})
        for load in loaders():
            with pytest.raises(MlflowException, match="not the ones of a promotion"):
                load(f"lakefs://{lake.repository}/{commit}/model")

    def test_a_promotion_that_was_rolled_back_is_not_loaded(
        self, lake: LakeFSLake, committed: Commit, model_files: dict[str, bytes]
    ) -> None:
        before = committed({"README": b""})
        commit = committed(with_record(model_files))
        lake.hard_reset("main", before)
        with pytest.raises(MlflowException, match="not the ones of a promotion"):
            mlflow.sklearn.load_model(f"lakefs://{lake.repository}/{commit}/model")

    def test_a_promotion_without_the_signature_it_must_bear_is_not_loaded(
        self, lake: LakeFSLake, committed: Commit, model_files: dict[str, bytes]
    ) -> None:
        policy = {"gate/policy.yaml": b"metric: mae\nsignatures: required\n"}
        commit = committed({**with_record(model_files), **policy})
        for load in loaders():
            with pytest.raises(MlflowException, match="has no signed statement"):
                load(f"lakefs://{lake.repository}/{commit}/model")

    def test_a_promotion_that_a_stranger_signed_is_not_loaded(
        self, lake: LakeFSLake, model_files: dict[str, bytes]
    ) -> None:
        for path, content in with_record(model_files).items():
            lake.write("main", path, content)
        statement = Statement("https://example.org/promotion", subjects_of({}), {})
        envelope = seal(FileSigner(Ed25519PrivateKey.generate()), statement)
        metadata = {**PROMOTION, "statement": envelope}
        commit = lake.commit("main", "promotion 1", metadata)
        for load in loaders():
            with pytest.raises(MlflowException, match="not signed by a trusted key"):
                load(f"lakefs://{lake.repository}/{commit}/model")

    def test_a_repository_of_no_pipeline_has_no_list(
        self,
        lake: LakeFSLake,
        committed: Commit,
        model_files: dict[str, bytes],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.undo()
        for name, value in lake_credentials.environment(lake.connection.credentials).items():
            monkeypatch.setenv(name, value)
        commit = committed(with_record(model_files))
        with pytest.raises(MlflowException, match="no such pipeline"):
            mlflow.sklearn.load_model(f"lakefs://{lake.repository}/{commit}/model")


class TestCraftedModels:
    """Promoted bytes may still be made to harm: somebody with the lake's key has promoted them by hand."""

    @pytest.mark.parametrize("listed_in_mlmodel", [True, False])
    def test_a_node_that_calls_a_function_runs_nothing(
        self,
        lake: LakeFSLake,
        committed: Commit,
        model_files: dict[str, bytes],
        tmp_path: Path,
        *,
        listed_in_mlmodel: bool,
    ) -> None:
        mark = tmp_path / "ran"
        code = crafted.plain(f"open({str(mark)!r}, 'w').close()")
        evil = crafted.called("numpy.testing._private.utils", "runstring", code, crafted.mapping())
        content = crafted.edited(
            model_files["model/model.skops"], lambda schema, _: crafted.give(schema, "copy_X", evil)
        )
        types = ["numpy.testing._private.utils.runstring"] if listed_in_mlmodel else []
        files = tampered({**model_files, "model/model.skops": content}, skops_trusted_types=types)
        commit = committed(with_record(files))
        for load in loaders():
            with pytest.raises(MlflowException, match="runstring"):
                load(f"lakefs://{lake.repository}/{commit}/model")

        assert not mark.exists()

    def test_a_tree_that_would_crash_is_not_handed_out(
        self,
        lake: LakeFSLake,
        committed: Commit,
        model_files: dict[str, bytes],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def loop(schema: crafted.Schema, files: crafted.Files) -> None:
            tree = next(crafted.nodes(schema, "TreePredictor"))
            member = crafted.attributes(tree)["nodes"]["file"]
            found = crafted.array(files, member)
            found["is_leaf"], found["left"], found["right"] = 0, 0, 0
            crafted.put(files, member, found)

        monkeypatch.setattr(plugins, "trusted_types", lambda _repository: crafted.BOOSTED)
        content = crafted.edited(crafted.boosted(), loop)
        commit = committed(with_record({**model_files, "model/model.skops": content}))
        for load in loaders():
            with pytest.raises(MlflowException, match="child that is no later node"):
                load(f"lakefs://{lake.repository}/{commit}/model")


class Marker:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.file,))


def tampered(files: dict[str, bytes], **changes: Any) -> dict[str, bytes]:
    value = yaml.safe_load(files["model/MLmodel"])
    value["flavors"]["sklearn"].update(changes)
    if "pickled_model" in changes:
        value["flavors"]["python_function"]["model_path"] = changes["pickled_model"]
    return {**files, "model/MLmodel": yaml.safe_dump(value).encode()}


class TestTamperedModels:
    """MLflow's loader does what the MLmodel file says; one that comes out of a lake is looked at first."""

    @pytest.mark.parametrize("format_", ["pickle", "cloudpickle"])
    def test_a_pickle_is_never_loaded(
        self,
        lake: LakeFSLake,
        committed: Commit,
        model_files: dict[str, bytes],
        tmp_path: Path,
        format_: str,
    ) -> None:
        mark = tmp_path / "unpickled"
        files = tampered(model_files, serialization_format=format_, pickled_model="model.pkl")
        commit = committed(with_record({**files, "model/model.pkl": pickle.dumps(Marker(mark))}))
        uri = f"lakefs://{lake.repository}/{commit}/model"
        for load in (mlflow.sklearn.load_model, mlflow.pyfunc.load_model):
            with pytest.raises(MlflowException, match="a format other than skops"):
                load(uri)

        assert not mark.exists()

    @pytest.mark.parametrize(
        "changes",
        [
            {"skops_trusted_types": ["builtins.eval"]},
            {"skops_trusted_types": ["os.system"]},
            {"skops_trusted_types": ["sklearn.x", 1]},
            {"serialization_format": None},
            {"pickled_model": "../model.skops"},
            {"pickled_model": "model.pkl"},
            {"code": "code"},
        ],
        ids=str,
    )
    def test_whatever_else_it_asks_for_is_refused(
        self, lake: LakeFSLake, committed: Commit, model_files: dict[str, bytes], changes: dict[str, Any]
    ) -> None:
        commit = committed(with_record(tampered(model_files, **changes)))
        with pytest.raises(MlflowException, match="the model asks for"):
            mlflow.sklearn.load_model(f"lakefs://{lake.repository}/{commit}/model")

    @pytest.mark.parametrize(
        "flavors", [{}, {"python_function": {"loader_module": "os"}}, {"sklearn": []}, [], None]
    )
    def test_other_flavors_are_refused(
        self, lake: LakeFSLake, committed: Commit, model_files: dict[str, bytes], flavors: object
    ) -> None:
        files = {**model_files, "model/MLmodel": yaml.safe_dump({"flavors": flavors}).encode()}
        commit = committed(with_record(files))
        with pytest.raises(MlflowException, match="the model asks for"):
            mlflow.pyfunc.load_model(f"lakefs://{lake.repository}/{commit}/model")

    @pytest.mark.parametrize("content", [b"", b"- a", b"a: b: c", b"\xff\xfe\x00"])
    def test_a_file_of_another_form_is_refused(
        self, lake: LakeFSLake, committed: Commit, content: bytes, tmp_path: Path
    ) -> None:
        commit = committed(with_record({"model/MLmodel": content}))
        with pytest.raises(MlflowException, match="MLmodel"):
            repository(lake, commit).download_artifacts("", str(tmp_path))

        assert list(tmp_path.iterdir()) == []


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

"""MLflow reads models and datasets out of the lake: the promoted bytes, by commit, and never a pickle."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import mlflow.data
import mlflow.sklearn
import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from mlflow.exceptions import MlflowException
from sklearn.ensemble import HistGradientBoostingRegressor

from mlops.adapters.lake import credentials as lake_credentials
from mlops.adapters.lake.credentials import Credentials
from mlops.adapters.lake.lake import LakeFSLake, connect
from mlops.adapters.models import saved_files as mlops_model_files
from mlops.adapters.record.signing import FileSigner
from mlops.adapters.tracking import plugins
from mlops.adapters.tracking.tracker import MLflowTracker
from mlops.pipelines import pipeline
from mlops.runs.statements import Statement, seal, subjects_of
from tests.adapters.mlflow_plugins.conftest import PROMOTION, ROWS, Commit, promoted, repository, with_record
from tests.support import crafted

# MLflow's own: its tables use a SQLAlchemy option that is on its way out, and it warns of its own type hints.
pytestmark = [
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning"),
]


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

"""MLflow as a tracker: what is set is found again, twice is once, and no failure shows a password."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mlops.adapters.tracking.store import artifacts_of, reason_of, redacted
from mlops.adapters.tracking.tracker import MLflowTracker
from mlops.runs.errors import TrackerUnavailable
from mlops.runs.records import Lease, Run, RunInputs, Step

if TYPE_CHECKING:
    from mlflow import MlflowClient

# MLflow's tables use a SQLAlchemy option that is on its way out.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning")

URI = f"lakefs://flights/{'c' * 64}/model"
SECRET = "a-secret-nobody-may-see"


def a_run(digest: str = "0123456789ab", **changes: object) -> Run:
    inputs = RunInputs("flights", "1" * 64, "2" * 64, "3" * 64, {"depth": 3, "rate": 0.1}, 7)
    lease = Lease("host:1:2", 4_000_000_000)
    run = Run(digest, 1, "f" * 64, "f" * 64, Step.OPENED, inputs, lease, 1_700_000_000)
    return dataclasses.replace(run, **changes)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One store for all tests: creating one takes two seconds."""
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow').as_posix()}/new/mlflow.db"


@pytest.fixture(scope="module")
def shared(uri: str) -> MLflowTracker:
    return MLflowTracker(uri, "flights")


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A name of the test's own, for a run id or a model."""
    return f"m{abs(hash(request.node.nodeid)):x}"


@pytest.fixture
def tracker(shared: MLflowTracker) -> MLflowTracker:
    return shared


@pytest.fixture
def client(uri: str, shared: MLflowTracker) -> MlflowClient:
    shared.find("open the store first")
    from mlflow import MlflowClient

    return MlflowClient(uri)


class TestRuns:
    def test_one_is_begun_once(self, tracker: MLflowTracker, client: MlflowClient, name: str) -> None:
        run = a_run(name)
        first = tracker.begin(run, {"mlops.code_commit": "abc"})
        again = tracker.begin(dataclasses.replace(run, attempt=2), {"mlops.code_commit": "abc"})

        assert first == again == tracker.find(name)
        found = client.get_run(first)
        assert client.get_experiment(found.info.experiment_id).name == "flights"
        assert found.info.run_name == name
        assert found.info.start_time == 1_700_000_000_000
        assert found.data.params == {"depth": "3", "rate": "0.1", "seed": "7"}
        assert (
            found.data.tags.items()
            >= {
                "mlops.run_id": name,
                "mlops.attempt": "2",
                "mlops.repository": "flights",
                "mlops.branch": f"run-{name}-a2",
                "mlops.fork_commit": "f" * 64,
                "mlops.raw_digest": "1" * 64,
                "mlops.inputs_digest": run.inputs.digest,
                "mlops.code_commit": "abc",
            }.items()
        )

    def test_its_raw_data_is_an_input_once(
        self, tracker: MLflowTracker, client: MlflowClient, name: str
    ) -> None:
        for _ in range(2):
            begun = tracker.begin(a_run(name), {})

        (entry,) = client.get_run(begun).inputs.dataset_inputs
        assert entry.dataset.source_type == "lakefs"
        assert json.loads(entry.dataset.source) == {"uri": f"lakefs://flights/{'f' * 64}/raw/"}
        assert entry.dataset.digest == "1" * 36
        assert [(tag.key, tag.value) for tag in entry.tags] == [("mlflow.data.context", "training")]

    def test_an_unknown_one_is_none(self, tracker: MLflowTracker) -> None:
        assert tracker.find("ffffffffffff") is None

    def test_metrics_and_tags_follow_the_last_call_and_repeat_nothing(
        self, tracker: MLflowTracker, client: MlflowClient, name: str
    ) -> None:
        begun = tracker.begin(a_run(name), {})
        for value in (12.5, 12.5, 11.0, 11.0):
            tracker.record(begun, metrics={"mae": value}, tags={"mlops.verdict": f"v{value}"})

        assert [metric.value for metric in client.get_metric_history(begun, "mae")] == [12.5, 11.0]
        data = client.get_run(begun).data
        assert (data.metrics["mae"], data.tags["mlops.verdict"]) == (11.0, "v11.0")

    def test_a_tag_longer_than_mlflow_takes_is_cut(
        self, tracker: MLflowTracker, client: MlflowClient, name: str
    ) -> None:
        begun = tracker.begin(a_run(name), {"mlops.sentence": "x" * 20_000})

        assert len(client.get_run(begun).data.tags["mlops.sentence"]) == 5000

    def test_ends_once_and_a_failed_one_can_go_on(
        self, tracker: MLflowTracker, client: MlflowClient, name: str
    ) -> None:
        begun = tracker.begin(a_run(name), {})
        tracker.finish(begun, failed=True)
        assert client.get_run(begun).info.status == "FAILED"
        tracker.begin(a_run(name), {})
        assert client.get_run(begun).info.status == "RUNNING"
        tracker.finish(begun, failed=False)
        ended = client.get_run(begun).info
        tracker.finish(begun, failed=False)
        tracker.begin(a_run(name), {})

        assert client.get_run(begun).info.status == "FINISHED"
        assert client.get_run(begun).info.end_time == ended.end_time

    def test_a_second_tracker_finds_the_same(self, tracker: MLflowTracker, uri: str, name: str) -> None:
        begun = tracker.begin(a_run(name), {})

        assert MLflowTracker(uri, "flights").begin(a_run(name), {}) == begun
        assert MLflowTracker(uri, "other").find(name) is None


class TestModels:
    def test_a_source_is_registered_once(
        self, tracker: MLflowTracker, client: MlflowClient, name: str
    ) -> None:
        begun = tracker.begin(a_run(name), {})
        other = URI.replace("c", "d")
        assert tracker.version_of(name, URI) is None
        first = tracker.register(name, URI, begun, {"mlops.number": "1"})
        second = tracker.register(name, other, begun, {"mlops.number": "2"})

        assert (first, second) == ("1", "2")
        assert tracker.register(name, URI, begun, {}) == first == tracker.version_of(name, URI)
        version = client.get_model_version(name, first)
        assert (version.run_id, version.source, version.tags) == (begun, URI, {"mlops.number": "1"})

    def test_a_source_is_found_whole_and_not_by_its_beginning(
        self, tracker: MLflowTracker, name: str
    ) -> None:
        tracker.register(name, f"{URI}/more", "", {})

        assert tracker.version_of(name, URI) is None
        assert tracker.version_of("unknown", f"{URI}/more") is None

    def test_can_be_registered_without_a_run(
        self, tracker: MLflowTracker, client: MlflowClient, name: str
    ) -> None:
        version = tracker.register(name, URI, "", {})

        assert not client.get_model_version(name, version).run_id

    def test_an_alias_moves_and_goes(self, tracker: MLflowTracker, name: str) -> None:
        assert tracker.alias(name, "champion") is None
        tracker.set_alias(name, "champion", None)
        for number, letter in enumerate("cd", start=1):
            version = tracker.register(name, URI.replace("c", letter), "", {})
            for _ in range(2):
                tracker.set_alias(name, "champion", version)
            assert tracker.alias(name, "champion") == version == str(number)
        for _ in range(2):
            tracker.set_alias(name, "champion", None)

        assert tracker.alias(name, "champion") is None

    def test_a_note_is_a_tag_of_the_model(
        self, tracker: MLflowTracker, client: MlflowClient, name: str
    ) -> None:
        for value in ("1", "2"):
            tracker.note(name, "mlops.sequence", value)

        assert client.get_registered_model(name).tags == {"mlops.sequence": "2"}


class TestFailures:
    @pytest.mark.parametrize("folder", ["/proc/none", "/dev/null/x"])
    def test_a_store_that_cannot_be_opened(self, folder: str) -> None:
        with pytest.raises(TrackerUnavailable) as caught:
            MLflowTracker(f"sqlite:///{folder}/mlflow.db", "flights").find("x")

        assert folder in caught.value.where
        assert "MLFLOW_TRACKING_URI" in caught.value.todo

    def test_a_server_that_is_not_there_is_named_without_its_password(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        with pytest.raises(TrackerUnavailable) as caught:
            MLflowTracker(f"http://me:{SECRET}@127.0.0.1:1", "flights").find("x")

        assert caught.value.where == "http://127.0.0.1:1"
        assert SECRET not in str(caught.value)
        assert caught.value.retryable

    def test_an_unknown_kind_of_store(self) -> None:
        with pytest.raises(TrackerUnavailable):
            MLflowTracker("nonsense://x", "flights").find("x")

    def test_an_unknown_run(self, tracker: MLflowTracker) -> None:
        with pytest.raises(TrackerUnavailable):
            tracker.record("0" * 32, metrics={"mae": 1.0})

    def test_nothing_is_opened_before_it_is_asked(self) -> None:
        assert MLflowTracker(f"http://me:{SECRET}@nowhere", "x").address == "http://nowhere"


class TestSurroundings:
    @pytest.mark.slow
    def test_nothing_lands_in_the_working_folder(self, uri: str, tmp_path: Path) -> None:
        script = (
            "import sys; from mlops.adapters.tracking.tracker import MLflowTracker; import os;"
            "t = MLflowTracker(sys.argv[1], 'elsewhere'); t.find('x'); t.version_of('m', 'u');"
            "print(os.environ['MLFLOW_DISABLE_TELEMETRY'], os.listdir('.'))"
        )
        env = {**os.environ, "PYTHONPATH": str(Path.cwd())}
        env.pop("MLFLOW_DISABLE_TELEMETRY", None)
        command = [sys.executable, "-c", script, uri]
        answer = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path, env=env)

        assert answer.stdout.strip() == "true []"

    def test_importing_it_loads_no_mlflow(self) -> None:
        script = "import sys, mlops.adapters.tracking.tracker; print('mlflow' in sys.modules)"
        answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

        assert answer.stdout.strip() == "False"

    def test_artifacts_stay_beside_a_sqlite_store_and_are_a_servers_own_matter(self) -> None:
        assert artifacts_of("sqlite:////a/b/mlflow.db", "x") == "file:///a/b/mlflow-artifacts/x"
        assert artifacts_of("http://x", "x") is None

    def test_redaction_leaves_plain_addresses(self) -> None:
        text = "postgresql://u:p@h/db and http://h:1/a@b"

        assert redacted(text) == "postgresql://h/db and http://h:1/a@b"


def test_a_server_that_is_down_is_told_without_the_clients_own_words() -> None:
    error = RuntimeError(
        "API request failed: HTTPConnectionPool(host='h'): Max retries exceeded with url: /api"
    )

    assert reason_of(error) == "MLflow does not answer there"
    assert reason_of(RuntimeError("http://u:p@h is gone")) == "RuntimeError: http://h is gone"


@pytest.mark.parametrize(
    ("tags", "described"),
    [
        ({"mlops.verdict": "refuse"}, "**Refused.** No gain."),
        ({"mlops.verdict": "promote", "mlops.number": "3"}, "**Promoted as number 3.** No gain."),
        ({}, "**Stopped.** No gain."),
    ],
)
def test_a_run_is_described_by_its_verdict(
    tracker: MLflowTracker, client: MlflowClient, name: str, tags: dict[str, str], described: str
) -> None:
    tracker_run = tracker.begin(a_run(name), {})

    tracker.record(tracker_run, tags={**tags, "mlops.sentence": "No gain."})

    assert client.get_run(tracker_run).data.tags["mlflow.note.content"] == described


def test_a_file_is_an_artifact_of_its_run(
    tracker: MLflowTracker, client: MlflowClient, name: str, tmp_path: Path
) -> None:
    tracker_run = tracker.begin(a_run(name), {})
    (tmp_path / "run.html").write_text("a page")

    tracker.attach(name, str(tmp_path / "run.html"), "report")
    tracker.attach("no such run", str(tmp_path / "run.html"), "report")

    assert [file.path for file in client.list_artifacts(tracker_run, "report")] == ["report/run.html"]

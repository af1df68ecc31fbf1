"""What can go wrong, by name: exit code, one line with the thing and the next step, main as it was."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pandas as pd
import pytest

from mlops.adapters import tables
from mlops.adapters.lake import credentials
from mlops.adapters.lake.lake import LakeFSLake, connect
from mlops.adapters.tracking.tracker import MLflowTracker
from mlops.lakeserver.http.auth import Credentials as ServerKey
from mlops.lakeserver.server import running_server
from mlops.lakeserver.store.files import DiskFiles
from mlops.runs import names
from mlops.runs.errors import MainMoved
from mlops.runs.main.setup import set_up
from mlops.runs.promotion import opening
from mlops.settings import load
from mlops.steps.opening import open_workspace
from mlops.steps.repository import init_repository
from mlops.steps.run_inputs import inputs_of
from tests.cli.conftest import NOWHERE, PIPELINE, Mlops
from tests.cli.served import Served, gate_files
from tests.orchestration import tiny
from tests.support.fakes import FakeProcesses, fake_ports

NOBODYS_KEY = ServerKey("AKIANOBODYSKEY", "nobody's secret", "nobody")


@dataclass
class Stage:
    """Where a fault is arranged."""

    served: Served
    patch: pytest.MonkeyPatch
    folder: Path
    request: pytest.FixtureRequest

    def external(self, endpoint: str, key: ServerKey = NOBODYS_KEY) -> None:
        self.patch.setenv("LAKECTL_SERVER_ENDPOINT_URL", endpoint)
        self.patch.setenv("LAKECTL_CREDENTIALS_ACCESS_KEY_ID", key.access_key_id)
        self.patch.setenv("LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY", key.secret_access_key)

    def file(self, name: str, content: bytes) -> str:
        path = self.folder / name
        path.write_bytes(content)
        return str(path)


Arrange = Callable[[Stage], tuple[str, ...]]


@dataclass(frozen=True)
class Fault:
    """One way to go wrong.

    Attributes:
        arrange: Brings it about and returns the command's arguments.
        code: Exit code.
        error: Name of the error class.
        thing: What the line must name.
        todo: What the line must say about the next step.
    """

    arrange: Arrange
    code: int
    error: str
    thing: str
    todo: str


def server_down(stage: Stage) -> tuple[str, ...]:
    stage.external(NOWHERE)
    return ("--lake", "external", "log", PIPELINE)


def wrong_key(stage: Stage) -> tuple[str, ...]:
    stage.external(stage.served.credentials.endpoint)
    return ("--lake", "external", "log", PIPELINE)


def no_key(_stage: Stage) -> tuple[str, ...]:
    return ("--lake", "external", "log", PIPELINE)


def key_for_all_to_read(stage: Stage) -> tuple[str, ...]:
    stage.patch.setenv("MLOPS_STATE_DIR", str(stage.folder))
    file = stage.folder / credentials.FILE_NAME
    file.write_text("server: {}\n")
    file.chmod(0o644)
    return ("log", PIPELINE)


def unknown_repository(_stage: Stage) -> tuple[str, ...]:
    return ("log", "flights")


def unknown_pipeline(_stage: Stage) -> tuple[str, ...]:
    return ("run", "nonsense")


def unknown_arrival(_stage: Stage) -> tuple[str, ...]:
    return ("ingest", PIPELINE, "2031-01")


def missing_file(stage: Stage) -> tuple[str, ...]:
    return ("ingest", PIPELINE, "2020-01", "--file", f"points={stage.folder / 'missing.csv'}")


def unreadable_file(stage: Stage) -> tuple[str, ...]:
    (stage.folder / "folder.csv").mkdir()
    return ("ingest", PIPELINE, "2020-01", "--file", f"points={stage.folder / 'folder.csv'}")


def not_a_table(stage: Stage) -> tuple[str, ...]:
    return ("ingest", PIPELINE, "2020-01", "--file", f"points={stage.file('new.parquet', b'nonsense')}")


def unknown_table(stage: Stage) -> tuple[str, ...]:
    return ("ingest", PIPELINE, "2020-01", "--file", f"lines={stage.file('new.csv', b'a,b')}")


def wrong_schema(stage: Stage) -> tuple[str, ...]:
    content = b"year,month,departure_delay\n2013,1,3\n"
    return ("ingest", "flights", "2013-01", "--file", f"flights={stage.file('flights.csv', content)}")


def broken_rows(stage: Stage) -> tuple[str, ...]:
    rows = tiny.SPEC.source({}).extract("2020-01")["points"]
    content = tables.to_parquet(rows.assign(x=rows["x"].where(rows.index != 3)))
    return ("ingest", PIPELINE, "2020-01", "--file", f"points={stage.file('new.parquet', content)}")


def typo_in_a_policy(stage: Stage) -> tuple[str, ...]:
    policy = stage.file("policy.yaml", b"metric: mae\nmin_gian: 0.1\n")
    return ("gate", PIPELINE, "0" * 12, "--policy", policy)


def typo_in_the_code(stage: Stage) -> tuple[str, ...]:
    files = {**gate_files(), names.POLICY: b"metrics: mae\n"}
    stage.patch.setattr(init_repository, "gate_files", lambda _pipeline: files)
    return ("policy", "apply", PIPELINE, "--reason", "a better rule")


def lake_disk_full(stage: Stage) -> tuple[str, ...]:
    key, files = ServerKey("AKIATHEKEY", "the secret", "admin"), FullDisk()
    server = stage.request.getfixturevalue("in_thread")(stage.folder / "full", key, files=files)
    stage.external(server.url, key)
    connection = connect(credentials.Credentials(server.url, key.access_key_id, key.secret_access_key))
    connection.create_repository(PIPELINE)
    # Unsigned: the command signs with a key of its own, which has to be the only one.
    set_up(fake_ports(LakeFSLake(connection, PIPELINE), signer=None, trust=None), gate_files())
    files.full = True
    noise = pd.DataFrame({"x": np.random.default_rng(7).random(50_000)})
    table = stage.file("big.parquet", tables.to_parquet(noise))
    return ("--lake", "external", "ingest", PIPELINE, "2020-01", "--file", f"points={table}")


def state_folder_below_a_file(stage: Stage) -> tuple[str, ...]:
    return ("--state-dir", f"{stage.file('file', b'')}/state", "log", PIPELINE)


def mlflow_unreachable(stage: Stage) -> tuple[str, ...]:
    stage.patch.setattr("mlops.adapters.tracking.tracker.MLflowTracker", MLflowTracker)
    stage.patch.setenv("MLFLOW_TRACKING_URI", NOWHERE)
    stage.patch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    return ("run", PIPELINE)


def main_moved(stage: Stage) -> tuple[str, ...]:
    def merge(*_: object) -> str:
        raise MainMoved("checked against another head", where="main")

    stage.patch.setattr(LakeFSLake, "merge", merge)
    files = {**gate_files(), names.POLICY: b"metric: rmse\n"}
    stage.patch.setattr(init_repository, "gate_files", lambda _pipeline: files)
    return ("policy", "apply", PIPELINE, "--reason", "a better rule")


def run_alive_elsewhere(stage: Stage) -> tuple[str, ...]:
    workspace = open_workspace(load(), PIPELINE)
    head = workspace.lake.head("main")
    inputs = inputs_of(workspace.spec, workspace.lake, head, workspace.spec.parameters({"shrinkage": 0.5}))
    elsewhere = replace(workspace.ports, processes=FakeProcesses("elsewhere:1:1"))
    opening.open_run(elsewhere, lambda _fork: inputs)
    return ("run", PIPELINE, "--param", "shrinkage=0.5")


def wrong_parameter(_stage: Stage) -> tuple[str, ...]:
    return ("run", PIPELINE, "--param", "depth=3")


def wrong_setting(stage: Stage) -> tuple[str, ...]:
    stage.patch.setenv("MLOPS_LAKE_PORT", "70000")
    return ("status",)


def wrong_option(_stage: Stage) -> tuple[str, ...]:
    return ("run", PIPELINE, "--parma", "depth=3")


def no_such_ref(_stage: Stage) -> tuple[str, ...]:
    return ("diff", PIPELINE, "main", "nonsense")


FAULTS = {
    fault.arrange.__name__: fault
    for fault in (
        Fault(server_down, 11, "LakeUnavailable", NOWHERE, "mlops up"),
        Fault(wrong_key, 12, "LakeDenied", PIPELINE, "check the access key"),
        Fault(no_key, 2, "ConfigError", "LAKECTL_SERVER_ENDPOINT_URL", "set LAKECTL_SERVER_ENDPOINT_URL"),
        Fault(key_for_all_to_read, 2, "ConfigError", "lakectl.yaml", "chmod 600"),
        Fault(unknown_repository, 13, "NotFound", "flights", "mlops init"),
        Fault(unknown_pipeline, 2, "ConfigError", "nonsense", "there are"),
        Fault(unknown_arrival, 3, "InputError", "2031-01", "choose from 2020-01 to 2020-12"),
        Fault(missing_file, 3, "InputError", "missing.csv", "check --file points="),
        Fault(unreadable_file, 3, "InputError", "folder.csv", "check --file points="),
        Fault(not_a_table, 3, "InputError", "new.parquet", "Parquet"),
        Fault(unknown_table, 3, "InputError", "lines", "its tables are points"),
        Fault(wrong_schema, 3, "InputError", "table flights", "columns missing"),
        Fault(broken_rows, 4, "ValidationFailed", "2020-01", "see reports/validation/"),
        Fault(typo_in_a_policy, 2, "ConfigError", "policy.yaml:2", "did you mean 'min_gain'"),
        Fault(
            typo_in_the_code, 2, "ConfigError", "expectations/tiny-line/policy.yaml", "did you mean 'metric'"
        ),
        Fault(lake_disk_full, 17, "LakeFull", "127.0.0.1", "free disk space"),
        Fault(state_folder_below_a_file, 1, "LocalFailure", "/file", "MLOPS_STATE_DIR"),
        Fault(mlflow_unreachable, 20, "TrackerUnavailable", NOWHERE, "check MLFLOW_TRACKING"),
        Fault(main_moved, 15, "MainMoved", "main", "run the same command again"),
        Fault(run_alive_elsewhere, 30, "RunAlive", "elsewhere:1:1", "--take-over"),
        Fault(wrong_parameter, 2, "ConfigError", "depth", "shrinkage, intercept"),
        Fault(wrong_setting, 2, "ConfigError", "MLOPS_LAKE_PORT", "not a possible value"),
        Fault(wrong_option, 2, "UsageFailure", "--parma", "mlops run --help"),
        Fault(no_such_ref, 13, "NotFound", "nonsense", "mlops log"),
    )
}


class FullDisk(DiskFiles):
    """A disk that has no room left once it is told so."""

    full = False

    def write(self, file: BinaryIO, data: bytes | bytearray | memoryview) -> None:
        if self.full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        super().write(file, data)


@pytest.fixture
def in_thread() -> Iterator[Callable[..., Any]]:
    from contextlib import ExitStack

    with ExitStack() as stack:
        yield lambda *args, **options: stack.enter_context(running_server(*args, **options))


@pytest.fixture
def stage(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Stage:
    return Stage(request.getfixturevalue("served"), monkeypatch, tmp_path, request)


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_one_line_that_helps_and_changes_nothing(name: str, stage: Stage, real: Mlops) -> None:
    fault = FAULTS[name]
    before = stage.served.lake.head("main")
    arguments = fault.arrange(stage)

    plain, as_json = real(*arguments), real(*arguments, "--json")

    assert (plain.code, as_json.code) == (fault.code, fault.code), plain.err
    assert fault.thing in plain.error
    assert fault.todo in plain.error
    assert as_json.document["error"] == fault.error
    assert as_json.document["exit_code"] == fault.code
    assert plain.out == ""
    assert stage.served.lake.head("main") == before

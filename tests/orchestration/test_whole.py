"""Months of flights through the whole job, on the embedded server and MLflow's own store, and its retry."""

from __future__ import annotations

import http.client
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mlops import settings as settings_table
from mlops.adapters import server_process
from mlops.adapters.lake import servers
from mlops.adapters.lake.connection import connect
from mlops.adapters.system import SystemProcesses
from mlops.orchestration.home import CODE_LOCATION, home_of, open_instance
from mlops.orchestration.runner import execute_run
from mlops.orchestration.workspaces import RUN_TAG
from mlops.runs.errors import LakeUnavailable
from mlops.runs.main.state import read_main
from mlops.runs.promotion.attempts import attempts_of, load_run
from mlops.runs.promotion.promote import Promotion
from mlops.runs.records import Step
from mlops.settings import Settings
from mlops.steps import train
from mlops.steps.arrivals import ingest
from mlops.steps.opening import open_workspace
from mlops.steps.repository import init_repository
from mlops.steps.workspace import Workspace

pytestmark = pytest.mark.slow

RETRY = """mutation($parent: String!) {
  launchRunReexecution(reexecutionParams: {parentRunId: $parent, strategy: FROM_FAILURE}) {
    __typename ... on LaunchRunSuccess { run { id } } } }"""
LAUNCH = """mutation($job: String!, $tags: [ExecutionTag!]!) {
  launchRun(executionParams: {
    selector: {
      repositoryLocationName: "mlops.orchestration.definitions"
      repositoryName: "__repository__"
      jobName: $job
    }
    executionMetadata: {tags: $tags}
  }) { __typename ... on LaunchRunSuccess { run { id } } ... on PythonError { message } } }"""
ARRIVALS = """query {
  assetOrError(assetKey: {path: ["flights", "arrivals"]}) { ... on Asset { assetMaterializations {
    partition metadataEntries { label ... on UrlMetadataEntry { url } } } } } }"""
STATUS = "query($id: ID!) { runOrError(runId: $id) { ... on Run { status stepStats { stepKey } } } }"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    state_dir = tmp_path_factory.mktemp("whole")
    servers.start_embedded(state_dir, port=0)
    yield settings_table.load(state_dir=state_dir, lake_port=0)
    servers.stop(state_dir)


@pytest.fixture(scope="module")
def flights(settings: Settings) -> Workspace:
    """Two months on `main`."""
    init_repository.create_repository(connect(settings.lake_credentials()), "flights")
    workspace = open_workspace(settings, "flights")
    init_repository.initialise(workspace.ports, "flights")
    for month in ("2013-01", "2013-02"):
        ingest.deliver(workspace, month, *ingest.from_source(workspace, month))
    return workspace


@pytest.fixture(scope="module")
def champion(flights: Workspace, settings: Settings) -> Promotion:
    """The first run of the job: it beats the baseline."""
    return execute_run(flights, {"max_iter": 20}, state_dir=settings.state_dir).promotion


@pytest.fixture(scope="module")
def pages(settings: Settings) -> Iterator[str]:
    """Address of Dagster's pages."""
    with open_instance(settings.state_dir):
        pass
    address = f"http://127.0.0.1:{server_process.free_port(0)}"
    port = address.rpartition(":")[2]
    server_process.start(
        [sys.executable, "-m", "dagster_webserver", "-m", CODE_LOCATION, "-h", "127.0.0.1", "-p", port],
        name="dagster",
        state_dir=settings.state_dir,
        address=address,
        ready_path="/server_info",
        env={
            **os.environ,
            "DAGSTER_HOME": str(home_of(settings.state_dir)),
            "MLOPS_STATE_DIR": str(settings.state_dir),
        },
    )
    yield address
    server_process.stop("dagster", settings.state_dir)


def ask(address: str, query: str, **variables: Any) -> Any:
    body = json.dumps({"query": query, "variables": variables}).encode()
    connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=30)
    with closing(connection):
        connection.request("POST", "/graphql", body, {"content-type": "application/json"})
        return next(iter(json.load(connection.getresponse())["data"].values()))


def test_the_first_run_is_promoted(flights: Workspace, champion: Promotion) -> None:
    assert champion.number == 1
    assert read_main(flights.lake).head == champion.merge_commit
    assert flights.ports.tracker.alias("flights", "champion") == "1"


class Gone(SystemProcesses):
    """A process of this machine that has ended."""

    def me(self) -> str:
        return f"{super().me().rsplit(':', 2)[0]}:{2**22 + 1}:1"


def test_a_retry_from_dagster_s_pages_goes_on_with_the_run(
    flights: Workspace,
    settings: Settings,
    champion: Promotion,
    pages: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def unreachable(*_args: object) -> None:
        raise LakeUnavailable("no answer")

    ended_since = replace(flights, ports=replace(flights.ports, processes=Gone()))
    with monkeypatch.context() as patched:
        patched.setattr(train, "fit", unreachable)
        with pytest.raises(LakeUnavailable):
            execute_run(ended_since, {"max_iter": 10}, state_dir=settings.state_dir)
    with open_instance(settings.state_dir) as instance:
        failed = instance.get_runs(limit=1)[0]
    answer = ask(pages, RETRY, parent=failed.run_id)
    assert answer["__typename"] == "LaunchRunSuccess"
    ended = _wait(pages, answer["run"]["id"])
    assert ended["status"] == "SUCCESS"
    done = {step["stepKey"] for step in ended["stepStats"]}
    assert done == {"flights__model", "flights__evaluation", "flights__promotion"}
    attempts = attempts_of(flights.lake, failed.tags[RUN_TAG])
    assert len(attempts) == 2
    last = load_run(flights.lake, attempts[-1])
    assert last is not None
    assert last.reached(Step.DECIDED)
    assert read_main(flights.lake).head == champion.merge_commit


def test_a_backfill_from_dagster_s_pages_ingests_in_order_and_links_what_it_brought(
    flights: Workspace, settings: Settings, pages: str
) -> None:
    months = ["2013-01", "2013-02", "2013-03"]
    with open_instance(settings.state_dir) as instance:
        instance.add_dynamic_partitions("flights_arrivals", months)
    tags = {"dagster/asset_partition_range_start": months[0], "dagster/asset_partition_range_end": months[2]}
    answer = ask(pages, LAUNCH, job="flights_ingest", tags=[{"key": k, "value": v} for k, v in tags.items()])
    assert answer["__typename"] == "LaunchRunSuccess", answer
    assert _wait(pages, answer["run"]["id"])["status"] == "SUCCESS"
    nodes = ask(pages, ARRIVALS)["assetMaterializations"]
    assert [node["partition"] for node in reversed(nodes)] == months
    newest = {entry["label"]: entry.get("url") for entry in nodes[0]["metadataEntries"]}
    commit = flights.lake.commit_of(flights.lake.head("main"))
    assert commit.metadata["arrival"] == "2013-03"
    assert newest["page: validation"].endswith(
        f"ref={commit.metadata['evidence_commit']}&path=reports%2Fvalidation%2FREADME.md"
    )


def _wait(address: str, run_id: str) -> Any:
    deadline = time.monotonic() + 120
    while True:
        found = ask(address, STATUS, id=run_id)
        if found["status"] in {"SUCCESS", "FAILURE", "CANCELED"} or time.monotonic() > deadline:
            return found
        time.sleep(0.2)


def test_what_is_written_stays_below_the_state_folder(settings: Settings, champion: Promotion) -> None:
    assert champion.number
    assert {"dagster", "lake", "mlflow.db"} <= {path.name for path in Path(settings.state_dir).iterdir()}

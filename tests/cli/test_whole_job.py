"""The whole job by command, with real steps on an embedded server: what is printed is what is there."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mlops.runs import names
from mlops.runs.main.state import read_main
from tests.cli.conftest import PIPELINE, Mlops
from tests.cli.served import Served, served_in
from tests.orchestration import tiny

pytestmark = pytest.mark.slow


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """A repository of this test's own."""
    with served_in(tmp_path) as served:
        served.enter(monkeypatch)
        # A baseline that even a poor first model beats.
        monkeypatch.setattr(
            tiny, "SPEC", replace(tiny.SPEC, baseline=lambda _train, rows: 3 * rows["x"].to_numpy())
        )
        yield served


def test_months_arrive_models_compete_and_main_goes_back(job: Served, real: Mlops) -> None:
    assert "was set up already" in real("init", PIPELINE).out

    ingested = real("ingest", PIPELINE, "2020-01..2020-02", "--json").document["ingested"]
    assert [one["arrival"] for one in ingested] == ["2020-01", "2020-02"]
    assert job.lake.head("main") == ingested[-1]["commit"]
    assert "main already holds exactly this" in real("ingest", PIPELINE, "2020-02").out

    poor = real("run", PIPELINE, "--param", "shrinkage=2000", "--json")
    assert poor.code == 0, poor.err
    _follow(poor.document["links"])

    better = real("run", PIPELINE)
    assert better.code == 0, better.err
    assert "is promotion 2" in better.out

    repeated = real("run", PIPELINE, "--again", "--json")
    assert repeated.code == 5
    assert repeated.document["run_id"].endswith("n1")
    assert repeated.document["verdict"]["findings"][0]["reason"] == "no_gain"

    assert [e["number"] for e in real("log", PIPELINE, "--json").document["entries"]] == [2, 1]
    difference = real("diff", PIPELINE, "1", "2", "--json").document
    _follow({"compare": difference["link"]})
    changed = {entry["path"]: entry for entry in difference["objects"]}
    assert changed[names.PREDICTIONS]["rows"]["changed_by_column"]["candidate"] == 100

    assert real("rollback", PIPELINE, "--reason", "it was wrong").code == 0
    state = read_main(job.lake)
    assert state.champion is not None
    assert (state.champion.number, state.head) == (1, poor.document["merge_commit"])
    assert job.lake.staged("main") == []
    assert "main" in job.lake.protection().patterns

    held = real("run", PIPELINE, "--param", "shrinkage=1")
    assert (held.code, "mlops resume" in held.error) == (32, True)
    assert real("resume", PIPELINE, "--reason", "found it").code == 0
    freed = real("run", PIPELINE, "--param", "shrinkage=1", "--json")
    assert (freed.code, freed.document["number"]) == (0, 4)
    barred = real("run", PIPELINE)
    assert barred.code == 5
    assert "rolled back" in barred.out + barred.err

    swept = real("sweep", PIPELINE, "--yes", "--json").document["branches"]
    assert all(entry["over"] for entry in swept)
    assert list(job.lake.branches()) == ["main"]
    assert real("reconcile", PIPELINE, "--json").document["done"] == []


def _follow(links: dict[str, str]) -> None:
    assert links
    for url in links.values():
        with urllib.request.urlopen(url, timeout=10) as page:  # noqa: S310 - our own server
            # The page with plots is a file, which has no status.
            assert page.status == 200 or (url.startswith("file:") and page.read(15) == b"<!doctype html>")

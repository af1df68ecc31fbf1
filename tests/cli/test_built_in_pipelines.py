"""The built-in pipelines by command: real data of each, MLflow, and an embedded server with its enforcer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from mlops.adapters.lake import servers
from mlops.runs import names
from tests.cli.conftest import Mlops

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Story:
    """Arrivals of a pipeline, and parameters for models of three qualities.

    Attributes:
        pipeline: The pipeline.
        first: Arrivals before the first run.
        later: Arrivals before the second.
        poor: Parameters of a first model that is easily beaten.
        metric: The metric that decides.
        worse: Parameters of a last model that is refused.
    """

    pipeline: str
    first: str
    later: str
    poor: str
    metric: str
    worse: str = "max_iter=1"


STORIES = (
    Story("bike-sharing", "2011-01..2011-02", "2011-03", "max_iter=20", "mae"),
    Story("spotify-genre", "part-1", "part-2", "max_iter=5", "log_loss"),
    Story("songs", "part-1", "part-2", "artist=0.0", "one_minus_ndcg_at_10", "shrinkage=0.01"),
)


@pytest.fixture(params=STORIES, ids=lambda story: story.pipeline)
def story(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Story]:
    """A folder outside of the source tree, and a server that ends with the test."""
    monkeypatch.setenv("MLOPS_LAKE_PORT", "0")
    monkeypatch.chdir(tmp_path)
    try:
        yield request.param
    finally:
        servers.stop(tmp_path / "state")


def test_models_compete_and_main_goes_back(story: Story, real: Mlops) -> None:
    name = story.pipeline
    assert real("init", name).code == 0
    assert real("ingest", name, story.first).code == 0
    first = real("run", name, "--param", story.poor, "--json")
    assert (first.code, first.document["number"]) == (0, 1), first.err + first.out

    assert real("ingest", name, story.later).code == 0
    second = real("run", name, "--json")
    assert (second.code, second.document["number"]) == (0, 2), second.err + second.out
    decided = second.document["verdict"]["intervals"][0]
    assert decided["name"] == story.metric
    assert decided["lower"] > 0

    refused = real("run", name, "--param", story.worse, "--json")
    assert refused.code == 5
    assert refused.document["verdict"]["findings"]

    shown = real("status", name)
    assert shown.code == 0
    # Tracks and playlists have no time, so nothing is said of one.
    assert ("trained until" in shown.out) == (name == "bike-sharing")
    assert "trained until \n" not in shown.out
    for command in ("log", "versions"):
        listed = real(command, name)
        assert (listed.code, [line for line in listed.out.splitlines() if len(line) > 80]) == (0, [])
    changed = {e["path"]: e for e in real("diff", name, "1", "2", "--json").document["objects"]}
    assert names.PREDICTIONS in changed
    rehearsed = real("rehearse", name, "--json").document
    assert (rehearsed["metric"], rehearsed["to_number"]) == (story.metric, 1)

    assert real("rollback", name, "--reason", "looks wrong").code == 0
    audit = real("audit", name, "--from-start", "--rescore", "--rebuild", "--refit", "--json")
    assert audit.code == 0, audit.out + audit.err
    assert "on hold" in real("status", name).out
    assert real("resume", name, "--reason", "looked at").code == 0
    assert real("log", name).code == 0
    kinds = [entry["kind"] for entry in real("log", name, "--json").document["entries"]]
    assert kinds == ["rollback", "promotion", "promotion"]


def test_a_month_is_taken_out_of_a_published_file(
    tmp_path: Path, real: Mlops, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the other months in the file nothing is taken; a month that it lacks is refused."""
    monkeypatch.setenv("MLOPS_LAKE_PORT", "0")
    head = (
        "instant,dteday,season,yr,mnth,hr,holiday,weekday,workingday,weathersit,"
        "temp,atemp,hum,windspeed,casual,registered,cnt\n"
    )
    lines = [
        f"{n},2011-0{1 + n // 24}-05,1,0,1,{n % 24},0,3,1,1,0.3,0.3,0.5,0.1,3,10,13\n" for n in range(48)
    ]
    (tmp_path / "hour.csv").write_text(head + "".join(lines))
    file = f"rentals={tmp_path / 'hour.csv'}"
    try:
        assert real("init", "bike-sharing").code == 0
        assert real("ingest", "bike-sharing", "2011-02", "--file", file).code == 0
        lacking = real("ingest", "bike-sharing", "2011-04", "--file", file)
        assert lacking.code == 3
        assert "there are no rows of 2011-04" in lacking.error
    finally:
        servers.stop(tmp_path / "state")

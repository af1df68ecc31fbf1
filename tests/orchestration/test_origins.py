"""The record of where an arrival came from, and that a source which fails leaves nothing behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops.runs import names
from mlops.runs.digest import sha256
from mlops.runs.errors import InputError
from mlops.runs.main.state import read_json
from mlops.steps.arrivals.ingest import ingest_arrival
from mlops.steps.arrivals.origins import arrivals_on_main
from mlops.steps.workspace import Workspace
from tests.orchestration.tiny import SPEC, tiny_workspace


def from_folder(folder: Path) -> Workspace:
    base = tiny_workspace()
    options = {"kind": "files", "folder": str(folder), "tables": {"points": "{arrival}.parquet"}}
    return Workspace(SPEC, base.lake, base.ports, base.links, options=options)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    SPEC.source({}).extract("2020-01")["points"].to_parquet(tmp_path / "2020-01.parquet", index=False)
    return tmp_path


def test_is_kept_beside_the_validation_and_named_by_the_commit_of_main(folder: Path) -> None:
    workspace = from_folder(folder)
    done = ingest_arrival(workspace, "2020-01")

    meta = workspace.lake.commit_of(done.commit).metadata
    record = read_json(workspace.lake, meta["evidence_commit"], names.ORIGIN)
    content = (folder / "2020-01.parquet").read_bytes()
    table = record["tables"]["points"]
    assert (table["kind"], table["place"]) == ("file", str(folder / "2020-01.parquet"))
    assert (table["sha256"], table["size_bytes"]) == (sha256(content), len(content))
    assert (table["rows"], table["columns"]) == (100, ["day", "n", "x", "y"])
    written = workspace.lake.read(done.commit, names.raw_path("points", "2020-01"))
    assert table["parquet_sha256"] == sha256(written)
    kept = workspace.lake.read(meta["evidence_commit"], names.ORIGIN)
    assert meta["origin_sha256"] == sha256(kept)
    assert meta["source"] == f"file:{folder}/2020-01.parquet (points: 100 rows)"
    [shown] = arrivals_on_main(workspace.lake, done.commit, 5)
    assert (shown["arrival"], shown["origin"]) == ("2020-01", record)


def test_of_a_pipelines_own_source_names_the_pipeline() -> None:
    workspace = tiny_workspace("2020-02")
    [shown] = arrivals_on_main(workspace.lake, workspace.lake.head("main"), 5)
    assert shown["origin"]["tables"]["points"]["kind"] == "pipeline"
    assert shown["source"] == "source:tiny-line/2020-02"


def test_a_source_that_fails_leaves_nothing_behind(folder: Path) -> None:
    workspace = from_folder(folder)
    before = (workspace.lake.head("main"), set(workspace.lake.branches("")))
    (folder / "2020-01.parquet").write_bytes(b"noise")
    with pytest.raises(InputError, match="cannot be read as Parquet"):
        ingest_arrival(workspace, "2020-01")
    with pytest.raises(InputError, match="the source has no such arrival"):
        ingest_arrival(workspace, "2020-02")
    assert (workspace.lake.head("main"), set(workspace.lake.branches(""))) == before


def test_the_profiles_of_an_arrival_lie_beside_its_validation() -> None:
    workspace = tiny_workspace("2020-01")
    main = workspace.lake.commit_of(workspace.lake.head(names.MAIN))
    evidence = main.metadata["evidence_commit"]

    profile = read_json(workspace.lake, evidence, f"{names.PROFILES}points.json")

    rows = workspace.frames.read(names.MAIN, names.raw_path("points", "2020-01"))
    assert profile["rows"] == len(rows)
    assert b"2020-01: points" in workspace.lake.read(evidence, f"{names.PROFILES}README.md")
    assert workspace.lake.list(names.MAIN, names.PROFILES) == []

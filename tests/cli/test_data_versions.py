"""Versions of data by command, against an embedded server with its enforcer, and by address in pandas."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pandas as pd
import pytest
import yaml

import mlops
from mlops.adapters.lake import servers
from mlops.runs.errors import ConfigError, NotFound
from tests.cli.conftest import Mlops

pytestmark = pytest.mark.slow

NAME = "tabular-lab"


def test_versions_are_made_listed_read_and_gone_back_to(
    tmp_path: Path, real: Mlops, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLOPS_LAKE_PORT", "0")
    monkeypatch.setenv("MLOPS_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    try:
        assert real("init", NAME).code == 0
        assert real("ingest", NAME, "design-1").code == 0
        for number, param in enumerate(("noise=1.0", "drift=0.5", "rows=300"), 1):
            made = real("run", NAME, "--param", param, "--json")
            assert (made.code, made.document["number"]) == (0, number), made.err + made.out
            assert made.document["verdict"]["findings"][0]["reason"] == "suites_hold"
        alone = real("profile", NAME, "design-1", "--json").document
        assert [table["rows"] for table in alone["profiles"]["design-1"]] == [3]
        assert alone["drift"] is None
        assert real("ingest", NAME, "design-2").code == 0
        page = tmp_path / "profile.md"
        both = real("profile", NAME, "design-1", "design-2", "--page", str(page))
        assert "kolmogorov-smirnov" in both.out
        assert "# design-2: segments" in page.read_text()
        assert "# Drift from design-1 to design-2: segments" in page.read_text()
        against = real("profile", NAME, "design-2", "--champion", "--json", "--page", str(page))
        assert (
            against.document["drift"]
            == real("profile", NAME, "design-1", "design-2", "--json").document["drift"]
        )
        assert "# Drift from the champion's arrivals to design-2: segments" in page.read_text()
        alone = real("profile", NAME, "design-1", "--champion")
        assert (alone.code, "made of this arrival alone" in alone.error) == (3, True)
        twice = real("profile", NAME, "design-1", "design-2", "--champion")
        assert (twice.code, "no other one can be named" in twice.error) == (3, True)
        nowhere = real("profile", NAME, "design-1", "--page", str(tmp_path / "no" / "page.md"))
        assert (nowhere.code, "cannot be written" in nowhere.error) == (3, True)
        unknown = real("profile", NAME, "design-9")
        assert (unknown.code, "no such arrival on main" in unknown.error) == (3, True)
        refused = real("run", NAME, "--param", "rows=50")
        assert refused.code == 4, refused.err + refused.out
        _read(tmp_path, real)

        begun = time.monotonic()
        assert real("rollback", NAME, "--to", "v2", "--reason", "too few rows").code == 0
        assert time.monotonic() - begun < 60
        assert len(mlops.load(NAME)) == 2000
        pd.testing.assert_frame_equal(mlops.load(NAME), mlops.load(NAME, "v2"))
        with pytest.raises(NotFound, match="promotion 3 was rolled back"):
            mlops.load(NAME, "v3")
        states = [entry["state"] for entry in real("versions", NAME, "--json").document["versions"]]
        assert states == ["on main", "on main", "rolled back"]
        audit = real("audit", NAME, "--from-start", "--rescore", "--rebuild", "--refit", "--json")
        assert audit.code == 0, audit.out + audit.err
        assert "no model to score again" in audit.err
    finally:
        servers.stop(tmp_path / "state")


def _read(folder: Path, real: Mlops) -> None:
    """Read every version by command, in Python, and by its address with pandas alone."""
    found = real("versions", NAME, "--json").document["versions"]
    assert [(v["version"], v["rows"], v["parameters"]["drift"]) for v in found] == [
        ("v1", 2000, 0.0),
        ("v2", 2000, 0.5),
        ("v3", 300, 0.0),
    ]
    assert "drift=0.5" in real("versions", NAME).out
    lake = yaml.safe_load((folder / "state" / "lakectl.yaml").read_text())
    options = {
        "host": lake["server"]["endpoint_url"],
        "username": lake["credentials"]["access_key_id"],
        "password": lake["credentials"]["secret_access_key"],
    }
    for version in found:
        by_tag = f"lakefs://{NAME}/{version['version']}/processed/rows.parquet"
        rows = mlops.load(NAME, version["version"])
        pd.testing.assert_frame_equal(pd.read_parquet(by_tag, storage_options=options), rows)
        pd.testing.assert_frame_equal(pd.read_parquet(version["uris"][0], storage_options=options), rows)
        assert len(rows) == version["rows"]
    shown = real("diff", NAME, "v1", "v2", "--json").document
    assert "processed/rows.parquet" in json.dumps(shown)
    with pytest.raises(ConfigError, match="holds data alone"):
        mlops.load_champion(NAME)

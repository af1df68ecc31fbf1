"""`--quickstart`: lakeFS's published key and a sample repository, for anybody's lakeFS tests."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from mlops.lakeserver import Credentials, running_server
from tests.support.plain_browser import Browser

# As lakeFS's documentation prints them.
PUBLISHED = Credentials("AKIAIOSFOLQUICKSTART", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "quickstart")


pytestmark = pytest.mark.slow


def test_the_published_key_and_the_sample_repository(data_dir: Path, new_api: Any, program: Any) -> None:
    running = program("--data", str(data_dir), "--listen", "127.0.0.1:0", "--quickstart")
    url = running.stdout.readline().split()[2]
    key, sample = running.stdout.readline(), running.stdout.readline()
    assert key == f"access key: {PUBLISHED.access_key_id}, secret: {PUBLISHED.secret_access_key}\n"
    assert "lakefs://quickstart local://quickstart --sample-data" in sample
    assert not (data_dir / "lakectl.yaml").exists()
    api = new_api(url, "quickstart", PUBLISHED)
    assert api.ok("GET", "/user")["user"]["id"] == "quickstart"
    wish = {"name": "quickstart", "storage_namespace": "local://quickstart", "sample_data": True}
    api.ok("POST", "/repositories", wish)
    assert api.paths(delimiter="/") == ["README.md", "data/", "images/", "lakes.parquet"]
    assert len(api.paths(prefix="images/")) == 29
    lakes = pq.read_table(io.BytesIO(api.read("lakes.parquet")))
    assert lakes.num_rows > 1000
    log = api.ok("GET", "R/refs/main/commits")["results"]
    assert [row["message"] for row in log] == ["Add sample data", "Repository created"]
    assert api.ok("GET", "R/settings/branch_protection") == [{"pattern": "main"}]


def test_the_folder_to_import_from_has_to_be_there(data_dir: Path, tmp_path: Path, program: Any) -> None:
    wrong = program(
        "--data", str(data_dir), "--listen", "127.0.0.1:0", "--allow-import", str(tmp_path / "no")
    )
    _, error = wrong.communicate(timeout=20)
    assert (wrong.returncode, "is not a folder" in error) == (1, True)


def test_files_of_the_named_folder_are_imported(
    data_dir: Path, tmp_path: Path, new_api: Any, program: Any
) -> None:
    (tmp_path / "from").mkdir()
    (tmp_path / "from" / "a.txt").write_text("one")
    options = ("--data", str(data_dir), "--listen", "127.0.0.1:0", "--quickstart", "--allow-import")
    running = program(*options, str(tmp_path / "from"))
    url = running.stdout.readline().split()[2]
    api = new_api(url, "imports", PUBLISHED)
    api.ok("POST", "/repositories", {"name": "imports", "storage_namespace": "local://imports"})
    source = {"type": "common_prefix", "path": f"local://{tmp_path}/from/", "destination": "x/"}
    body = {"paths": [source], "commit": {"message": "m"}}
    import_id = api.ok("POST", "R/branches/main/import", body)["id"]
    while not (status := api.ok("GET", "R/branches/main/import", id=import_id))["completed"]:
        assert "error" not in status
    assert api.read("x/a.txt") == b"one"


def test_the_pages_offer_the_sample_repository_where_there_is_none(data_dir: Path) -> None:
    with running_server(data_dir, PUBLISHED, durable=False) as server:
        browser = Browser(server.url)
        key = {
            "access_key_id": PUBLISHED.access_key_id,
            "secret_access_key": PUBLISHED.secret_access_key,
        }
        _, text = browser.go("/auth/login", key)
        assert "There is none yet." in text
        forged, _ = browser.go("/repositories", {"sent_from_here": "forged"})
        assert forged == 403
        fields = dict(re.findall(r'<input type="hidden" name="(sent_from_here)" value="([^"]+)"', text))
        status, text = browser.go("/repositories", fields)
        assert (status, browser.target) == (200, "/repositories/quickstart/objects")
        assert "lakes.parquet" in text
        assert "Create the sample repository" not in browser.go("/repositories")[1]
        browser.close()

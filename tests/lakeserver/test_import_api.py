"""Files of this machine taken into a branch: below the folder that the server names, and nothing else."""

from __future__ import annotations

import importlib
import itertools
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlops.lakeserver import Credentials, running_server
from mlops.lakeserver.store.collect import collect
from mlops.lakeserver.store.verify import verify

models: Any = importlib.import_module("lakefs_sdk.models")

DEADLINE_S = 20.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("not yours")
    made = tmp_path / "from here"
    (made / "d" / "sub").mkdir(parents=True)
    (made / "d" / "a.txt").write_text("one\n")
    (made / "d" / "sub" / "b.txt").write_text("two\n")
    (made / "d" / ".hidden").write_text("no")
    (made / "d" / "link").symlink_to(outside / "secret")
    (made / "way out").symlink_to(outside)
    return made


@pytest.fixture
def importing(folder: Path, tmp_path: Path, credentials: Credentials, new_api: Any) -> Iterator[Any]:
    """A client of a server that imports from `folder`, with an empty repository."""
    with running_server(tmp_path / "data", credentials, durable=False, import_from=folder) as server:
        api = new_api(server.url, "imports")
        api.ok("POST", "/repositories", {"name": "imports", "storage_namespace": "local://imports"})
        api.server = server
        yield api


def source(path: Path | str, destination: str, kind: str = "common_prefix") -> dict[str, str]:
    return {"type": kind, "path": f"local://{path}", "destination": destination}


def start(api: Any, *paths: dict[str, str], message: str = "") -> str:
    body = {"paths": list(paths), "commit": {"message": message, "metadata": {"by": "test"}}}
    return models.ImportCreationResponse(**api.ok("POST", "R/branches/main/import", body)).id


def finished(api: Any, import_id: str) -> dict[str, Any]:
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        status = api.ok("GET", "R/branches/main/import", id=import_id)
        models.ImportStatus(**status)
        if status["completed"] or "error" in status:
            return status
    pytest.fail("the import does not end")


def error_of(api: Any, *paths: dict[str, str]) -> str:
    status = finished(api, start(api, *paths))
    assert not status["completed"]
    return status["error"]["message"]


def test_a_folder_becomes_one_commit(importing: Any, folder: Path) -> None:
    importing.put("dst/old")
    head = importing.commit()["id"]
    status = finished(importing, start(importing, source(f"{folder}/d/", "dst/")))
    assert status["ingested_objects"] == 2
    assert importing.paths("main@") == ["dst/a.txt", "dst/sub/b.txt"]
    assert importing.read("dst/sub/b.txt") == b"two\n"
    commit = importing.ok("GET", "R/commits/main")
    assert status["commit"] == commit
    assert status["metarange_id"] == commit["meta_range_id"]
    assert (commit["message"], commit["parents"]) == ("Import objects", [head])
    assert commit["metadata"] == {".lakefs.merge.strategy": "source-wins", "by": "test"}
    noted = importing.ok("GET", "R/metadata")
    assert noted == {".lakefs.last.import.timestamp": str(commit["creation_date"])}
    ended = importing("DELETE", "R/branches/main/import", id=start(importing))
    assert ended.status in (204, 409)


def test_files_go_where_lakefs_puts_them(importing: Any, folder: Path) -> None:
    finished(importing, start(importing, source(f"{folder}/d", "two")))
    finished(importing, start(importing, source(f"{folder}/d/a.txt", "one/x.txt", "object")))
    assert importing.paths() == ["one/x.txt", "two/a.txt", "two/sub/b.txt"]
    finished(importing, start(importing, source(f"{folder}/d/", "")))
    assert importing.paths() == ["a.txt", "sub/b.txt"]


def test_a_protected_branch_takes_imports(importing: Any, folder: Path) -> None:
    importing.ok("PUT", "R/settings/branch_protection", [{"pattern": "main"}])
    assert finished(importing, start(importing, source(f"{folder}/d/", "x/")))["completed"]


def test_nothing_outside_the_folder_is_read(importing: Any, folder: Path, tmp_path: Path) -> None:
    head = importing.head()
    assert error_of(importing, source("/etc/", "q/")).endswith("path local:///etc/: forbidden")
    assert "bad path traversal blocked" in error_of(importing, source(f"{folder}/../outside/", "q/"))
    assert "forbidden" in error_of(importing, source(tmp_path / "outside" / "secret", "q", "object"))
    assert "forbidden" in error_of(importing, source(f"{folder}/way out/", "q/"))
    assert "forbidden" in error_of(importing, source(f"{folder}/d/link", "q", "object"))
    assert "no such file or directory" in error_of(importing, source(f"{folder}/nope/", "q/"))
    other = {"type": "object", "path": "s3://a/b", "destination": "q"}
    assert "expected storage type local" in error_of(importing, other)
    for strange in ("local://[x", f"local://{folder}/%00", "local://", f"local://{folder}/\x00"):
        odd = {"type": "object", "path": strange, "destination": "q"}
        assert error_of(importing, odd).startswith("import error: error on ingest: ")
    long = source(f"{folder}/d/", "d/" * 511 + "/")
    assert "argument path" in error_of(importing, long)
    assert importing.head() == head


def test_a_branch_with_uncommitted_changes_is_refused(importing: Any, folder: Path) -> None:
    importing.put("dirty")
    message = error_of(importing, source(f"{folder}/d/", "x/"))
    assert message == "import error: merge import: uncommitted changes (dirty branch)"


def test_requests_are_refused_as_lakefs_refuses_them(importing: Any, api: Any, folder: Path) -> None:
    body = {"paths": [source(f"{folder}/d/", "x/")], "commit": {"message": "m"}}
    refused = api("POST", "R/branches/main/import", body)
    assert (refused.status, refused.message) == (403, "import is not supported for this storage")
    assert importing("POST", "R/branches/nope/import", body).message == "branch not found"
    assert importing("POST", "R/branches/main/import", {"paths": body["paths"]}).status == 400
    wrong = body | {"paths": [source(f"{folder}/d/", "x/", "what")]}
    assert "not one of the allowed values" in importing("POST", "R/branches/main/import", wrong).message
    own = body | {"paths": [{"type": "object", "path": "local://imports/x", "destination": "x"}]}
    assert "is prohibited" in importing("POST", "R/branches/main/import", own).message
    for method in ("GET", "DELETE"):
        assert importing(method, "R/branches/main/import").status == 400
        assert importing(method, "R/branches/main/import", id="nope").status == 404
    assert importing.ok("GET", "/config")["storage_config"]["import_support"] is True
    assert api.ok("GET", "/config")["storage_config"]["import_support"] is False


def test_bytes_that_were_collected_on_the_way_are_read_again(
    importing: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlops.lakeserver.operations import imports

    calls: list[int] = []
    until_kept = imports.until_kept

    def collecting(attempt: Any) -> Any:
        calls.append(1)
        collect(importing.server.lake.store, clock=importing.server.lake.clock)
        return until_kept(attempt)

    monkeypatch.setattr(imports, "until_kept", collecting)
    assert finished(importing, start(importing, source(f"{folder}/d/", "x/")))["completed"]
    assert calls
    assert importing.read("x/a.txt") == b"one\n"


@pytest.mark.parametrize("write", range(4))
def test_collecting_before_any_write_of_an_import_takes_nothing(
    importing: Any, folder: Path, monkeypatch: pytest.MonkeyPatch, write: int
) -> None:
    lake = importing.server.lake
    submit, count = lake.store.submit, itertools.count()

    def submitting(work: Any) -> Any:
        if next(count) == write:
            collect(lake.store, clock=lake.clock, young_s=-1e9)
        return submit(work)

    monkeypatch.setattr(lake.store, "submit", submitting)
    assert finished(importing, start(importing, source(f"{folder}/d/", "x/")))["completed"]
    assert next(count) > write
    assert importing.read("x/a.txt") == b"one\n"
    assert verify(lake.store) == []


def test_a_canceled_import_leaves_nothing(
    importing: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlops.lakeserver.operations import imports

    head = importing.head()
    until_kept = imports.until_kept

    def canceling(attempt: Any) -> Any:
        for task in importing.server.lake.tasks._tasks.values():
            task.canceled.set()
        return until_kept(attempt)

    monkeypatch.setattr(imports, "until_kept", canceling)
    status = finished(importing, start(importing, source(f"{folder}/d/", "x/")))
    assert "import canceled" in status["error"]["message"]
    assert importing.head() == head

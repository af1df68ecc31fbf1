"""Repositories written down and brought into another store, or into a real lakeFS, and back."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mlops.adapters.lake import servers as lake_servers
from mlops.adapters.lake.client import upload
from mlops.adapters.lake.connection import Connection, connect, pages
from mlops.adapters.lake.credentials import Credentials
from mlops.lake_transfer import archive as lake_archive
from mlops.lake_transfer import dump as lake_dump
from mlops.lake_transfer import restore as lake_restore
from mlops.lake_transfer import trees as lake_trees
from mlops.lake_transfer.archive import Reading
from mlops.lake_transfer.dump import dump
from mlops.lake_transfer.restore import Outside, restore
from mlops.lakeserver import Credentials as Key
from mlops.lakeserver import running_server
from mlops.lakeserver.store.collect import collect
from mlops.lakeserver.store.verify import verify
from mlops.runs.errors import ConfigError, InputError, NotFound
from tests.cli.conftest import Mlops

KEY = Key("AKIATEST", "secret-of-the-test", "tester")
#: Read before each test is freed of the user's variables.
REAL_IS_WANTED = os.environ.get("MLOPS_REAL_LAKEFS") == "1"
LARGE = bytes(range(256)) * 1024
# Every hook that could run while a repository is restored refuses.
REFUSING = b"""name: closed
on:
  pre-commit: {branches: [trees]}
  pre-create-tag:
  pre-create-branch:
hooks:
  - id: refusing
    type: webhook
    properties: {url: "http://127.0.0.1:9/"}
"""
QUIET = Outside(tell=lambda _: None)

pytestmark = pytest.mark.slow


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[str], Connection]]:
    """Starts an embedded server on a store of that name, which is verified in the end."""
    with contextlib.ExitStack() as stack:
        servers = []

        def start(name: str) -> Connection:
            server = stack.enter_context(running_server(tmp_path / name, KEY, durable=False))
            servers.append(server)
            return connect(Credentials(server.url, KEY.access_key_id, KEY.secret_access_key))

        yield start
        for server in servers:
            assert verify(server.lake.store) == []


def fill(connection: Connection, name: str) -> None:
    """Make a repository with a merge, a revert, deletions, tags, metadata, rules, and hooks that refuse."""
    import lakefs
    from lakefs_sdk.models.branch_creation import BranchCreation
    from lakefs_sdk.models.branch_protection_rule import BranchProtectionRule
    from lakefs_sdk.models.repository_metadata_set import RepositoryMetadataSet

    connection.create_repository(name)
    repository = lakefs.Repository(name, client=connection.client)
    main = repository.branch("main")

    def put(branch: str, path: str, body: bytes, content_type: str = "text/plain", **metadata: str) -> None:
        client = connection.client
        upload(client, name, branch, path, body, len(body), metadata, content_type=content_type)

    put("main", "a/x y.txt", b"1", kind="first")
    put("main", "a/large", LARGE, "application/octet-stream")
    put("main", "empty", b"")
    main.commit("first \u00e4", metadata={"run": "1", "b": "\u00fc"})
    repository.tag("v1.0").create("main")
    side = repository.branch("side").create("main")
    put("side", "b", b"2")
    side.object("empty").delete()
    side.commit("on the side", date=1_600_000_000)
    put("main", "a/x y.txt", b"3")
    main.commit("second")
    side.merge_into(main, message="together", metadata={"merged": "yes"})
    put("main", "a/again", LARGE, "application/octet-stream")
    main.commit("third")
    main.revert("main", 0)
    shy = BranchCreation(name="shy", source="v1.0", hidden=True)
    connection.api.branches_api.create_branch(name, shy)
    put("side", "_lakefs_actions/closed.yaml", REFUSING)
    side.commit("hooks")
    put("side", "uncommitted", b"4")
    connection.api.internal_api.set_repository_metadata(name, RepositoryMetadataSet(metadata={"k": "v"}))
    rules = [BranchProtectionRule(pattern="main")]
    connection.api.repositories_api.set_branch_protection_rules(name, rules)


def refs_of(connection: Connection, name: str) -> tuple[dict[str, str], dict[str, str]]:
    branches = pages(connection.api.branches_api.list_branches, name, show_hidden=True)
    tags = pages(connection.api.tags_api.list_tags, name)
    return {row.id: row.commit_id for row in branches}, {row.id: row.commit_id for row in tags}


def content(connection: Connection, name: str, *, ids: bool = True, times: bool = True) -> Any:
    """Return all that can be seen of a repository's committed state."""
    api = connection.api
    branches, tags = refs_of(connection, name)
    logs = {
        ref: [row.to_dict() for row in pages(api.refs_api.log_commits, name, f"{ref}")]
        for ref in (*branches, *tags)
    }
    heads = {**branches, **tags}
    trees = {
        ref: [row.to_dict() for row in pages(api.objects_api.list_objects, name, commit, presign=False)]
        for ref, commit in heads.items()
    }
    for row in (row for rows in trees.values() for row in rows):
        row["physical_address"] = ""
        row["mtime"] = row["mtime"] if times else 0
    if not ids:
        branches, tags = dict.fromkeys(branches, ""), dict.fromkeys(tags, "")
        logs = {ref: _without_ids(rows) for ref, rows in logs.items()}
    rules = api.repositories_api.get_branch_protection_rules(name)
    metadata = dict(api.repositories_api.get_repository_metadata(name))
    return branches, tags, logs, trees, [rule.pattern for rule in rules], metadata


def _without_ids(rows: list[dict[str, Any]]) -> list[Any]:
    """Number the commits, so that parents can be told apart without ids; times tie, so sort by messages."""
    names = {row["id"]: row["message"] for row in rows}
    left_out = {"id", "meta_range_id", "version"}
    plain = [
        {key: value for key, value in row.items() if key not in left_out}
        | {"parents": [names[parent] for parent in row["parents"]]}
        for row in rows
    ]
    return sorted(plain, key=lambda row: row["message"])


@pytest.mark.parametrize("place", ["dump", "dump.zip"])
def test_another_embedded_store_has_the_same_ids_and_times(
    serve: Callable[[str], Connection], tmp_path: Path, place: str
) -> None:
    one, other = serve("one"), serve("other")
    fill(one, "flights")
    dumped = dump(one, "flights", tmp_path / place, tell=lambda _: None)
    assert (dumped.commits, dumped.branches, dumped.tags) == (8, 3, 1)
    moved, changed = restore(other, Reading(tmp_path / place), "flights-2", QUIET)
    assert changed == {}
    assert content(other, "flights-2") == content(one, "flights")
    assert moved.objects == dumped.objects
    assert moved.notes == [
        "uncommitted changes of branch side are left out",
        "pull requests and runs of hooks are left out",
    ]
    assert other.repositories() == ["flights-2"]
    again = tmp_path / "again"
    dump(other, "flights-2", again, tell=lambda _: None)
    back, changed = restore(one, Reading(again), "flights-3", QUIET)
    assert (back.commits, changed) == (8, {})
    assert content(one, "flights-3") == content(one, "flights")


def test_a_repository_that_exists_is_refused_by_name(
    serve: Callable[[str], Connection], tmp_path: Path
) -> None:
    one = serve("one")
    fill(one, "flights")
    before = content(one, "flights")
    dump(one, "flights", tmp_path / "dump", tell=lambda _: None)
    with pytest.raises(ConfigError, match="repository flights exists"):
        restore(one, Reading(tmp_path / "dump"), "flights", QUIET)
    assert content(one, "flights") == before
    assert one.repositories() == ["flights"]


class Stopped(Exception):
    """The process ended here."""


def stopping_after(calls: int, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function, which raises `Stopped` at its next but ``calls`` call and from then on."""
    left = [calls]

    def call(*args: Any, **kwargs: Any) -> Any:
        left[0] -= 1
        if left[0] < 0:
            raise Stopped
        return function(*args, **kwargs)

    return call


def test_a_dump_that_was_stopped_goes_on(
    serve: Callable[[str], Connection], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = serve("one")
    fill(one, "flights")
    put_object = lake_archive.Writing.put_object
    fetched: list[str] = []

    def counting(writing: lake_archive.Writing, pieces: Any) -> str:
        fetched.append(put_object(writing, pieces))
        return fetched[-1]

    monkeypatch.setattr(lake_archive.Writing, "put_object", counting)
    monkeypatch.setattr(lake_dump, "_BATCH", 1)
    dump(one, "flights", tmp_path / "whole", tell=lambda _: None)
    expected = sorted(fetched)
    fetched.clear()
    for calls in (0, 1, 2):
        with monkeypatch.context() as patch:
            stopping = stopping_after(calls, lake_archive.Writing.put_object)
            patch.setattr(lake_archive.Writing, "put_object", stopping)
            with pytest.raises(Stopped):
                dump(one, "flights", tmp_path / "dump.zip", tell=lambda _: None)
        assert not (tmp_path / "dump.zip").exists()
    dump(one, "flights", tmp_path / "dump.zip", tell=lambda _: None)
    assert sorted(fetched) == expected, "nothing is fetched twice"
    assert Reading(tmp_path / "dump.zip").id == Reading(tmp_path / "whole").id
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dump.zip", "one", "whole"]


@pytest.mark.parametrize(
    ("owner", "name", "calls"),
    [
        (lake_trees.Trees, "_put", 0),
        (lake_trees.Trees, "_put", 4),
        (lake_trees.Trees, "_keep", 2),
        (lake_restore._Restore, "_name_commits", 0),
        (lake_restore._Restore, "_restore_refs", 0),
        (lake_restore._Restore, "_describe", 0),
        (lake_restore._Restore, "_notes", 0),
    ],
)
def test_a_restore_that_was_stopped_goes_on(
    serve: Callable[[str], Connection],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    owner: type,
    name: str,
    calls: int,
) -> None:
    one, other = serve("one"), serve("other")
    fill(one, "flights")
    dump(one, "flights", tmp_path / "dump", tell=lambda _: None)
    archive = Reading(tmp_path / "dump")
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, stopping_after(calls, getattr(owner, name)))
        with pytest.raises(Exception, match=r"Stopped|cannot be read"):
            restore(other, archive, "flights", QUIET)
    restore(other, archive, "flights", QUIET)
    assert content(other, "flights") == content(one, "flights")
    assert other.repositories() == ["flights"]


@pytest.mark.parametrize("name", ["commits.jsonl", "trees", "objects", "repository.json"])
def test_a_damaged_dump_is_refused(serve: Callable[[str], Connection], tmp_path: Path, name: str) -> None:
    one, other = serve("one"), serve("other")
    fill(one, "flights")
    dump(one, "flights", tmp_path / "dump", tell=lambda _: None)
    place = tmp_path / "dump" / name
    file = place if place.is_file() else max(path for path in place.rglob("*") if path.is_file())
    body = bytearray(file.read_bytes() or b" ")
    body[0] ^= 1
    file.write_bytes(body)
    with pytest.raises(InputError, match=r"is not what was dumped|is not a finished dump"):
        restore(other, Reading(tmp_path / "dump"), "flights", QUIET)
    assert "flights" not in other.repositories()


def test_places_that_hold_something_else_are_refused(
    serve: Callable[[str], Connection], tmp_path: Path
) -> None:
    one = serve("one")
    one.create_repository("flights")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("mine")
    (tmp_path / "file.zip").write_text("mine")
    for place in ("full", "file.zip", "full/file"):
        with pytest.raises(ConfigError, match=r"is not empty|already"):
            dump(one, "flights", tmp_path / place, tell=lambda _: None)
    dump(one, "flights", tmp_path / "dump", tell=lambda _: None)
    with pytest.raises(ConfigError, match="finished dump already"):
        dump(one, "flights", tmp_path / "dump", tell=lambda _: None)
    with pytest.raises(NotFound):
        dump(one, "nowhere", tmp_path / "new", tell=lambda _: None)
    assert (tmp_path / "full" / "file").read_text() == "mine"
    (tmp_path / "dump" / "repository.json").write_text('{"format": "mlops lake dump", "version": 99}')
    with pytest.raises(InputError, match="version 99"):
        Reading(tmp_path / "dump")


def test_collecting_all_the_while_takes_nothing_from_a_restore(
    serve: Callable[[str], Connection], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = serve("one")
    fill(one, "flights")
    dump(one, "flights", tmp_path / "dump", tell=lambda _: None)
    with running_server(tmp_path / "other", KEY, durable=False) as server:
        other = connect(Credentials(server.url, KEY.access_key_id, KEY.secret_access_key))

        def collecting(owner: type, name: str) -> None:
            function = getattr(owner, name)

            def call(*args: Any, **kwargs: Any) -> Any:
                collect(server.lake.store, young_s=-1e9)
                return function(*args, **kwargs)

            monkeypatch.setattr(owner, name, call)

        for owner, name in (
            (lake_trees.Trees, "_begin"),
            (lake_trees.Trees, "_put"),
            (lake_trees.Trees, "_stage"),
            (lake_trees.Trees, "_keep"),
            (lake_restore._Restore, "_add_record"),
            (lake_restore._Restore, "_create"),
            (lake_restore._Restore, "_describe"),
        ):
            collecting(owner, name)
        restore(other, Reading(tmp_path / "dump"), "flights", QUIET)
        collect(server.lake.store, young_s=-1e9)
        assert content(other, "flights") == content(one, "flights")
        assert verify(server.lake.store) == []


def test_the_commands_move_a_repository_between_stores(
    real: Mlops, serve: Callable[[str], Connection], tmp_path: Path
) -> None:
    nowhere = real("lake", "dump", "flights", str(tmp_path / "x"), "--data", str(tmp_path / "empty"))
    assert "there is no lake store" in nowhere.error
    assert not (tmp_path / "empty").exists()
    with running_server(tmp_path / "data", KEY, durable=False) as server:
        fill(connect(Credentials(server.url, KEY.access_key_id, KEY.secret_access_key)), "flights")
        refused = real("lake", "dump", "flights", str(tmp_path / "x"), "--data", str(tmp_path / "data"))
        assert server.url in refused.error
    place = str(tmp_path / "flights.zip")
    dumped = real("lake", "dump", "flights", place, "--data", str(tmp_path / "data"), "--json")
    assert dumped.document["commits"] == 8
    assert "uncommitted changes of branch side are left out" in dumped.document["notes"]
    restored = real("lake", "restore", place, "copy", "--data", str(tmp_path / "empty"), "--json")
    assert restored.document["new_commit_ids"] == {}
    again = real("lake", "restore", place, "copy", "--data", str(tmp_path / "empty"))
    assert (again.code, "repository copy exists" in again.error) == (2, True)
    plain = real("lake", "restore", place, "second", "--data", str(tmp_path / "empty"))
    assert plain.out.splitlines()[0].endswith("restored to repository second")
    assert real("lake", "verify", "--data", str(tmp_path / "empty")).code == 0


@pytest.fixture
def real_lakefs(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Connection]:
    """A real lakeFS, on request."""
    if not (REAL_IS_WANTED or request.config.getoption("-m") == "real_lakefs"):
        pytest.skip("MLOPS_REAL_LAKEFS is not 1")
    try:
        yield connect(lake_servers.start_lakefs(tmp_path / "real"))
    finally:
        lake_servers.stop(tmp_path / "real")


@pytest.mark.real_lakefs
def test_a_real_lakefs_takes_a_repository_and_gives_it_back(
    serve: Callable[[str], Connection], real_lakefs: Connection, tmp_path: Path
) -> None:
    one, other = serve("one"), serve("other")
    fill(one, "flights")
    dump(one, "flights", tmp_path / "1.zip", tell=lambda _: None)
    moved, changed = restore(real_lakefs, Reading(tmp_path / "1.zip"), "flights", QUIET)
    assert len(changed) == moved.commits
    assert "8 of 8 commits have new ids" in moved.notes
    assert "branch shy was hidden and is shown here" in moved.notes
    there = content(real_lakefs, "flights", ids=False, times=False)
    assert there == content(one, "flights", ids=False, times=False)
    dump(real_lakefs, "flights", tmp_path / "2.zip", tell=lambda _: None)
    restore(other, Reading(tmp_path / "2.zip"), "flights", QUIET)
    assert content(other, "flights", ids=False, times=False) == there
    dump(other, "flights", tmp_path / "3.zip", tell=lambda _: None)
    _, changed = restore(real_lakefs, Reading(tmp_path / "3.zip"), "flights-again", QUIET)
    assert len(changed) == moved.commits, "lakeFS makes ids of trees of where and when objects were stored"
    assert content(real_lakefs, "flights-again", ids=False, times=False) == there
    assert real_lakefs.repositories() == ["flights", "flights-again"]

"""Nothing that is referred to is removed, whatever happens while it is looked for."""

from __future__ import annotations

import base64
import http.client
import itertools
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops.lakeserver.errors import LakeError, StorageDamaged
from mlops.lakeserver.operations import branches, commits, merging, objects, repositories, tags, writes
from mlops.lakeserver.operations.commits import NewCommit
from mlops.lakeserver.operations.lake import Lake
from mlops.lakeserver.operations.merging import Merge
from mlops.lakeserver.operations.replay import Overrides, cherry_pick, revert
from mlops.lakeserver.store import Store, Transaction
from mlops.lakeserver.store.collect import Collected, collect
from mlops.lakeserver.store.verify import verify

LARGE = 70_000
CREDENTIALS = {"access_key_id": "AKIATEST", "secret_access_key": "secret-of-the-test"}
DAY_S = 24 * 3600.0


class Interrupted(Store):
    """A store in which something else happens just before a write that was prepared is made."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, durable=False)
        self.meanwhile: Callable[[], None] | None = None

    def submit(self, work: Callable[[Transaction], Any]) -> Any:
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            meanwhile()
        return super().submit(work)


class World:
    """A lake whose clock moves a day with every step, so that nothing in it is young."""

    def __init__(self, directory: Path) -> None:
        ticks = itertools.count(1)
        self.store = Interrupted(directory)
        self.lake = Lake(self.store, clock=lambda: next(ticks) * DAY_S)
        self.seen: list[str] = []

    def collect(self, **options: Any) -> Collected:
        return collect(self.store, clock=lambda: 1e9, young_s=0, **options)

    def put(self, branch: str, path: str, body: bytes) -> None:
        with self.store.blobs.upload() as upload:
            upload.write(body)
            upload.finish()
            stored = writes.store_upload(
                self.lake, "repo", branch, path, upload, content_type="", metadata={}
            )
            stored.result()

    def do(self, step: tuple[Any, ...]) -> None:
        """One step; that it is refused is well."""
        try:
            self._do(*step)
        except StorageDamaged:
            raise
        except LakeError:
            return

    def _do(self, what: str, branch: str, other: str, number: int) -> None:
        getattr(self, f"_{what}")(branch, other, number)

    def _put(self, branch: str, _: str, number: int) -> None:
        self.put(branch, f"p{number}", b"%d" % number * (LARGE if number % 2 else 1))

    def _delete(self, branch: str, _: str, number: int) -> None:
        writes.delete(self.lake, "repo", branch, f"p{number}")

    def _reset(self, branch: str, *_: Any) -> None:
        writes.reset(self.lake, "repo", branch, "reset")

    def _copy(self, branch: str, other: str, number: int) -> None:
        writes.copy(self.lake, "repo", branch, f"c{number}", other, f"p{number}")

    def _commit(self, branch: str, *_: Any) -> None:
        self.seen.append(commits.create(self.lake, "repo", NewCommit(branch, "m", "u"))[0].hex())

    def _tree(self, branch: str, _: str, number: int) -> None:
        tree = commits.get(self.lake, "repo", self._old(number))[1].tree.hex()
        commits.create(self.lake, "repo", NewCommit(branch, "m", "u", source_metarange=tree))

    def _merge(self, branch: str, other: str, number: int) -> None:
        source = self._old(number) if number % 2 else other
        wish = Merge(source, branch, "u", strategy="source-wins", squash=number % 3 == 0)
        self.seen.append(merging.merge(self.lake, "repo", wish).hex())

    def _branch(self, branch: str, _: str, number: int) -> None:
        branches.create(self.lake, "repo", branch, self._old(number), user="u")

    def _tag(self, branch: str, _: str, number: int) -> None:
        tags.create(self.lake, "repo", f"t-{branch}", self._old(number), user="u")

    def _drop(self, branch: str, *_: Any) -> None:
        branches.delete(self.lake, "repo", branch, user="u")

    def _move(self, branch: str, _: str, number: int) -> None:
        branches.hard_reset(self.lake, "repo", branch, self._old(number))

    def _revert(self, branch: str, _: str, number: int) -> None:
        how = {"parent_number": 1, "committer": "u", "overrides": Overrides()}
        revert(self.lake, "repo", branch, self._old(number), **how)

    def _pick(self, branch: str, _: str, number: int) -> None:
        how = {"parent_number": 1, "committer": "u", "overrides": Overrides()}
        cherry_pick(self.lake, "repo", branch, self._old(number), **how)

    def _collect(self, *_: Any) -> None:
        self.collect()

    def _old(self, number: int) -> str:
        return self.seen[-1 - number % len(self.seen)] if self.seen else "main"

    def _stage(self, branch: str, other: str, number: int) -> None:
        path = f"p{number}"
        repo, entry = objects.stat(self.lake, "repo", other, path)
        found = writes.entry_at_address(
            self.lake, writes.physical_address(repo, entry), entry.size_bytes, entry.checksum
        )
        if found.digest:
            writes.put_entry(self.lake, "repo", branch, f"s{path}", found)

    def check(self) -> None:
        """The store is whole, and everything in it can be read."""
        assert verify(self.store) == []
        for branch in branches.list_page(self.lake, "repo", "", "", 100).results:
            _, page = objects.list_page(
                self.lake, "repo", branch.id, prefix="", after="", delimiter="", amount=1000
            )
            for item in page.results:
                _, entry = objects.stat(self.lake, "repo", branch.id, item.key.decode())
                data = objects.open_bytes(self.lake, entry)
                if not isinstance(data, bytes):
                    with data:
                        data = data.read()
                assert len(data) == entry.size_bytes


@pytest.fixture
def world(tmp_path: Path) -> Any:
    made = World(tmp_path / "data")
    repositories.create(made.lake, "repo", "local://repo", "main")
    branches.create(made.lake, "repo", "b", "main", user="u")
    yield made
    made.store.close()


NAMES = st.sampled_from(["main", "b"])
KINDS = (
    "put put put put commit commit commit merge merge delete reset copy stage tree "
    "branch tag drop move revert pick collect"
)
STEPS = st.tuples(st.sampled_from(KINDS.split()), NAMES, NAMES, st.integers(0, 3))
PROGRAMS = st.lists(st.tuples(STEPS, st.lists(STEPS, max_size=2)), min_size=6, max_size=16)


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(program=PROGRAMS)
def test_what_is_referred_to_stays_whatever_happens_meanwhile(
    tmp_path_factory: pytest.TempPathFactory, program: Any
) -> None:
    world = World(tmp_path_factory.mktemp("lake") / "data")
    repositories.create(world.lake, "repo", "local://repo", "main")
    branches.create(world.lake, "repo", "b", "main", user="u")
    for step, inner in program:

        def meanwhile(inner: Any = inner) -> None:
            for other in inner:
                world.do(other)
            world.collect()

        world.store.meanwhile = meanwhile
        world.do(step)
        world.store.meanwhile = None
    world.check()
    foreseen = world.collect(dry_run=True)
    assert world.collect() == foreseen
    assert world.collect() == Collected()
    world.check()
    world.store.close()


def test_what_nothing_refers_to_goes(world: World) -> None:
    world.put("b", "small", b"s")
    world.put("b", "large", b"l" * LARGE)
    world.do(("commit", "b", "", 0))
    world.do(("drop", "b", "", 0))
    world.put("main", "kept", b"k" * LARGE)
    before = world.collect(dry_run=True)
    found = world.collect()
    assert found == before
    assert (found.commits, found.objects, found.files) == (1, 2, 1)
    assert found.size_bytes > LARGE
    assert len(list(world.store.blobs.paths())) == 1
    world.check()


def test_what_is_young_stays(world: World) -> None:
    world.do(("put", "b", "", 1))
    world.do(("commit", "b", "", 0))
    world.do(("drop", "b", "", 0))
    now = world.lake.clock()
    assert collect(world.store, clock=lambda: now, young_s=10 * DAY_S) == Collected()
    assert collect(world.store, clock=lambda: now, young_s=0).commits == 1


def test_uploads_that_were_never_linked_go_when_they_are_old(world: World) -> None:
    folder = world.store.directory / "linked"
    folder.mkdir()
    for name, age_s in (("old", 2 * DAY_S), ("new", 0.0)):
        (folder / name).write_bytes(b"x" * 10)
        moment = time.time() - age_s
        os.utime(folder / name, (moment, moment))
    assert collect(world.store) == Collected(files=1, size_bytes=10)
    assert [path.name for path in folder.iterdir()] == ["new"]


def test_files_that_a_crash_left_behind_go(world: World) -> None:
    stray = world.store.blobs.path(bytes(32))
    stray.write_bytes(b"x" * 7)
    assert world.collect() == Collected(files=1, size_bytes=7)
    assert not stray.exists()


def test_nothing_is_removed_from_a_damaged_store(world: World) -> None:
    world.do(("put", "main", "", 1))
    world.do(("commit", "main", "", 0))
    world.store.write(lambda tx: tx.execute("DELETE FROM nodes") and None)
    with pytest.raises(StorageDamaged, match="is missing"):
        world.collect()


STAGED = [("put", "b", "", 1)]
DROPPED = [*STAGED, ("commit", "b", "", 0), ("drop", "b", "", 0)]


@pytest.mark.parametrize(
    ("before", "step", "meanwhile"),
    [
        (STAGED, ("commit", "b", "", 0), [("reset", "b", "", 0)]),
        (STAGED, ("stage", "main", "b", 1), [("reset", "b", "", 0)]),
        (STAGED, ("copy", "b", "b", 1), [("reset", "b", "", 0)]),
        ([*STAGED, ("commit", "b", "", 0)], ("merge", "main", "b", 2), [("drop", "b", "", 0)]),
        ([*STAGED, ("commit", "b", "", 0)], ("pick", "main", "", 0), [("drop", "b", "", 0)]),
        (DROPPED, ("pick", "main", "", 0), []),
        (DROPPED, ("merge", "main", "", 1), []),
        (DROPPED, ("tag", "main", "", 0), []),
        (DROPPED, ("branch", "b", "", 0), []),
        (DROPPED, ("tree", "main", "", 0), []),
        (DROPPED, ("move", "main", "", 0), []),
    ],
)
def test_what_an_operation_has_read_may_be_gone_when_it_writes(
    world: World, before: list[Any], step: Any, meanwhile: list[Any]
) -> None:
    for earlier in before:
        world.do(earlier)

    def remove() -> None:
        for other in meanwhile:
            world.do(other)
        assert world.collect().objects == 1

    world.store.meanwhile = remove
    world.do(step)
    assert world.store.meanwhile is None
    world.check()


@pytest.mark.parametrize("path", ["/_lake/verify", "/_lake/gc"])
def test_a_running_server_is_looked_after_with_its_key_alone(api: Any, path: str) -> None:
    connection = http.client.HTTPConnection(urlsplit(api.url).netloc, timeout=30)
    token = api.ok("POST", "/auth/login", CREDENTIALS)["token"]
    pair = ":".join(CREDENTIALS.values())
    basic = "Basic " + base64.b64encode(pair.encode()).decode()
    for headers, method, expected in (
        ({}, "POST", 401),
        ({"Cookie": f"internal_auth_session={token}"}, "POST", 401),
        ({"Authorization": basic}, "GET", 404),
        ({"Authorization": basic}, "POST", 200),
    ):
        connection.request(method, f"{path}?dry_run=true", headers=headers)
        response = connection.getresponse()
        body = json.loads(response.read())
        assert response.status == expected
    connection.close()
    assert body == {"problems": []} or body.keys() == {"commits", "nodes", "objects", "files", "size_bytes"}

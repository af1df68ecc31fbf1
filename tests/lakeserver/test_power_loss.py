"""The power goes at any write: what was acknowledged is there, whole, and the store verifies.

Simulated: of the object files only what was synced is left, under names whose folder was synced after they
were given; of SQLite's log everything up to the last finished commit is left, and of what follows nothing,
all, half, or all with its last bytes wrong. Trusted, not simulated: that SQLite syncs its log in every commit
(checked is that it was told to), that a sync reaches the disk, checkpoints, and the folders made when a store
is created.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from mlops.lakeserver.operations import branches, commits, merging, objects, repositories, tags, writes
from mlops.lakeserver.operations.commits import NewCommit
from mlops.lakeserver.operations.lake import Lake
from mlops.lakeserver.operations.merging import Merge
from mlops.lakeserver.store import Store
from mlops.lakeserver.store.collect import collect
from mlops.lakeserver.store.files import DiskFiles
from mlops.lakeserver.store.verify import verify

LARGE = 70_000
SMALL_TAIL = 24


@dataclass
class Disk:
    """What a power loss leaves of files: contents that were synced, under names that were."""

    contents: dict[int, bytes] = field(default_factory=dict)
    names: dict[Path, int] = field(default_factory=dict)

    def copy(self) -> Disk:
        return Disk(dict(self.contents), dict(self.names))


class ForgetfulFiles(DiskFiles):
    """Files on disk, and beside them what would be left of them; `moment` is called around every change."""

    def __init__(self) -> None:
        super().__init__(durable=False)
        self.left = Disk()
        self.moment: Callable[[], None] = lambda: None
        self._numbers = itertools.count()
        self._open: dict[int, tuple[int, Path]] = {}
        self._names: dict[Path, int] = {}

    def create(self, path: Path) -> BinaryIO:
        file = super().create(path)
        number = next(self._numbers)
        self._open[file.fileno()] = (number, path)
        self._names[path] = number
        self.moment()
        return file

    def write(self, file: BinaryIO, data: bytes | bytearray | memoryview) -> None:
        super().write(file, data)
        self.moment()

    def sync(self, file: BinaryIO) -> None:
        self.moment()
        number, path = self._open[file.fileno()]
        self.left.contents[number] = path.read_bytes()
        self.moment()

    def sync_dir(self, path: Path) -> None:
        self.moment()
        for name in {name for name in (*self.left.names, *self._names) if name.parent == path}:
            if name in self._names:
                self.left.names[name] = self._names[name]
            else:
                self.left.names.pop(name, None)
        self.moment()

    def rename(self, source: Path, target: Path) -> None:
        self.moment()
        super().rename(source, target)
        self._names[target] = self._names.pop(source)
        self.moment()

    def remove(self, path: Path) -> None:
        super().remove(path)
        self._names.pop(path, None)
        self.moment()


@dataclass(frozen=True)
class Loss:
    """What is left after a power loss at one moment, and how many steps were acknowledged by then."""

    disk: Disk
    database: bytes
    log: bytes
    synced: int
    acknowledged: int

    def logs(self) -> Iterator[bytes]:
        """What may be left of SQLite's log."""
        yield self.log[: self.synced]
        tail = len(self.log) - self.synced
        if tail > 0:
            yield self.log
            yield self.log[: self.synced + tail // 2]
            yield self.log[:-SMALL_TAIL] + bytes(SMALL_TAIL)


class Story:
    """Steps on a store, and the state at every moment in them."""

    def __init__(self, directory: Path) -> None:
        self.files = ForgetfulFiles()
        self.directory = directory
        self.store = Store(directory, durable=True, files=self.files)
        ticks = itertools.count(1)
        self.lake = Lake(self.store, clock=lambda: next(ticks) * 1e5)
        self.losses: list[Loss] = []
        self.kept: list[Callable[[Lake], None]] = []
        self._synced = self._log_size()
        self.files.moment = self.moment
        self.store.database.writer.set_trace_callback(self._statement)

    def _log_size(self) -> int:
        return (self.directory / "lake.sqlite-wal").stat().st_size

    def _statement(self, statement: str) -> None:
        self.moment()
        if statement.startswith("BEGIN"):
            self._synced = self._log_size()
            self.moment()

    def moment(self) -> None:
        database, log = (self.directory / f"lake.sqlite{end}" for end in ("", "-wal"))
        loss = Loss(
            self.files.left.copy(), database.read_bytes(), log.read_bytes(), self._synced, len(self.kept)
        )
        if not self.losses or loss != self.losses[-1]:
            self.losses.append(loss)

    def step(self, do: Callable[[Lake], Any], check: Callable[[Lake], None]) -> None:
        """Does something; once it is done, `check` has to hold for ever."""
        do(self.lake)
        # As if the power had gone while the last commit was being written.
        self.moment()
        self._synced = self._log_size()
        self.kept.append(check)
        self.moment()


def put(lake: Lake, branch: str, path: str, body: bytes) -> None:
    with lake.store.blobs.upload() as upload:
        for at in range(0, len(body), 30_000):
            upload.write(body[at : at + 30_000])
        upload.finish()
        writes.store_upload(lake, "repo", branch, path, upload, content_type="", metadata={}).result()


def reads(ref: str, path: str, body: bytes) -> Callable[[Lake], None]:
    def check(lake: Lake) -> None:
        _, entry = objects.stat(lake, "repo", ref, path)
        data = objects.open_bytes(lake, entry)
        if not isinstance(data, bytes):
            with data:
                data = data.read()
        assert data == body

    return check


def tell(story: Story) -> None:
    """Uploads, commits, a merge, and the removal of what nothing refers to."""
    large, other, small = b"l" * LARGE, b"o" * LARGE, b"s"
    step = story.step
    step(
        lambda lake: repositories.create(lake, "repo", "local://repo", "main"),
        lambda lake: repositories.get(lake, "repo") and None,
    )
    step(lambda lake: put(lake, "main", "small", small), reads("main", "small", small))
    step(lambda lake: put(lake, "main", "large", large), reads("main", "large", large))
    step(
        lambda lake: commits.create(lake, "repo", NewCommit("main", "first", "u")),
        reads("main@", "large", large),
    )
    step(
        lambda lake: branches.create(lake, "repo", "b", "main", user="u"),
        reads("b", "small", small),
    )
    step(lambda lake: put(lake, "b", "other", other), reads("b", "other", other))
    step(
        lambda lake: [put(lake, "b", f"many/{number}", b"%d" % number) for number in range(40)],
        reads("b", "many/39", b"39"),
    )
    step(
        lambda lake: commits.create(lake, "repo", NewCommit("b", "second", "u")), reads("b@", "other", other)
    )
    step(lambda lake: put(lake, "main", "third", b"t" * LARGE), reads("main", "third", b"t" * LARGE))
    step(
        lambda lake: commits.create(lake, "repo", NewCommit("main", "third", "u")),
        reads("main@", "third", b"t" * LARGE),
    )
    step(lambda lake: merging.merge(lake, "repo", Merge("b", "main", "u")), reads("main@", "other", other))
    step(lambda lake: tags.create(lake, "repo", "v1", "main", user="u"), reads("v1", "other", other))
    step(lambda lake: put(lake, "b", "dropped", b"d" * LARGE), lambda _: None)
    step(lambda lake: writes.reset(lake, "repo", "b", "reset"), reads("b", "other", other))
    step(lambda lake: collect(lake.store), reads("v1", "large", large))


def restore(loss: Loss, log: bytes, source: Path, target: Path) -> None:
    target.mkdir()
    (target / "lake.sqlite").write_bytes(loss.database)
    (target / "lake.sqlite-wal").write_bytes(log)
    for name, number in loss.disk.names.items():
        path = target / name.relative_to(source)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(loss.disk.contents.get(number, b""))


def check(story: Story, target: Path, loss: Loss) -> None:
    (target / "objects" / "incoming").mkdir(parents=True, exist_ok=True)
    store = Store(target, durable=False)
    try:
        assert verify(store) == []
        lake = Lake(store, clock=lambda: 1e9)
        for kept in story.kept[: loss.acknowledged]:
            kept(lake)
    finally:
        store.close()


def lose_power(tmp_path: Path, every: int) -> int:
    """Looks at every so-manieth moment; returns at how many."""
    story = Story(tmp_path / "data")
    tell(story)
    story.files.moment = lambda: None
    story.store.close()
    count = 0
    states = ((moment, log) for moment in story.losses for log in moment.logs())
    for loss, log in islice(states, 0, None, every):
        target = tmp_path / f"left-{count}"
        restore(loss, log, tmp_path / "data", target)
        check(story, target, loss)
        shutil.rmtree(target)
        count += 1
    return count


def test_nothing_acknowledged_is_lost_at_some_writes(tmp_path: Path) -> None:
    assert lose_power(tmp_path, every=7) > 15


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_at_any_write(tmp_path: Path) -> None:
    assert lose_power(tmp_path, every=1) > 100


def test_sqlite_is_told_to_sync(tmp_path: Path) -> None:
    store = Store(tmp_path / "data")
    for connection in (store.database.writer, store.database.reader):
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    store.close()


@pytest.mark.parametrize("forgotten", ["sync", "sync_dir"])
def test_a_sync_that_is_left_out_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forgotten: str
) -> None:
    monkeypatch.setattr(ForgetfulFiles, forgotten, lambda *_: None)
    with pytest.raises(AssertionError, match=r"object .* bytes|No data"):
        lose_power(tmp_path, every=1)

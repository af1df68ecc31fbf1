"""The answers where the disk is full, may not be written to, or does not hold what it was given."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from mlops.lakeserver import Credentials, Server, running_server
from mlops.lakeserver.store.blobs import CHECKED_BYTES
from mlops.lakeserver.store.files import DiskFiles
from mlops.lakeserver.store.verify import verify

LARGE = b"l" * 100_000


class FailingFiles(DiskFiles):
    """Answers as the disk would, once `number` is set."""

    def __init__(self) -> None:
        super().__init__(durable=False)
        self.number = 0

    def _fail(self) -> None:
        if self.number:
            raise OSError(self.number, "as the disk says")

    def create(self, path: Path) -> BinaryIO:
        self._fail()
        return super().create(path)

    def write(self, file: BinaryIO, data: bytes | bytearray | memoryview) -> None:
        self._fail()
        super().write(file, data)

    def rename(self, source: Path, target: Path) -> None:
        self._fail()
        super().rename(source, target)


@pytest.fixture
def files() -> FailingFiles:
    return FailingFiles()


@pytest.fixture
def own(data_dir: Path, credentials: Credentials, files: FailingFiles) -> Iterator[Server]:
    with running_server(data_dir, credentials, durable=False, files=files) as server:
        yield server


@pytest.fixture
def kept(own: Server, new_api: Any) -> Any:
    api = new_api(own.url, "kept")
    api.ok("POST", "/repositories", {"name": "kept", "storage_namespace": "local://kept"})
    api.put("large", LARGE)
    api.put("small", b"s")
    api.commit()
    return api


def upload(api: Any, body: bytes) -> Any:
    headers = {"Content-Type": "application/octet-stream"}
    return api("POST", "R/branches/main/objects", data=body, headers=headers, path="new")


@pytest.mark.parametrize(
    ("number", "status", "text"),
    [
        (errno.ENOSPC, 507, "no space left on the server's disk"),
        (errno.EDQUOT, 507, "no space left on the server's disk"),
        (errno.EROFS, 500, "the server's disk failed: as the disk says"),
        (errno.EIO, 500, "the server's disk failed: as the disk says"),
    ],
)
def test_a_disk_that_takes_nothing_more(
    kept: Any, own: Server, files: FailingFiles, number: int, status: int, text: str
) -> None:
    files.number = number
    answer = upload(kept, b"n" * 200_000)
    assert (answer.status, answer.message) == (status, text)
    files.number = 0
    assert kept.read("large") == LARGE
    assert kept.paths() == ["large", "small"]
    assert not list((own.lake.store.directory / "objects" / "incoming").iterdir())
    assert verify(own.lake.store) == []
    kept.put("new", b"n" * 200_000)


@pytest.mark.parametrize(
    ("pragma", "status", "text"),
    [
        ("max_page_count = 1", 507, "no space left on the server's disk"),
        (
            "query_only = ON",
            500,
            "the server's metadata cannot be used: attempt to write a readonly database",
        ),
    ],
)
def test_metadata_that_cannot_be_written(kept: Any, own: Server, pragma: str, status: int, text: str) -> None:
    writer = own.lake.store.database.writer
    writer.execute(f"PRAGMA {pragma}")
    head = kept.head()
    answers = (upload(kept, b"%d" % number * 3_000) for number in range(40))
    answer = next(answer for answer in answers if answer.status != 201)
    assert (answer.status, answer.message) == (status, text)
    assert kept.head() == head
    assert kept.read("small") == b"s"
    writer.execute("PRAGMA query_only = OFF")
    writer.execute("PRAGMA max_page_count = 4294967294")
    kept.put("new")
    kept.commit()
    assert verify(own.lake.store) == []


def flip(body: bytes) -> bytes:
    return body[:-1] + bytes([body[-1] ^ 1])


def test_bytes_that_changed_are_not_sent(kept: Any, own: Server) -> None:
    store = own.lake.store
    (path,) = store.blobs.paths()
    name = path.parent.name + path.name
    path.write_bytes(flip(LARGE))
    (digest,) = store.database.reader.execute("SELECT digest FROM blobs WHERE body IS NOT NULL").fetchone()
    store.write(lambda tx: tx.execute("UPDATE blobs SET body = x'00' WHERE digest = ?", (digest,)) and None)
    for object_path, hex_digest in (("large", name), ("small", digest.hex())):
        answer = kept("GET", "R/refs/main/objects", path=object_path)
        assert answer.status == 500
        assert answer.message == f"object {hex_digest}: its bytes are not what was stored"
        assert any(hex_digest in problem for problem in verify(store))


def test_a_truncated_object_is_named(kept: Any, own: Server) -> None:
    (path,) = own.lake.store.blobs.paths()
    path.write_bytes(LARGE[:-1])
    answer = kept("GET", "R/refs/main/objects", path="large")
    name = path.parent.name + path.name
    assert (answer.status, answer.message) == (500, f"object {name} has 99999 bytes, 100000 were stored")
    assert verify(own.lake.store) == [answer.message]


def test_of_a_very_large_object_only_its_length_is_looked_at_when_it_is_read(kept: Any, own: Server) -> None:
    body = b"v" * (CHECKED_BYTES + 1)
    kept.put("very", body)
    path = max(own.lake.store.blobs.paths(), key=lambda found: found.stat().st_size)
    path.write_bytes(flip(body))
    assert kept.read("very") == flip(body)
    assert verify(own.lake.store) == [
        f"object {path.parent.name}{path.name}: its bytes are not what was stored"
    ]

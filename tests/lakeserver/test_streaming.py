"""Neither an upload nor a download is held in memory whole."""

from __future__ import annotations

import hashlib
import http.client
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from mlops.lakeserver import Credentials

CHUNK = 1 << 20


def resident_bytes(pid: int, field: str = "VmHWM") -> int:
    """The most memory (or with VmRSS, the memory) that the process has had resident."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024
    raise AssertionError(field)


def chunks(count: int) -> Iterator[bytes]:
    for number in range(count):
        yield number.to_bytes(4, "big") * (CHUNK // 4)


def transfer(program: Any, new_api: Any, data_dir: Path, size_mib: int) -> int:
    """Uploads (raw and multipart), copies and downloads; returns by how many bytes memory grew."""
    process = program(
        "--data", str(data_dir), "--listen", "127.0.0.1:0", "--quickstart", "--durability", "os"
    )
    url = process.stdout.readline().split()[2]
    known = Credentials("AKIAIOSFOLQUICKSTART", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
    api = new_api(url, "large", known)
    api.ok("POST", "/repositories", {"name": "large", "storage_namespace": "local://large"})
    api.put("warm", b"x" * 100_000)
    assert len(api.read("warm")) == 100_000
    idle = resident_bytes(process.pid, "VmRSS")

    api.ok("POST", "R/branches/main/objects", data=chunks(size_mib), path="raw")
    head = b'--B\r\nContent-Disposition: form-data; name="content"; filename="f"\r\n\r\n'
    parts = (part for part in (head, *chunks(size_mib), b"\r\n--B--\r\n"))
    headers = {"Content-Type": "multipart/form-data; boundary=B"}
    api.ok("POST", "R/branches/main/objects", data=parts, headers=headers, path="multipart")
    api.ok("POST", "R/branches/main/objects/copy", {"src_path": "raw"}, dest_path="copy")

    expected = hashlib.sha256()
    for chunk in chunks(size_mib):
        expected.update(chunk)
    for path in ("raw", "multipart", "copy"):
        assert download(url, api, path) == expected.hexdigest()
    return resident_bytes(process.pid) - idle


def download(url: str, api: Any, path: str) -> str:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
    connection.request(
        "GET", f"/api/v1/repositories/large/refs/main/objects?path={path}", headers=api._headers
    )
    response, digest = connection.getresponse(), hashlib.sha256()
    while chunk := response.read(CHUNK):
        digest.update(chunk)
    connection.close()
    return digest.hexdigest()


@pytest.mark.slow
def test_memory_does_not_grow_with_the_object(program: Any, new_api: Any, data_dir: Path) -> None:
    assert transfer(program, new_api, data_dir, 96) < 24 << 20


@pytest.mark.slow
def test_a_gibibyte(program: Any, new_api: Any, data_dir: Path) -> None:
    assert transfer(program, new_api, data_dir, 1024) < 48 << 20

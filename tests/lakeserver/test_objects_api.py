from __future__ import annotations

import hashlib
from typing import Any

import pytest

from mlops.lakeserver import Server

MD5 = hashlib.md5(b"hello", usedforsecurity=False).hexdigest()


def test_an_uploaded_object_is_described_and_read(api: Any) -> None:
    stats = api.put("a/b c.txt", b"hello", **{"x-lakefs-meta-My_Key": "v", "x-lakefs-internal-i": "w"})
    assert stats["checksum"] == MD5
    assert stats["size_bytes"] == 5
    assert stats["metadata"] == {"my_key": "v", "::lakefs::i": "w"}
    assert stats["physical_address"].startswith(f"local://{api.repository}/data/")
    assert api.ok("GET", "R/refs/main/objects/stat", path="a/b c.txt") == stats
    answer = api("GET", "R/refs/main/objects", path="a/b c.txt")
    assert answer.body == b"hello"
    assert answer.headers["ETag"] == f'"{MD5}"'
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    head = api("HEAD", "R/refs/main/objects", path="a/b c.txt")
    assert (head.status, head.body, head.headers["Content-Length"]) == (200, b"", "5")


def test_a_branch_shows_what_is_not_committed_and_its_head_does_not(api: Any) -> None:
    api.put("committed")
    api.commit()
    api.put("staged")
    api.ok("DELETE", "R/branches/main/objects", path="committed")
    assert api.paths("main") == ["staged"]
    assert api.paths("main@") == ["committed"]
    assert api.paths("main$") == ["staged"]
    assert api("GET", "R/refs/main%40/objects", path="staged").status == 404
    assert api("HEAD", "R/refs/main/objects", path="committed").body == b""


@pytest.mark.parametrize(
    ("asked", "status", "body", "content_range"),
    [
        ("bytes=0-1", 206, b"he", "bytes 0-1/5"),
        ("bytes=3-", 206, b"lo", "bytes 3-4/5"),
        ("bytes=-2", 206, b"lo", "bytes 3-4/5"),
        ("bytes=-99", 206, b"hello", "bytes 0-4/5"),
        ("bytes=2-99", 206, b"llo", "bytes 2-4/5"),
        ("bytes=5-", 416, None, "bytes */5"),
        ("bytes=-0", 416, None, "bytes */5"),
        ("bytes=3-1", 416, None, None),
        ("bytes=0-1,2-3", 416, None, None),
        ("bytes=-", 416, None, None),
        ("bytes=abc", 400, None, None),
        ("items=0-1", 400, None, None),
    ],
)
@pytest.mark.parametrize("size", [5, 300_000])
def test_ranges(
    api: Any, asked: str, status: int, body: bytes | None, content_range: str | None, size: int
) -> None:
    content = b"hello" * (size // 5)
    api.put("o", content)
    answer = api("GET", "R/refs/main/objects", headers={"Range": asked}, path="o")
    if size == 5:
        assert answer.headers["Content-Range"] == content_range
        assert body is None or answer.body == body
        assert answer.status == status
    elif answer.status == 206:
        first, last = answer.headers["Content-Range"].removeprefix("bytes ").partition("/")[0].split("-")
        assert answer.body == content[int(first) : int(last) + 1]


def test_an_empty_object_has_no_range(api: Any) -> None:
    api.put("empty", b"")
    assert api.read("empty") == b""
    assert api("GET", "R/refs/main/objects", headers={"Range": "bytes=0-"}, path="empty").status == 416


def test_what_the_client_has_is_not_sent_again(api: Any) -> None:
    api.put("o", b"hello")
    answer = api("GET", "R/refs/main/objects", headers={"If-None-Match": f'"{MD5}"'}, path="o")
    assert (answer.status, answer.body) == (304, b"")


def test_uploads_that_must_not_replace(api: Any) -> None:
    once = {"If-None-Match": "*", "Content-Type": "text/plain"}
    upload = ("POST", "R/branches/main/objects")
    assert api(*upload, data=b"1", headers=once, path="o").status == 201
    again = api(*upload, data=b"2", headers=once, path="o")
    assert (again.status, again.message) == (412, "path already exists")
    api.commit()
    assert api(*upload, data=b"2", headers=once, path="o").status == 412
    api.ok("DELETE", "R/branches/main/objects", path="o")
    assert api(*upload, data=b"2", headers=once, path="o").status == 201
    assert api(*upload, data=b"3", headers={"If-Match": '"x"'}, path="o").status == 501
    assert api(*upload, data=b"3", headers={"If-None-Match": '"x"'}, path="o").status == 501


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (
            b'--B\r\nContent-Disposition: form-data; name="content"; filename="f"\r\n'
            b"Content-Type: text/csv\r\n\r\na,b\r\n1,2\r\n--B--\r\n",
            "text/csv",
            201,
        ),
        (
            b'--B\r\nContent-Disposition: form-data; name="note"\r\n\r\nx\r\n'
            b'--B\r\nContent-Disposition: form-data; name="content"\r\n\r\na,b\r\n1,2\r\n--B--\r\n',
            "application/octet-stream",
            201,
        ),
        (b'--B\r\nContent-Disposition: form-data; name="other"\r\n\r\nx\r\n--B--\r\n', "", 500),
        (b'--B\r\nContent-Disposition: form-data; name="content"\r\n\r\na,b', "", 400),
        (b"no parts at all", "", 400),
    ],
)
def test_multipart_uploads(api: Any, body: bytes, content_type: str, status: int) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=B"}
    answer = api("POST", "R/branches/main/objects", data=body, headers=headers, path="t.csv")
    assert answer.status == status, answer.body
    if status == 201:
        assert (answer.json["content_type"] or "application/octet-stream") == content_type
        assert api.read("t.csv") == b"a,b\r\n1,2"
    else:
        assert api.paths() == []


def test_chunked_uploads(api: Any) -> None:
    chunks = [b"x" * 40_000, b"y" * 50_000, b"", b"z"]
    api.ok("POST", "R/branches/main/objects", data=iter(chunks), path="big")
    assert api.read("big") == b"".join(chunks)


@pytest.mark.parametrize(
    ("branch", "path", "status", "message"),
    [
        ("nosuch", "a", 404, "branch 'nosuch' not found"),
        ("a.b", "a", 400, "argument name: branch id: invalid value: validation error"),
        ("main", "", 400, 'parameter "path" in query has an error: empty value is not allowed'),
        ("main", "x" * 1025, 400, "argument path: invalid value: validation error: 1025 is above maximum"),
    ],
)
def test_refused_uploads(api: Any, branch: str, path: str, status: int, message: str) -> None:
    answer = api("POST", f"R/branches/{branch}/objects", data=b"x", path=path)
    assert answer.status == status
    assert answer.message.startswith(message)


def test_copies_move_no_bytes_and_are_the_same_object(api: Any) -> None:
    source = api.put("a", b"hello", **{"x-lakefs-meta-k": "v", "Content-Type": "text/plain"})
    api.commit()
    api.branch("dev")
    copied = api.ok(
        "POST", "R/branches/dev/objects/copy", {"src_path": "a", "src_ref": "main"}, dest_path="b"
    )
    assert copied["physical_address"] != source["physical_address"]
    assert [copied[k] for k in ("checksum", "metadata", "content_type")] == [MD5, {"k": "v"}, "text/plain"]
    assert api.read("b", "dev") == b"hello"
    api.ok("POST", "R/branches/dev/objects/copy", {"src_path": "a"}, dest_path="a")
    assert api.ok("GET", "R/branches/dev/diff")["results"] == [
        {"type": "added", "path": "b", "path_type": "object", "size_bytes": 5}
    ]
    refused = api("POST", "R/branches/dev/objects/copy", {"src_path": "no"}, dest_path="c")
    assert (refused.status, refused.message) == (404, "not found")
    assert (
        api("POST", "R/branches/dev/objects/copy", {"src_path": "a", "shallow": True}, dest_path="c").status
        == 501
    )


def test_deleting_many(api: Any) -> None:
    for name in ("a", "b", "c"):
        api.put(name)
    api.commit()
    api.put("d")
    answer = api.ok("POST", "R/branches/main/objects/delete", {"paths": ["a", "b", "d", "nosuch"]})
    assert answer == {"errors": []}
    assert api.paths() == ["c"]
    too_many = api("POST", "R/branches/main/objects/delete", {"paths": ["a"] * 1001})
    assert too_many.status == 400
    assert api("DELETE", "R/branches/main/objects", path="nosuch").status == 204


def test_replacing_user_metadata(api: Any) -> None:
    api.put("a", b"hello", **{"x-lakefs-meta-old": "1"})
    api.commit()
    target = "R/branches/main/objects/stat/user_metadata"
    assert api("PUT", target, {"set": {"new": "2"}}, path="a").status == 204
    assert api.ok("GET", "R/refs/main/objects/stat", path="a")["metadata"] == {"new": "2"}
    assert api.read("a") == b"hello"
    assert api("PUT", target, {"set": {}}, path="no").status == 404
    assert api("PUT", target, {"set": {"a": 1}}, path="a").status == 400


def test_linking_bytes_written_beside_the_api(api: Any) -> None:
    place = api.ok("GET", "R/branches/main/staging/backing", path="l")
    with open(place["physical_address"].removeprefix("local://"), "wb") as file:  # noqa: PTH123
        file.write(b"hello")
    body = {"staging": place, "checksum": "told by the client", "size_bytes": 5}
    stats = api.ok("PUT", "R/branches/main/staging/backing", body, path="l")
    assert (stats["checksum"], stats["size_bytes"]) == (MD5, 5)
    assert api.read("l") == b"hello"


def test_linking_bytes_that_are_not_there(api: Any) -> None:
    place = {"physical_address": "local:///etc/passwd"}
    body = {"staging": place, "checksum": "c", "size_bytes": 3}
    api.ok("PUT", "R/branches/main/staging/backing", body, path="l")
    answer = api("GET", "R/refs/main/objects", path="l")
    assert (answer.status, answer.message) == (410, "No data")
    empty = api("PUT", "R/branches/main/staging/backing", body | {"checksum": ""}, path="l")
    assert (empty.status, empty.message) == (400, "checksum is required")
    existing = api("PUT", "R/branches/main/staging/backing", body, headers={"If-None-Match": "*"}, path="l")
    assert (existing.status, existing.message) == (412, "Precondition failed")


def test_staging_an_address_of_this_store(api: Any) -> None:
    stats = api.put("a", b"hello")
    body = {"physical_address": stats["physical_address"], "checksum": "c", "size_bytes": 5}
    api.ok("PUT", "R/branches/main/objects", body, path="b")
    assert api.read("b") == b"hello"
    foreign = api("PUT", "R/branches/main/objects", body | {"physical_address": "s3://b/k"}, path="c")
    assert foreign.status == 400
    assert (
        api("PUT", "R/branches/main/objects", body | {"physical_address": "local://b/k"}, path="c").status
        == 400
    )


def test_nothing_is_presigned(api: Any) -> None:
    api.put("a")
    assert api("GET", "R/refs/main/objects", path="a", presign="true").status == 400
    assert api("GET", "R/refs/main/objects/stat", path="a", presign="True").status == 400
    assert api("GET", "R/branches/main/staging/backing", path="a", presign="true").status == 500
    assert api("GET", "R/refs/main/objects", path="a", presign="False").status == 200


def test_listing(api: Any) -> None:
    for name in ("b", "a/1", "a/2", "a-", "Z", "a/x/y"):
        api.put(name)
    assert api.paths() == ["Z", "a-", "a/1", "a/2", "a/x/y", "b"]
    assert api.paths(delimiter="/") == ["Z", "a-", "a/", "b"]
    assert api.paths(prefix="a/", delimiter="/") == ["a/1", "a/2", "a/x/"]
    assert api.paths(after="a/1") == ["a/2", "a/x/y", "b"]
    assert api.paths(after="a/", delimiter="/") == ["b"]
    assert api.paths(after="a/1", delimiter="/") == ["a/", "b"]
    page = api.ok("GET", "R/refs/main/objects/ls", amount=2)
    assert page["pagination"] == {"has_more": True, "max_per_page": 1000, "next_offset": "a-", "results": 2}
    last = api.ok("GET", "R/refs/main/objects/ls", after="a/x/y")
    assert last["pagination"] == {"has_more": False, "max_per_page": 1000, "next_offset": "", "results": 1}
    prefix_row = api.ok("GET", "R/refs/main/objects/ls", delimiter="/", prefix="a/")["results"][2]
    assert prefix_row == {
        "path": "a/x/",
        "path_type": "common_prefix",
        "physical_address": "",
        "checksum": "",
        "mtime": 0,
    }


@pytest.mark.parametrize(
    ("amount", "status"), [("1001", 400), ("-2", 400), ("x", 400), ("-1", 200), ("0", 200)]
)
def test_amounts(api: Any, amount: str, status: int) -> None:
    assert api("GET", "R/branches", amount=amount).status == status


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"checksum": "a\r\nX-Bad: 1"}, "checksum"),
        ({"content_type": "text/html\r\n\r\n<script>"}, "content_type"),
        ({"content_type": "x" * 70_000}, "content_type"),
        ({"size_bytes": -1}, "size_bytes"),
        ({"size_bytes": 2**63}, "size_bytes"),
        ({"user_metadata": {"a": "\ud800"}}, "user_metadata"),
    ],
)
def test_descriptions_that_cannot_be_kept(api: Any, body: dict[str, Any], where: str) -> None:
    place = {"physical_address": "local://somewhere"}
    sent = {"staging": place, "checksum": "c", "size_bytes": 3} | body
    answer = api("PUT", "R/branches/main/staging/backing", sent, path="l")
    assert answer.status == 400
    assert where in answer.message
    assert api.paths() == []


def test_metadata_in_other_scripts(api: Any) -> None:
    stats = api.put("o", **{"x-lakefs-meta-name": "Zürich".encode().decode("latin-1")})
    assert stats["metadata"] == {"name": "Zürich"}


def test_a_full_disk_is_named(server: Server, api: Any) -> None:
    pages = server.lake.store.database.writer.execute("PRAGMA page_count").fetchone()[0]

    def limit(count: int) -> None:
        server.lake.store.write(lambda tx: tx.execute(f"PRAGMA max_page_count = {count}") and None)

    limit(pages)
    try:
        answers = [
            api("POST", "R/branches/main/objects", data=bytes(60_000) + bytes([number]), path=f"o{number}")
            for number in range(4)
        ]
    finally:
        limit(2**30)
    assert answers[-1].status == 507
    assert answers[-1].message == "no space left on the server's disk"
    api.put("again")
    assert api.read("again") == b"x"


@pytest.mark.parametrize("size", [0, 3, 1000])
def test_bytes_of_this_store_have_their_own_size_whatever_a_client_says(api: Any, size: int) -> None:
    address = api.put("o", b"twelve bytes")["physical_address"]
    sent = {"physical_address": address, "checksum": "c", "size_bytes": size}
    assert api.ok("PUT", "R/branches/main/objects", sent, path="staged")["size_bytes"] == 12
    linked = {"staging": {"physical_address": address}, "checksum": "c", "size_bytes": size}
    # Only addresses that were given for this branch and path can be linked.
    assert api("PUT", "R/branches/main/staging/backing", linked, path="linked").status == 400
    assert api.read("staged") == b"twelve bytes"

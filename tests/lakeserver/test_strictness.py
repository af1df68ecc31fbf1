"""Requests that lakeFS refuses, or reads in its own way, are refused and read so here."""

from __future__ import annotations

from typing import Any

import pytest

from mlops.lakeserver import Server

TOO_LONG = "z" * 1025


@pytest.mark.parametrize(
    "target",
    [
        "R/refs/main/objects/ls?amount=",
        "R/refs/main/objects/ls?presign=",
        "R/refs/main/objects/ls?user_metadata=",
        "R/refs/main/commits?limit=",
        "R/refs/main/commits?first_parent=",
        "R/refs/main/commits?prefixes=",
        "R/refs/main/commits?objects=a&objects=",
        "R/refs/main/diff/main?include_right_stats=",
        "R/refs/main/diff/main?type=",
        "R/branches?show_hidden=",
        "R/pulls?status=",
    ],
)
def test_a_parameter_that_is_there_has_a_value(api: Any, target: str) -> None:
    answer = api("GET", target)
    assert answer.status == 400
    assert "has an error" in answer.message


def test_a_parameter_that_is_not_used_is_checked_too(api: Any) -> None:
    objects = "R/branches/main/objects"
    assert api("DELETE", objects, path="a", no_tombstone="x").status == 400
    assert api("DELETE", objects, path="a", force="").status == 400
    assert api("POST", objects + "/delete", {"paths": []}, no_tombstone="x").status == 400
    assert api("POST", objects, data=b"x", path="a", storageClass="").status == 400


@pytest.mark.parametrize(
    ("method", "target", "body"),
    [
        ("POST", "R/branches/main/commits", {"message": "m", "metadata": None}),
        ("POST", "R/branches/main/commits", {"message": "m", "date": None}),
        ("POST", "R/refs/main/merge/main", {"message": None}),
        ("PUT", "R/branches/main", {"type": "reset", "path": None}),
        ("POST", "R/branches/main/revert", {"ref": "main", "parent_number": 0, "commit_overrides": None}),
        ("POST", "R/branches/main/cherry-pick", {"ref": "main", "parent_number": None}),
        (
            "POST",
            "R/pulls",
            {"title": "t", "source_branch": "a", "destination_branch": "b", "description": None},
        ),
        ("POST", "R/branches/main/import", {"paths": [], "commit": {"message": "m", "date": None}}),
        ("POST", "/repositories", {"name": "nulls", "storage_namespace": "local://n", "storage_id": None}),
    ],
)
def test_null_is_not_a_value(api: Any, method: str, target: str, body: Any) -> None:
    answer = api(method, target, body)
    assert answer.status == 400
    assert "Value is not nullable" in answer.message


def test_null_is_the_default_where_there_is_one(api: Any) -> None:
    assert api("POST", "R/branches", {"name": "b", "source": "main", "hidden": None}).status == 201
    assert api.merge("b", allow_empty=True, force=None).status == 200


@pytest.mark.parametrize(
    "body",
    [
        None,
        {},
        {"events": None},
        {"events": [{"class": "a", "name": "b"}]},
        {"events": [{"class": "a", "name": "b", "count": -1}]},
    ],
)
def test_invalid_statistics(api: Any, body: Any) -> None:
    assert api("POST", "/statistics", body).status == 400


def test_valid_statistics(api: Any) -> None:
    assert api("POST", "/statistics", {"events": [{"class": "a", "name": "b", "count": 1}]}).status == 204


@pytest.mark.parametrize(
    "raw",
    [
        b'{"message":"m","x":NaN}',
        b'\xef\xbb\xbf{"message":"m"}',
        '{"message":"m"}'.encode("utf-16"),
        b'{"message":"m","date":1.0}',
        b'{"message":"m","date":1e3}',
    ],
)
def test_what_go_does_not_read_as_json(api: Any, raw: bytes) -> None:
    api.put("a")
    sent = {"Content-Type": "application/json"}
    assert api("POST", "R/branches/main/commits", data=raw, headers=sent).status == 400


@pytest.mark.parametrize("kind", ["APPLICATION/JSON", "application/json ;x", "text/json", ""])
def test_bodies_of_another_type(api: Any, kind: str) -> None:
    answer = api("POST", "R/tags", {"id": "t", "ref": "main"}, headers={"Content-Type": kind})
    assert answer.status == 400
    assert "Content-Type has unexpected value" in answer.message


@pytest.mark.parametrize("name", ["prefix", "delimiter"])
def test_parts_of_paths_are_bounded_as_paths_are(api: Any, name: str) -> None:
    answer = api("GET", "R/refs/main/objects/ls", **{name: TOO_LONG})
    assert answer.status == 400
    assert answer.message.endswith("1025 is above maximum length (1024)")
    assert api("GET", "R/branches/main/diff", **{name: TOO_LONG}).status == 200
    assert api("PUT", "R/branches/main", {"type": "object", "path": TOO_LONG}).status == 400


@pytest.mark.parametrize(
    ("since", "status"),
    [
        ("2020-01-01T00:00:00", 400),
        ("2020-01-01 00:00:00Z", 400),
        ("2020-02-31T00:00:00Z", 400),
        ("2020-W01-1T00:00:00Z", 400),
        ("2020-01-01T00:00:00Z", 200),
        ("2020-01-01T00:00:00.123456789+02:00", 200),
        ("0000-01-01T00:00:00Z", 200),
        ("9999-12-31T23:59:59Z", 200),
        ("", 200),
    ],
)
def test_times(api: Any, since: str, status: int) -> None:
    assert api("GET", "R/refs/main/commits", since=since).status == status


def test_reverting(api: Any) -> None:
    api.put("a")
    api.commit()
    revert = "R/branches/main/revert"
    negative = api("POST", revert, {"ref": "main", "parent_number": -1})
    assert (negative.status, negative.message) == (
        400,
        "argument parentNumber: invalid value: validation error",
    )


def test_the_first_commit_of_an_empty_branch_has_nothing_to_revert(api: Any) -> None:
    answer = api("POST", "R/branches/main/revert", {"ref": "main", "parent_number": 0})
    assert (answer.status, answer.message) == (400, "update branch: no changes")
    allowed = {"ref": "main", "parent_number": 0, "allow_empty": True}
    assert api("POST", "R/branches/main/revert", allowed).status == 204
    assert api.ok("GET", "R/commits/main")["meta_range_id"] == ""


def test_a_branch_that_was_emptied_has_a_tree(api: Any) -> None:
    api.branch("b")
    api.put("a")
    api.commit()
    api.ok("DELETE", "R/branches/main/objects", path="a")
    assert api.commit()["meta_range_id"]
    assert api.merge("main", "b").status == 200
    assert api.ok("GET", "R/commits/b")["meta_range_id"] == api.ok("GET", "R/commits/main")["meta_range_id"]


def test_a_branch_with_a_dollar_sign_is_the_branch_with_its_uncommitted_changes(api: Any) -> None:
    api.put("committed")
    api.put("deleted")
    api.commit()
    api.put("staged")
    api.ok("DELETE", "R/branches/main/objects", path="deleted")
    assert api.paths("main$") == ["committed", "staged"]
    assert api("HEAD", "R/refs/main%24/objects", path="committed").status == 200
    assert api("HEAD", "R/refs/main%24/objects", path="deleted").status == 404


def test_a_list_that_goes_on_inside_a_common_prefix_shows_it(api: Any) -> None:
    for path in ("d/e/1", "d/e/3", "d/f"):
        api.put(path)
    bounds = {"prefix": "d/", "delimiter": "/"}
    assert api.paths(after="d/e/3", **bounds) == ["d/e/", "d/f"]
    assert api.paths(after="d/e/", **bounds) == ["d/f"]
    assert api.paths(after="d/e/4", **bounds) == ["d/f"]


def test_deleting_many_is_refused_path_by_path(api: Any) -> None:
    api.put("a")
    many = "R/branches/{}/objects/delete"
    errors = api.ok("POST", many.format("feat%2Fx"), {"paths": ["a", "b"]})["errors"]
    assert [(error["path"], error["status_code"]) for error in errors] == [("a", 500), ("b", 500)]
    assert errors[0]["message"] == "argument branch: branch id: invalid value: validation error"
    assert api.ok("POST", many.format("nosuch"), {"paths": ["a"]}) == {"errors": []}
    errors = api.ok("POST", many.format("main"), {"paths": ["a", TOO_LONG]})["errors"]
    assert [error["path"] for error in errors] == ["a", TOO_LONG]
    assert api.paths() == ["a"]
    assert api.ok("POST", many.format("main"), {"paths": ["", "a"]}) == {"errors": []}
    assert api.paths() == []


def test_addresses_are_linked_only_for_what_they_were_given(api: Any) -> None:
    place = api.ok("GET", "R/branches/main/staging/backing", path="l")

    def link(address: str, path: str = "l", branch: str = "main") -> Any:
        body = {"staging": {"physical_address": address}, "checksum": "c", "size_bytes": 3}
        return api("PUT", f"R/branches/{branch}/staging/backing", body, path=path)

    api.branch("other")
    invented = link(f"local://{api.repository}/data/x")
    assert (invented.status, invented.message) == (400, "address is not signed: link address invalid")
    address = place["physical_address"]
    assert link(address, path="another").status == 400
    assert link(address, branch="other").status == 400
    assert link(address[:-1] + ("0" if address[-1] != "0" else "1")).status == 400
    assert link(address.rpartition("/")[0] + "/../lake.sqlite").status == 400
    assert link(address).status == 200


def test_an_address_is_given_for_a_branch_that_is_still_to_be_made(api: Any) -> None:
    assert api("GET", "R/branches/nosuch/staging/backing", path="a").status == 200


@pytest.mark.parametrize(("sent", "kept"), [("v ", "v"), (" \tv\t ", "v"), ("a b", "a b"), ("", "")])
def test_white_space_around_a_header_is_not_part_of_it(api: Any, sent: str, kept: str) -> None:
    assert api.put("o", **{"x-lakefs-meta-k": sent})["metadata"] == {"k": kept}


def test_conditions(api: Any) -> None:
    stats = api.put("o")
    put = {"path": "o", "data": b"x"}
    assert api("POST", "R/branches/main/objects", headers={"If-None-Match": "* "}, **put).status == 412
    assert api("POST", "R/branches/main/objects", headers={"If-None-Match": ""}, **put).status == 400
    etag = f'"{stats["checksum"]}"'
    assert api("GET", "R/refs/main/objects", headers={"If-None-Match": etag + " "}, path="o").status == 304
    assert api("GET", "R/refs/main/objects", headers={"If-None-Match": ""}, path="o").status == 400


@pytest.mark.parametrize(
    "asked", ["bytes=0-9223372036854775808", "bytes=9223372036854775808-", f"bytes=-{2**63}"]
)
def test_ranges_beyond_what_lakefs_counts(api: Any, asked: str) -> None:
    api.put("o", b"0123456789")
    assert api("GET", "R/refs/main/objects", headers={"Range": asked}, path="o").status == 416
    assert api("HEAD", "R/refs/main/objects", headers={"Range": asked}, path="o").status == 416
    largest = {"Range": "bytes=0-9223372036854775807"}
    assert api("GET", "R/refs/main/objects", headers=largest, path="o").status == 206


@pytest.mark.parametrize("kind", ["not a type", "a/b;c", "a/", "/", "a/b;c=1;c=2", 'a/b;c="', "é/x"])
def test_an_upload_has_a_content_type_or_none(api: Any, kind: str) -> None:
    sent = {"Content-Type": kind.encode().decode("latin-1")}
    answer = api("POST", "R/branches/main/objects", data=b"x", headers=sent, path="o")
    assert answer.status == 400
    assert "is not a content type" in answer.message
    assert api.paths() == []


@pytest.mark.parametrize("kind", ["", "text", "text/plain;", 'text/plain; charset="utf-8" ; a=b'])
def test_content_types_that_lakefs_takes(api: Any, kind: str) -> None:
    api.put("o", **{"Content-Type": kind})
    shown = api("HEAD", "R/refs/main/objects", path="o").headers["Content-Type"]
    assert shown == (kind or "application/octet-stream")


def test_a_part_without_a_type(api: Any) -> None:
    part = b'--B\r\nContent-Disposition: form-data; name="content"\r\n\r\nhello\r\n--B--\r\n'
    sent = {"Content-Type": "multipart/form-data; boundary=B"}
    assert api.ok("POST", "R/branches/main/objects", data=part, headers=sent, path="o")["content_type"] == ""
    assert api.ok("GET", "R/refs/main/objects/stat", path="o")["content_type"] == "application/octet-stream"


def test_only_objects_can_be_presigned(api: Any) -> None:
    api.put("d/a")
    assert api("GET", "R/refs/main/objects/ls", presign="true").status == 400
    assert api("GET", "R/refs/main/objects/ls", presign="true", delimiter="/").status == 200
    assert api("GET", "R/refs/main/objects/ls", presign="true", prefix="z").status == 200
    assert api("GET", "R/refs/nosuch/objects/ls", presign="true").status == 404


def test_the_storage_class_is_unknown(api: Any) -> None:
    api.put("a")
    assert api.ok("GET", "R/refs/main/objects/underlyingProperties", path="a") == {"storage_class": None}


def test_who_asks(server: Server, api: Any, new_api: Any) -> None:
    nobody = new_api(server.url, credentials=None)
    assert nobody.ok("GET", "/user") == {"user": {"id": "", "creation_date": 0}}
    assert nobody("GET", "/user", headers={"Authorization": "Basic eDp5"}).status == 401
    assert nobody("GET", "/user", headers={"Cookie": "internal_auth_session=x"}).status == 401
    assert nobody("POST", "/auth/login").status == 401
    assert api.ok("GET", "/user")["user"]["creation_date"] > 1_700_000_000


def test_a_read_only_repository_shares_a_namespace(api: Any) -> None:
    namespace = f"local://{api.repository}"
    body = {"name": f"{api.repository}-ro", "storage_namespace": namespace}
    assert api("POST", "/repositories", body).status == 400
    assert api("POST", "/repositories", body | {"read_only": True}).status == 201
    empty = api("POST", "/repositories", {"name": f"{api.repository}-e", "storage_namespace": "local://"})
    assert empty.status == 400


def test_a_repository_with_any_tag_can_be_restored(api: Any, new_api: Any, server: Server) -> None:
    for tag in ("v~1", "~", "t\x7f"):
        api.ok("POST", "R/tags", {"id": tag, "ref": "main"})
    parts = api.ok("PUT", "R/refs/dump")
    name = f"{api.repository}-copy"
    copy = new_api(server.url, name)
    copy.ok("POST", "/repositories", {"name": name, "storage_namespace": f"local://{name}"}, bare="true")
    assert copy("PUT", "R/refs/restore", parts).status == 200
    assert [row["id"] for row in copy.ok("GET", "R/tags")["results"]] == ["t\x7f", "v~1", "~"]

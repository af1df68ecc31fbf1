"""Random requests about objects: uploading, reading, listing, linking, deleting."""

from __future__ import annotations

from tests.contract.fuzz import vocabulary as words
from tests.contract.fuzz.maker import Maker, R
from tests.contract.fuzz.wire import segment


def upload(maker: Maker) -> None:
    """Upload an object from a raw body."""
    dice = maker.dice
    # The names of headers are ASCII; what they say need not be.
    headers = {f"x-lakefs-meta-{key}": value for key, value in maker.metadata().items() if key.isascii()}
    if dice.maybe(0.8):
        headers["Content-Type"] = dice.one(words.TYPES, words.ODD_TYPES)
    if dice.maybe(0.1):
        headers["If-None-Match"] = dice.one(("*",), ("* ", "", '"x"'))
    if dice.maybe(0.02):
        headers["If-Match"] = dice.choice(["*", "", '"x"'])
    query = {"path": maker.path(), "force": maker.flag(0.05)}
    if dice.maybe(0.05):
        query["storageClass"] = dice.choice(["", "STANDARD"])
    maker.add(
        "uploadObject",
        "POST",
        f"{maker.branch_path()}/objects",
        dice.choice(words.CONTENTS),
        query=query,
        headers=headers,
        makes=("address", "checksum"),
    )


def upload_form(maker: Maker) -> None:
    """Upload an object as a form."""
    dice = maker.dice
    name = dice.one(("content",), ("other", ""))
    kind = dice.one(("", "Content-Type: text/x\r\n"), ("Content-Type: \r\n", "content-type: a b \r\n"))
    part = f'--B\r\nContent-Disposition: form-data; name="{name}"; filename="f"\r\n{kind}\r\n'.encode()
    end = dice.one((b"\r\n--B--\r\n",), (b"", b"\r\n--B--", b"\r\n--B\r\n"))
    maker.add(
        "uploadObject",
        "POST",
        f"{maker.branch_path()}/objects",
        part + dice.choice(words.CONTENTS) + end,
        query={"path": maker.path()},
        headers={"Content-Type": "multipart/form-data; boundary=B"},
        makes=("address", "checksum"),
    )


def read(maker: Maker) -> None:
    """Read an object, or its headers."""
    dice = maker.dice
    headers = {}
    if dice.maybe(0.4):
        headers["Range"] = dice.one(words.RANGES, words.ODD_RANGES)
    method = dice.choice(["GET", "GET", "HEAD"])
    if method == "GET" and dice.maybe(0.15):
        known = maker.earlier("checksum")
        headers["If-None-Match"] = (
            f'"{known}"' if known and dice.maybe(0.7) else dice.choice(["*", "", '"x"'])
        )
    query = {"path": maker.path(), "presign": maker.flag(0.04) if method == "GET" else None}
    name = "getObject" if method == "GET" else "headObject"
    maker.add(name, method, f"{R}/refs/{segment(maker.ref())}/objects", query=query, headers=headers)


def stat(maker: Maker) -> None:
    """Describe an object."""
    query = {"path": maker.path(), "user_metadata": maker.flag(), "presign": maker.flag(0.04)}
    name = maker.dice.one(("stat",), ("underlyingProperties",))
    operation = "statObject" if name == "stat" else "getUnderlyingProperties"
    query = query if name == "stat" else {"path": query["path"]}
    maker.add(operation, "GET", f"{R}/refs/{segment(maker.ref())}/objects/{name}", query=query)


def list_objects(maker: Maker) -> None:
    """List objects."""
    query = maker.page(delimiter=True) | {"user_metadata": maker.flag(0.1), "presign": maker.flag(0.03)}
    maker.add("listObjects", "GET", f"{R}/refs/{segment(maker.ref())}/objects/ls", query=query)


def delete(maker: Maker) -> None:
    """Delete an object."""
    query = {"path": maker.path(), "force": maker.flag(0.1), "no_tombstone": maker.flag(0.1)}
    maker.add("deleteObject", "DELETE", f"{maker.branch_path()}/objects", query=query)


def delete_many(maker: Maker) -> None:
    """Delete objects."""
    paths = [maker.path() for _ in range(maker.dice.randrange(5))]
    maker.add(
        "deleteObjects",
        "POST",
        f"{maker.branch_path()}/objects/delete",
        {"paths": paths},
        query={"force": maker.flag(0.1), "no_tombstone": maker.flag(0.1)},
    )


def copy(maker: Maker) -> None:
    """Copy an object."""
    body = maker.fields({"src_path": maker.path()}, src_ref=maker.ref(), force=maker.dice.maybe())
    if maker.dice.maybe(0.03):
        body["shallow"] = True
    query = {"dest_path": maker.path()}
    maker.add(
        "copyObject", "POST", f"{maker.branch_path()}/objects/copy", body, query=query, makes=("address",)
    )


def set_metadata(maker: Maker) -> None:
    """Replace an object's metadata."""
    target = f"{maker.branch_path()}/objects/stat/user_metadata"
    maker.add(
        "updateObjectUserMetadata", "PUT", target, {"set": maker.metadata()}, query={"path": maker.path()}
    )


def link(maker: Maker) -> None:
    """Ask for an address, or link one that was never given."""
    dice, target, path = maker.dice, f"{maker.branch_path()}/staging/backing", maker.path()
    if dice.maybe():
        query = {"path": path, "presign": maker.flag(0.1)}
        maker.add("getPhysicalAddress", "GET", target, query=query)
        return
    address = "local://⟦repository⟧/data/x"
    body = maker.fields(
        {
            "staging": {"physical_address": address},
            "checksum": dice.one(("c", '"c"'), ("", '""')),
            "size_bytes": 3,
        },
        user_metadata=maker.metadata(),
        content_type=dice.choice(words.TYPES),
        mtime=1_400_000_000,
        force=dice.maybe(),
    )
    headers = {"If-None-Match": "*"} if dice.maybe(0.2) else {}
    maker.add("linkPhysicalAddress", "PUT", target, body, query={"path": path}, headers=headers)


def stage(maker: Maker) -> None:
    """Make an object of the bytes at an address."""
    address = maker.earlier("address") or "s3://bucket/key"
    body = maker.fields(
        {"physical_address": address, "checksum": "c", "size_bytes": 5},
        metadata=maker.metadata(),
        content_type=maker.dice.choice(words.TYPES),
        mtime=1_400_000_000,
    )
    maker.add("stageObject", "PUT", f"{maker.branch_path()}/objects", body, query={"path": maker.path()})


def preflight(maker: Maker) -> None:
    """Ask whether an upload is allowed."""
    target = f"{maker.branch_path()}/objects/stage_allowed"
    maker.add("uploadObjectPreflight", "GET", target, query={"path": maker.path()})


WEIGHTS = {
    upload: 18,
    upload_form: 2,
    read: 8,
    stat: 4,
    list_objects: 8,
    delete: 5,
    delete_many: 2,
    copy: 3,
    set_metadata: 2,
    link: 2,
    preflight: 0.3,
}

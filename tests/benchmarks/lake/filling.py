"""Repositories of up to a million objects in a minute, with the same paths on both sides."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.request import Request, urlopen

from mlops.adapters.lake.credentials import Credentials
from mlops.lakeserver.operations import repositories
from mlops.lakeserver.operations.heads import move_head
from mlops.lakeserver.operations.lake import Lake, branch
from mlops.lakeserver.store import Store
from mlops.lakeserver.store.records import Commit
from mlops.lakeserver.trees.entries import Entry, encode, identity
from mlops.lakeserver.trees.nodes import Item
from mlops.lakeserver.trees.tree import build
from tests.benchmarks.lake.raw import RawClient, Refused

_PER_FOLDER = 1_000
_IMPORT_S = 600.0


def path_of(number: int) -> str:
    """Return the path of an object by its number."""
    folder, file = divmod(number, _PER_FOLDER)
    return f"raw/{folder:04d}/{file:04d}.parquet"


def fill_store(directory: Path, sizes: Mapping[str, int]) -> None:
    """Make a store with repositories by name, each with a commit of so many empty objects on `main`."""
    store = Store(directory, durable=False)
    try:
        lake = Lake(store, clock=time.time)
        with store.blobs.upload() as upload:
            upload.finish()
            store.write(lambda tx: upload.store(tx, store.blobs))
            digest, checksum = upload.digest, upload.checksum
        for name, size in sizes.items():
            _fill_repository(lake, name, size, digest, checksum)
    finally:
        store.close()


def _fill_repository(lake: Lake, name: str, size: int, digest: bytes, checksum: str) -> None:
    def items() -> Iterator[Item]:
        for number in range(size):
            nonce = number.to_bytes(10, "big")
            entry = Entry(digest, 0, checksum, lake.now(), nonce=nonce)
            yield Item(path_of(number).encode(), identity(entry), encode(entry))

    repo = repositories.create(lake, name, f"local://{name}", "main")
    head = branch(lake.store.database.reader.execute, repo, "main")
    nodes = lake.store.new_nodes()
    tree = build(nodes, items())
    commit = Commit(tree, (head.commit_id,), 2, lake.now_ns(), "bench", f"Bring {size} objects")
    move_head(lake, repo, head, commit, nodes, drop_staged=0)


def make_source(source: Path, count: int) -> None:
    """Make a folder with so many empty files, those of one folder inside being links to one file."""
    for folder in range(-(-count // _PER_FOLDER)):
        inside = source / f"{folder:04d}"
        inside.mkdir(parents=True)
        first = inside / "0000.parquet"
        first.touch()
        for file in range(1, _PER_FOLDER):
            os.link(first, inside / f"{file:04d}.parquet")


def import_into(credentials: Credentials, name: str, source: Path, count: int) -> None:
    """Make a repository on a real lakeFS and import the files of the first folders into `main`.

    Raises:
        Refused: The import failed.
    """
    create_repository(credentials, name)
    folders = [f"{folder:04d}" for folder in range(-(-count // _PER_FOLDER))]
    paths = [
        {"path": f"local://{source.absolute()}/{folder}/", "destination": f"raw/{folder}/"}
        for folder in folders
    ]
    body = {
        "paths": [path | {"type": "common_prefix"} for path in paths],
        "commit": {"message": f"Bring {count} objects"},
    }
    with RawClient(credentials, name) as client:
        job = client.call("POST", "/branches/main/import", body)["id"]
        until = time.monotonic() + _IMPORT_S
        while not (status := client.call("GET", "/branches/main/import", id=job)).get("completed"):
            if status.get("error") or time.monotonic() > until:
                raise Refused(f"import into {name}: {json.dumps(status)[:500]}")
            time.sleep(0.2)
        if status.get("ingested_objects") != count:
            raise Refused(f"import into {name}: {json.dumps(status)[:500]}")


def create_repository(credentials: Credentials, name: str) -> None:
    """Make an empty repository."""
    import base64

    pair = f"{credentials.access_key_id}:{credentials.secret_access_key}"
    request = Request(  # noqa: S310 - a server of this benchmark
        f"{credentials.endpoint}/api/v1/repositories",
        json.dumps({"name": name, "storage_namespace": f"local://{name}"}).encode(),
        {
            "Authorization": "Basic " + base64.b64encode(pair.encode()).decode(),
            "Content-Type": "application/json",
        },
    )
    with urlopen(request, timeout=60) as answer:  # noqa: S310
        answer.read()

"""The means of somebody with the lake's key: any commit, and `main` moved past its protection."""

from __future__ import annotations

import base64
import dataclasses
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from mlops.runs import names
from mlops.runs.digest import canonical
from mlops.runs.errors import LakeDenied
from mlops.runs.main.state import promotions
from mlops.runs.ports import Commit, Lake
from mlops.runs.record.seen import Seen
from mlops.runs.statements import PAYLOAD_TYPE, signed_bytes
from tests.support.keys import signer_and_trust
from tests.support.memory_lake import MemoryLake
from tests.support.protocol import World

STATEMENT = names.STATEMENT_KEY
RAW = names.raw_path("flights", "2013-09")

#: Lifted protection is known to a real lakeFS some seconds later.
_PATIENCE_S = 12.0
FORGER, _ = signer_and_trust(13)


@dataclass
class MemorySeen:
    """A witness in memory."""

    name: str = "the state folder"
    keeps_tags: bool = True
    seen: Seen | None = None

    def read(self) -> Seen | None:
        return self.seen

    def write(self, seen: Seen) -> None:
        self.seen = seen


def without_key(world: World) -> World:
    """Return the world as somebody has it who has no key that signs."""
    return dataclasses.replace(world, ports=dataclasses.replace(world.ports, signer=None, witnesses=()))


def newest(world: World) -> Commit:
    """Return the newest promotion that `main` stands on."""
    return next(promotions(world.lake, world.lake.head(names.MAIN)))


def made(
    world: World,
    metadata: Mapping[str, str],
    files: Mapping[str, bytes] | None = None,
    *,
    onto: str = "",
    message: str = "by hand",
) -> str:
    """Return a commit on a branch of its own that says anything the forger likes."""
    lake, branch = world.lake, f"forged-{world.ports.nonce()}"
    lake.create_branch(branch, onto or lake.head(names.MAIN))
    for path, data in (files or {}).items():
        lake.write(branch, path, data)
    return lake.commit(branch, message, metadata, allow_empty=True)


def move_main(lake: Lake, commit: str) -> None:
    """Put `main` at a commit, past its protection, and protect it again."""
    rules, end = lake.protection(), time.monotonic() + _PATIENCE_S
    lake.protect([], rules.version)
    while True:
        try:
            lake.hard_reset(names.MAIN, commit)
            break
        except LakeDenied:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)
    lake.protect([names.MAIN], lake.protection().version)


@contextmanager
def unguarded(lake: Lake) -> Iterator[None]:
    """Let the lake in memory refuse nothing; a server goes on refusing what its actions say."""
    if not isinstance(lake, MemoryLake):
        yield
        return
    kept = lake.enforcer, lake.hook
    lake.enforcer = lake.hook = None
    try:
        yield
    finally:
        lake.enforcer, lake.hook = kept


def put(world: World, metadata: Mapping[str, str], files: Mapping[str, bytes], **how: Any) -> str:
    """Make a forged commit and put `main` there."""
    commit = made(world, metadata, files, **how)
    move_main(world.lake, commit)
    return commit


def resigned(envelope: str, **changes: Any) -> str:
    """Return an envelope whose predicate says something else, with the signatures it had."""
    value = json.loads(envelope)
    payload = json.loads(base64.b64decode(value["payload"]))
    payload["predicate"].update(changes)
    value["payload"] = base64.b64encode(canonical(payload)).decode()
    return canonical(value).decode()


def own_signature(envelope: str) -> str:
    """Return an envelope with a valid signature by the forger's own key."""
    value = json.loads(envelope)
    signature = FORGER.sign(signed_bytes(base64.b64decode(value["payload"])))
    entry = {"keyid": FORGER.key_id, "sig": base64.b64encode(signature).decode()}
    return canonical({**value, "payloadType": PAYLOAD_TYPE, "signatures": [entry]}).decode()

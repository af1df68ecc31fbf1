"""What the shipped actions refuse besides merges: commits on `main`, tags that the record must not lose."""

from __future__ import annotations

import json
from typing import Any

from mlops.runs import names
from mlops.runs.errors import Unlawful
from tests.support.enforcer_merge import read_json, read_optional
from tests.support.memory_lake import MemoryLake

#: Each kind of record tag, and the object in which its commit names the run.
_OWNERS = {
    "promotion-": names.CHAMPION,
    "rolledback-": names.CHAMPION,
    "decision-": names.DECISION,
}


def refuse_direct(lake: MemoryLake, event: str, name: str, commit: str) -> None:
    """Refuse a commit on `main`, and tags that the record must not lose, as the shipped actions do.

    Args:
        lake: The lake.
        event: ``pre-commit``, ``pre-create-tag`` or ``pre-delete-tag``.
        name: The branch or the tag.
        commit: The branch's head, or the commit that is tagged; the actions are read there.
    """
    actions = f"{names.ACTIONS}{'direct' if event == 'pre-commit' else 'tags'}.yaml"
    if read_optional(lake, commit, actions) is None:
        return
    if event == "pre-commit" and name == names.MAIN:
        raise Unlawful("nothing is committed on main itself")
    if event == "pre-create-tag":
        _create_tag(lake, name, commit)
    if event == "pre-delete-tag":
        _delete_tag(lake, name, commit)


def _create_tag(lake: MemoryLake, tag: str, commit: str) -> None:
    on_main = read_optional(lake, lake.head(names.MAIN), names.CHAMPION)
    if tag == names.CHAMPION_TAG and (
        on_main is None or read_optional(lake, commit, names.CHAMPION) != on_main
    ):
        raise Unlawful(f"main holds another champion than {commit}")
    if on_main is not None and tag == f"forgotten-{json.loads(on_main)['run_id']}":
        raise Unlawful("is what main holds; promote another one first")
    if on_main is not None and tag == f"rejected-{json.loads(on_main)['run_id']}":
        raise Unlawful("is what main holds; it is rolled back, not rejected")
    if tag.startswith("forgotten-") and not _request(lake, commit, tag.removeprefix("forgotten-")):
        raise Unlawful(f"{tag} names no request to forget that run at {commit}")
    if tag.startswith("settled-"):
        record = read_optional(lake, commit, names.ROLLBACK)
        tagged = lake.tags().get(tag.replace("settled-", "rolledback-"))
        if record is None or tagged is None or read_optional(lake, tagged, names.ROLLBACK) != record:
            raise Unlawful(f"{tag} says that a rollback is over which is not on record at {commit}")


def _is_resumed(lake: MemoryLake, number: int) -> bool:
    tags = lake.tags()
    while names.resumed_tag(number) not in tags:
        number += 1
        if names.promotion_tag(number) not in tags and names.rollback_tag(number) not in tags:
            return False
    return True


def _request(lake: MemoryLake, commit: str, run: str) -> dict[str, Any]:
    """Return the request to forget a run at a commit; nothing where that holds something else."""
    found = (read_json(lake, commit, "forgotten.json") if commit else None) or {}
    return found if found.get("run_id") == run else {}


def _delete_tag(lake: MemoryLake, tag: str, commit: str) -> None:
    if tag == names.HOLD_TAG:
        record = read_json(lake, commit, names.ROLLBACK)
        if record and not _is_resumed(lake, record["number"]):
            raise Unlawful("the hold goes only by `mlops resume`, which puts the reason on record first")
        return
    if tag.startswith("forgotten-"):
        raise Unlawful(f"{tag} is kept: it records what was forgotten")
    run = None
    for prefix in ("revoked-", "restored-"):
        if tag.startswith(prefix):
            run = tag.removeprefix(prefix)
    if tag.startswith(("writtenoff-", "settled-", "validated-", "resumed-", "rejected-")):
        run = ""
    for prefix, path in _OWNERS.items():
        if tag.startswith(prefix):
            run = (read_json(lake, commit, path) or {}).get("run_id", "")
    forgotten = _request(lake, lake.tags().get(f"forgotten-{run}", ""), run or "")
    if run is not None and tag not in forgotten.get("tags", []):
        raise Unlawful(f"{tag} is a record; it goes only with the run it belongs to")

"""Versions of a pipeline's data: promotions counted from ``v1`` on, and the tags that name them.

A version is a promotion. Its number counts the promotions before it, those that a rollback dropped included,
so that it never changes and is never given twice. The tags ``v1``, ``v2``, … are caches for people and their
tools: commands find a version by the record tags of promotions.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from mlops.runs import names
from mlops.runs.errors import Conflict, NotFound
from mlops.runs.main.event_log import Forgotten, Promoted, read_event_log
from mlops.runs.main.state import champion_of, read_optional
from mlops.runs.ports import Lake

#: More events than there can be.
_ALL = 10**9


@dataclass(frozen=True)
class Version:
    """A version of the data.

    Attributes:
        name: ``v1`` for the first promotion, and so on.
        event: The promotion, or the request by which its run was forgotten.
    """

    name: str
    event: Promoted | Forgotten


def versions(lake: Lake) -> list[Version]:
    """Return all versions, the first one first; dropped and forgotten ones count."""
    events, _ = read_event_log(lake, _ALL)
    promoted = sorted(
        (event for event in events if isinstance(event, Promoted | Forgotten)), key=lambda event: event.number
    )
    return [Version(names.version_tag(place), event) for place, event in enumerate(promoted, 1)]


def is_data_alone(lake: Lake) -> bool:
    """Return whether `main` holds a version of data without a model."""
    data = read_optional(lake, lake.head(names.MAIN), names.CHAMPION)
    return data is not None and not champion_of(data, names.MAIN).has_model


def promotion_number(lake: Lake, version: str) -> int:
    """Return the number of the promotion that a version such as ``v2`` is.

    Raises:
        NotFound: There is no such version.
    """
    found = _named(lake.tags()).get(version)
    if found is None:
        raise NotFound("there is no such version", where=version, todo="`mlops versions` lists them")
    return found[0]


def tag_versions(lake: Lake) -> list[str]:
    """Set the tag of every version to its promotion; return a line for each that was not there."""
    tags, done = lake.tags(), list[str]()
    for tag, (_, commit) in _named(tags).items():
        if tags.get(tag) == commit:
            continue
        if tag in tags:
            with suppress(NotFound):
                lake.delete_tag(tag)
        with suppress(Conflict):  # another process is doing the same
            lake.create_tag(tag, commit)
            done.append(f"tagged {commit[:12]} as {tag}")
    return done


def _named(tags: Mapping[str, str]) -> dict[str, tuple[int, str]]:
    """Return version to number and commit of its promotion, from the record tags."""
    promoted = sorted((names.event_number(t) or 0, c) for t, c in tags.items() if names.is_promotion_tag(t))
    return {names.version_tag(place): found for place, found in enumerate(promoted, 1)}

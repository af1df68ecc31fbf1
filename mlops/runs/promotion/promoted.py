"""Promotions on `main`, looked up in the lake alone.

Neither tags nor the tracker are used: both can be changed by hand. A promotion that was rolled back is not
found any more, whether the rollback reset `main` or made a new commit.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mlops.runs import names
from mlops.runs.errors import Corrupt, NotFound
from mlops.runs.main.state import champion_of, promotions, read_optional
from mlops.runs.ports import Commit, Lake
from mlops.runs.records import Champion, ObjectRecord


@dataclass(frozen=True)
class Promoted:
    """A promotion that `main` is based on.

    Attributes:
        commit: The commit of `main`.
        champion: Its ``champion.json``.
    """

    commit: Commit
    champion: Champion

    def objects(self, prefix: str) -> tuple[ObjectRecord, ...]:
        """Return the records of the promotion's objects below a prefix."""
        return tuple(record for record in self.champion.objects if record.path.startswith(prefix))


#: Raises a `MlopsError` where a promotion is not vouched for; called before anything of it is used.
Verify = Callable[[Lake, Promoted], None]


def unverified(_lake: Lake, _promoted: Promoted) -> None:
    """Accept every promotion on `main` without verification."""


def current(lake: Lake, verify: Verify = unverified) -> Promoted:
    """Return the current promotion.

    Raises:
        NotFound: Nothing was promoted yet, or there is no such repository.
        Corrupt: The record on `main` is not the one of its promotion.
    """
    head = lake.head(names.MAIN)
    served = read_optional(lake, head, names.CHAMPION)
    if served is None:
        raise NotFound("main holds no champion", where=lake.repository, todo="`mlops run` promotes one")
    commit = next(promotions(lake, head), None)
    if commit is None:
        raise Corrupt(
            "main holds a champion that does not belong to a promotion", where=head[:12], todo="mlops audit"
        )
    found = _read(lake, commit)
    if lake.read(commit.id, names.CHAMPION) != served:
        raise Corrupt(
            f"is not the record of promotion {found.champion.number}",
            where=f"{head[:12]}:{names.CHAMPION}",
            todo="mlops audit",
        )
    verify(lake, found)
    return found


def numbered(lake: Lake, number: int, verify: Verify = unverified) -> Promoted:
    """Return promotion ``number``.

    Raises:
        NotFound: There is none, or it was rolled back.
        Corrupt: Its record belongs to another promotion.
    """
    for commit in promotions(lake, lake.head(names.MAIN)):
        if commit.metadata.get("number") == str(number):
            found = _read(lake, commit)
            verify(lake, found)
            return found
    was_there = names.promotion_tag(number) in lake.tags(names.promotion_tag(number)) if number > 0 else False
    raise NotFound(
        f"promotion {number} was rolled back" if was_there else f"there is no promotion {number}",
        where=lake.repository,
        todo="`mlops log` lists them",
    )


class PromotedBytes:
    """Look-up of the promotion that an object belongs to, by SHA-256 alone.

    Args:
        lake: The repository.
        near: The commit that the object was read at; if it is a promotion, it is searched first.
        verify: Verifies a promotion before it is used.
    """

    def __init__(self, lake: Lake, near: str = "", verify: Verify = unverified) -> None:
        self._lake = lake
        self._near = near
        self._verify = verify
        self._rest: Iterator[Commit] | None = None
        self._known: dict[str, Promoted] = {}
        # MLflow fetches the files of a model by several threads.
        self._lock = threading.Lock()

    def holder(self, sha256: str) -> Promoted | None:
        """Return a promotion with an object of this SHA-256; None where no promotion on `main` has one."""
        with self._lock:
            if self._rest is None:
                self._rest = self._ordered()
            while sha256 not in self._known:
                commit = next(self._rest, None)
                if commit is None:
                    return None
                self._learn(_read(self._lake, commit))
            return self._known[sha256]

    def _learn(self, found: Promoted) -> None:
        self._verify(self._lake, found)
        for record in found.champion.objects:
            self._known.setdefault(record.sha256, found)

    def _ordered(self) -> Iterator[Commit]:
        commits = list(promotions(self._lake, self._lake.head(names.MAIN)))
        yield from sorted(commits, key=lambda commit: commit.id != self._near)


def _read(lake: Lake, commit: Commit) -> Promoted:
    champion = champion_of(lake.read(commit.id, names.CHAMPION), commit.id)
    stated = (str(champion.number), champion.run_id, champion.evidence_commit)
    if stated != tuple(commit.metadata.get(key) for key in ("number", "run_id", "evidence_commit")):
        raise Corrupt(
            "does not describe the promotion in its commit",
            where=f"{commit.id[:12]}:{names.CHAMPION}",
            todo="mlops audit",
        )
    return Promoted(commit, champion)

"""Guards that can be taken away, one by one, without touching the code that asks them.

A guard of the enforcer is left out by its name. A guard of the core compares something that the lake says;
it is taken away by letting that process see in the lake what lets it pass. A rule that both ask is taken
away in both places: what each place would do alone is told by `Rule.places`.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from mlops.runs import names
from mlops.runs.digest import document
from mlops.runs.errors import Conflict, NotFound
from mlops.runs.ports import Commit
from tests.model.lake import ANY_VERSION, ModelLake
from tests.model.program import Program, Segment
from tests.model.seen import ActorLake
from tests.support.enforcer import Enforcer, refuse_direct
from tests.support.memory_lake import MemoryLake

#: Tags that a lie hides.
HIDES = {
    "sees no hold": "hold",
    "sees no revoked runs": "revoked-",
    "sees no rejected runs": "rejected-",
    "sees no dropped arrivals": "rolledback-",
}


class LyingLake(ActorLake):
    """The lake as a process sees it whose guards let everything pass."""

    _champion_at: str = ""
    _policy: bytes = b""
    _head: str = ""
    _first_head: str = ""

    def _lies(self, lie: str) -> bool:
        return lie in self.program.lies

    def tags(self, prefix: str = "") -> dict[str, str]:
        hidden = tuple(tags for lie, tags in HIDES.items() if self._lies(lie))
        found = super().tags(prefix)
        if self._lies("claims no look"):
            found = {**found, **self._own_look()}
        if self._lies("sees everything settled") and not _rolls_back(self.segment):
            numbers = [names.event_number(tag) or 0 for tag in found if names.is_rollback_tag(tag)]
            found = {**found, **{names.settled_tag(n): found[names.rollback_tag(n)] for n in numbers}}
        asked_by = sys._getframe(1).f_code.co_name
        if self._lies("sees nothing settled") and asked_by in {"reset_main", "_reset"}:
            hidden = (*hidden, "settled-")
        if self._lies("makes its branch unasked") and asked_by == "_reset":
            hidden = (*hidden, "settled-")
        return {tag: commit for tag, commit in found.items() if not hidden or not tag.startswith(hidden)}

    def create_tag(self, tag: str, commit: str) -> None:
        if tag.startswith("revoked-") and self._lies("revokes nothing"):
            return
        if tag == names.HOLD_TAG and self._lies("holds nothing"):
            return
        if tag.startswith("decision-") and self._lies("claims no look"):
            with suppress(Conflict):
                super().create_tag(tag, commit)
            return
        super().create_tag(tag, commit)

    def _own_look(self) -> dict[str, str]:
        """Return the tag of the look that this run's decision says it took."""
        head = getattr(self.value, "head", "")
        metadata = self.own.commit_of(head).metadata if head else {}
        tag = metadata.get("decision_tag", "")
        return {tag: metadata.get("evidence_commit", head)} if tag else {}

    def branches(self, prefix: str = "") -> dict[str, str]:
        found = super().branches(prefix)
        if self._lies("withdraws no reset") and sys._getframe(1).f_code.co_name == "withdraw_resets":
            return {}
        if self._lies("sees no later attempts") and any(b in self.own._branches for b in found):
            return {b: c for b, c in found.items() if b in self.own._branches}
        return found

    def log(self, ref: str) -> Iterator[Commit]:
        value = self.value
        for commit in super().log(ref):
            mine = value is not None and commit.metadata.get("run_id") == getattr(value, "run_id", "")
            if mine and self._lies("forgets its promotion"):
                yield dataclasses.replace(commit, metadata={**commit.metadata, "run_id": ""})
            else:
                yield commit
        if self._lies("sees its fork everywhere") and not _rolls_back(self.segment):
            yield self.own.commit_of(getattr(value, "fork", "") or self._first_head)

    def head(self, branch: str) -> str:
        if branch != names.MAIN:
            return super().head(branch)
        asked_by = sys._getframe(1).f_code.co_name
        if self._lies("looks at main once") and asked_by == "reconcile":
            return self._head
        self._head = super().head(branch)
        self._first_head = self._first_head or self._head
        if self._lies("compares with the tag"):
            self._champion_at = self._ask("tags", ("champion",))["champion"]
        return self._head

    def protect(self, patterns: Sequence[str], version: str) -> None:
        super().protect(patterns, ANY_VERSION if self._lies("changes rules unread") else version)

    def read(self, ref: str, path: str) -> bytes:
        of_champion = path == names.CHAMPION or path.startswith(names.MODEL)
        if ref == self._head and of_champion:
            if self._lies("remembers the champion"):
                self._champion_at = self._champion_at or self._remembered(ref)
            ref = self._champion_at or ref
        frozen = path == names.ROLLBACK and sys._getframe(2).f_code.co_name == "read_main"
        if frozen and self._lies("sees no rollback") and not _rolls_back(self.segment):
            raise NotFound("no such object", where=path)
        data = super().read(ref, path)
        if path == names.POLICY and self._lies("remembers the policy"):
            self._policy = self._policy or self._policy_decided_by() or data
            return self._policy
        if path == names.CHAMPION and ref == self._head and self._lies("forgets its promotion"):
            return self._of_somebody_else(data)
        return data

    def _of_somebody_else(self, data: bytes) -> bytes:
        """Return a ``champion.json`` without the run that this process works on, where it is of that one."""
        import json

        champion = json.loads(data)
        if self.value is None or champion["run_id"] != getattr(self.value, "run_id", ""):
            return data
        return document({**champion, "run_id": ""})

    def _remembered(self, ref: str) -> str:
        """Return the commit of the champion that the decision on record names."""
        return self._decided().get("compared_to", {}).get("commit", ref)

    def _policy_decided_by(self) -> bytes:
        at = self._decided().get("compared_to", {}).get("commit", "")
        return self.own.read(at, names.POLICY) if at else b""

    def _decided(self) -> dict[str, dict[str, str]]:
        import json

        head = getattr(self.value, "head", "")
        tree = self.own.contents(head) if head else {}
        entry = tree.get(names.DECISION)
        step = self.own.commit_of(head).metadata.get("step") if head else ""
        return json.loads(entry.data) if entry is not None and step in {"decided", "sealed"} else {}


def _rolls_back(segment: Segment) -> bool:
    """Tell whether a part of a program rolls back or finishes rollbacks: the record is meant for it."""
    return segment.name in {"roll back", "reconcile"}


@dataclass(frozen=True)
class Guards:
    """What is taken away.

    Attributes:
        off: Guards of the enforcer, and events at which the server asks nobody.
        lies: What processes are made to see.
        enforcer: Whether merges are judged at all.
        squash: Whether merges are squashed.
        strategy: The merge strategy that is passed to lakeFS.
        protects: Whether the server heeds branch protection.
    """

    off: frozenset[str] = frozenset()
    lies: frozenset[str] = frozenset()
    enforcer: bool = True
    squash: bool = True
    strategy: str = ""
    protects: bool = True

    @property
    def all_on(self) -> bool:
        return self == ALL_ON

    @property
    def lake_class(self) -> type[ActorLake]:
        return LyingLake if self.lies else ActorLake

    def apply(self, lake: ModelLake) -> None:
        """Set a repository up with these guards."""
        lake.enforcer = Enforcer(self.off) if self.enforcer else None
        lake.hook = self._asked
        lake.squash, lake.strategy, lake.protects = self.squash, self.strategy, self.protects

    def _asked(self, lake: MemoryLake, event: str, name: str, commit: str) -> None:
        if event not in self.off:
            refuse_direct(lake, event, name, commit)

    def program(self, program: Program) -> Program:
        """Return an actor as it is under these guards; one that is lied to may be refused for ever."""
        if not self.lies:
            return program
        return dataclasses.replace(program, lies=self.lies, errors=program.errors | {"MainMoved", "Unlawful"})


ALL_ON = Guards()


def without(*off: str, lies: tuple[str, ...] = (), **settings: object) -> Guards:
    """Return all guards but some."""
    return Guards(frozenset(off), frozenset(lies), **settings)  # type: ignore[arg-type]

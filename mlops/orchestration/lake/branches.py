"""The branch of a run: created from a commit, committed to after every value, merged or left.

Its name follows from the run's root id, so that every step, every process and every retry from failure finds
the same one. Every commit that is made here carries the root id in its metadata: the commit that a branch
was created from is the newest one on it that does not, and needs no record of its own.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from mlops.orchestration.lake.errors import (
    BranchGone,
    NotStored,
    StorageBusy,
    StorageError,
    lake_calls,
    message_of,
    status_of,
)
from mlops.orchestration.lake.lakefs_resource import LakeFSResource

#: Key of commit metadata; its value is the id of the first Dagster run of a chain of retries.
ROOT_RUN = "dagster_root_run_id"

_ATTEMPTS = 20
_FIRST_WAIT_S = 0.05
_LONGEST_WAIT_S = 2.0
_NO_CHANGES = "no changes"

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class RunBranch:
    """A branch that belongs to one run and its retries.

    Attributes:
        lakefs: The server.
        repository: Name of the repository.
        name: Name of the branch.
        root_run_id: The first Dagster run of the chain of retries.
        source: Branch that it is created from and merged into.
    """

    lakefs: LakeFSResource
    repository: str
    name: str
    root_run_id: str
    source: str

    def open(self, known_base: str | None) -> str:
        """Create the branch where there is none, and return the commit that it was created from.

        Steps that start at the same time may all call this: one of them creates the branch.

        Args:
            known_base: The answer of an earlier call for this run; None if there was none. A branch that was
                created once is not created again.

        Raises:
            BranchGone: The branch was created earlier and is no longer there.
            NotStored: There is no such repository or source branch.
        """
        with self._calls():
            if self._head(self.name) is None:
                if known_base:
                    raise self._gone(known_base)
                base = self._head(self.source)
                if base is None:
                    raise NotStored(f"there is no lakefs://{self.repository}/{self.source}")
                if self._created(base):
                    return base
            return known_base or self._fork()

    def head(self) -> str:
        """Return the newest commit of the branch."""
        with self._calls():
            head = self._head(self.name)
        if head is None:
            raise BranchGone(f"the branch {self.name} of {self.repository} is no longer there")
        return head

    def commit(self, message: str, metadata: Mapping[str, str]) -> str:
        """Commit what is staged on the branch, and return a commit that holds it.

        Steps that run at the same time share the branch. A commit takes everything that is staged, so one
        step's value may be in another's commit: then nothing is left to commit, and the head holds it.
        """

        def commit() -> str:
            try:
                made = self._branch(self.name).commit(message, {**metadata, ROOT_RUN: self.root_run_id})
            except Exception as error:
                if status_of(error) == 400 and _NO_CHANGES in message_of(error):
                    return self.head()
                raise
            return str(made.id)

        return self._patiently(commit)

    def merge(self, message: str, metadata: Mapping[str, str]) -> str | None:
        """Merge the newest commit of the branch into the source branch, without any merge strategy.

        A merge whose answer was lost is found again, so this may be repeated.

        Returns:
            The merge commit; None where the run has changed nothing.

        Raises:
            StorageConflict: Both branches changed the same value.
            BranchGone: The branch was deleted, and not after a merge.
        """
        with self._calls():
            head = self._head(self.name)
        if head is None:
            if merged := self.merged():
                return merged
            raise BranchGone(f"the branch {self.name} of {self.repository} is no longer there")

        def merge() -> str | None:
            source = self.lakefs.repository(self.repository).ref(head)
            try:
                return source.merge_into(
                    self.source, message=message, metadata={**metadata, ROOT_RUN: self.root_run_id}
                )
            except Exception as error:
                if status_of(error) == 400 and _NO_CHANGES in message_of(error):
                    return self.merged()
                raise

        return self._patiently(merge)

    def merged(self) -> str | None:
        """Return the merge commit of this run on the source branch; None if it was not merged."""
        commit = self._merge_commit()
        return commit.id if commit else None

    def last_commit(self) -> str:
        """Return the newest commit of the branch, even after it was merged and deleted."""
        with self._calls():
            if head := self._head(self.name):
                return head
        merged = self._merge_commit()
        if merged is None:
            raise BranchGone(f"the branch {self.name} of {self.repository} is no longer there")
        return str(merged.parents[1])

    def _merge_commit(self) -> Any:
        with self._calls():
            for commit in self._branch(self.source).log(first_parent=True):
                if (commit.metadata or {}).get(ROOT_RUN) == self.root_run_id:
                    return commit
        return None

    def delete(self) -> None:
        """Delete the branch; it is no error if it is gone."""
        with self._calls():
            try:
                self._branch(self.name).delete()
            except Exception as error:
                if status_of(error) not in (404, 410):
                    raise

    def _gone(self, base: str) -> BranchGone:
        merged = self.merged()
        how = f"was merged as {merged[:12]}" if merged else "was deleted"
        return BranchGone(
            f"the branch {self.name} of {self.repository}, created from {base[:12]}, {how}: launch a new run"
        )

    def _created(self, base: str) -> bool:
        try:
            self._branch(self.name).create(base)
        except Exception as error:
            if status_of(error) == 409:
                return False  # another step of the run was first
            raise
        return True

    def _fork(self) -> str:
        for commit in self._branch(self.name).log(first_parent=True):
            if (commit.metadata or {}).get(ROOT_RUN) != self.root_run_id:
                return commit.id
        raise StorageError(f"the branch {self.name} of {self.repository} has no commit that it begins with")

    def _head(self, branch: str) -> str | None:
        try:
            return self._branch(branch).get_commit().id
        except Exception as error:
            if status_of(error) in (404, 410):
                return None
            raise

    def _branch(self, name: str) -> Any:
        return self.lakefs.repository(self.repository).branch(name)

    def _calls(self) -> Any:
        return lake_calls(f"lakefs://{self.repository}/{self.name}", self.lakefs.address)

    def _patiently(self, call: Callable[[], Answer]) -> Answer:
        """Repeat a call while the server is busy with another change of the same branch."""
        wait_s = _FIRST_WAIT_S
        for attempt in range(_ATTEMPTS):
            try:
                with self._calls():
                    return call()
            except StorageBusy:
                if attempt == _ATTEMPTS - 1:
                    raise
            # Steps that collided must not collide again.
            time.sleep(wait_s * random.uniform(0.5, 1.5))  # noqa: S311 - not a secret
            wait_s = min(2 * wait_s, _LONGEST_WAIT_S)
        raise AssertionError("unreachable")

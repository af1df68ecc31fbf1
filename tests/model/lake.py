"""The lake in memory, made to be explored: quickly cloned, and equal where histories lead to the same.

Commits are shared by all clones and named by their content and their maker, so that an id does not depend on
the order in which independent things happened. A merge into `main` is made in the three parts in which
lakeFS makes it: the head is read, the action runs, the branch is moved if it is still as it was read.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence

from mlops.runs.names import CHAMPION, DECISION, MAIN, STATEMENT_KEY
from mlops.runs.ports import Commit
from tests.support.memory_lake import MemoryLake, Tree

#: In place of the rules' version: they are replaced whatever they are.
ANY_VERSION = "any"


class ModelLake(MemoryLake):
    """A repository whose state can be copied and compared.

    Attributes:
        maker: Who makes the next commit: ids of the real lake differ by time where ours would be equal.
        protects: Whether the server heeds the protection rules at all.
        lag: How many changes of anything the server may go on with outdated rules; lakeFS caches them.
        outdated: The rules that the server still goes by; None where it knows the ones that are set.
        age: Changes since the server's rules are outdated.
        asked_for_tags: Whether anybody has looked at a tag since this was set to False.
    """

    maker: str = ""
    protects: bool = True
    lag: int = 0
    outdated: tuple[str, ...] | None = None
    age: int = 0
    asked_for_tags: bool = False

    def clone(self) -> ModelLake:
        """Return a repository that is equal now and independent from here on."""
        made = object.__new__(ModelLake)
        made.__dict__.update(self.__dict__)
        made._branches = dict(self._branches)
        made._tags = dict(self._tags)
        made._staged = {branch: dict(paths) for branch, paths in self._staged.items()}
        return made

    def overlay(self) -> ModelLake:
        """Return a repository with the same commits and no branch, tag or rule."""
        made = self.clone()
        made._branches, made._tags, made._staged, made._rules = {}, {}, {}, ()
        return made

    def key(self) -> tuple[object, ...]:
        """Return a value that equal repositories have in common."""
        staged = [(b, sorted(paths), repr(paths)) for b, paths in sorted(self._staged.items()) if paths]
        return (
            frozenset(self._branches.items()),
            frozenset(self._tags.items()),
            repr(staged) if staged else "",
            self._rules,
            self.outdated,
            self.age if self.outdated is not None else 0,
        )

    def is_commit(self, ref: str) -> bool:
        """Tell whether a ref is a commit's id, which means the same for ever."""
        return ref in self._commits

    def contents(self, commit: str) -> Tree:
        """Return the objects of a commit."""
        return self._trees[commit]

    def _tree(self, ref: str) -> Tree:
        return self._trees[ref] if ref in self._trees else super()._tree(ref)

    def _store(
        self, tree: Tree, parents: tuple[str, ...], message: str, metadata: Mapping[str, str]
    ) -> Commit:
        meant = (_meant(tree, metadata), parents)
        if metadata.get("kind") == "run":
            meant = (_meant(tree, metadata), ())
        said = sorted((key, value) for key, value in metadata.items() if key != STATEMENT_KEY)
        seed = repr((meant, message, said, self.maker))
        commit_id = _digest(seed.encode())
        if commit_id not in self._commits:
            created = 1 + max((self._commits[p].created_at_s for p in parents), default=0)
            self._commits[commit_id] = Commit(commit_id, parents, message, dict(metadata), created)
            self._trees[commit_id] = dict(tree)
        return self._commits[commit_id]

    def is_protected(self, branch: str) -> bool:
        """Tell whether the server refuses direct changes of a branch now."""
        rules = self._rules if self.outdated is None else self.outdated
        return self.protects and branch in rules

    def _is_protected(self, branch: str) -> bool:
        return self.is_protected(branch)

    def protect(self, patterns: Sequence[str], version: str) -> None:
        before = self._rules if self.outdated is None else self.outdated
        super().protect(patterns, self.protection().version if version == ANY_VERSION else version)
        if self.lag and before != self._rules:
            self.outdated, self.age = before, 0

    def grow_older(self) -> None:
        """Count one more change of anything; the server learns the rules at the latest after ``lag``."""
        if self.outdated is not None:
            self.age += 1
            if self.age > self.lag:
                self.learn_rules()

    def learn_rules(self) -> None:
        """Let the server's cache expire."""
        self.outdated, self.age = None, 0

    def tags(self, prefix: str = "") -> dict[str, str]:
        self.asked_for_tags = True
        return super().tags(prefix)

    def _resolve(self, ref: str) -> str:
        self.asked_for_tags = self.asked_for_tags or ref in self._tags
        return super()._resolve(ref)

    def tags_of(self, prefixes: tuple[str, ...]) -> dict[str, str]:
        """Return the tags that begin with one of the prefixes."""
        return {tag: commit for tag, commit in sorted(self._tags.items()) if tag.startswith(prefixes)}

    def main_and_tags(self, prefixes: tuple[str, ...]) -> tuple[str, dict[str, str]]:
        """Return the head of `main` and tags, read at one moment."""
        return self._branches[MAIN], self.tags_of(prefixes)

    def publish(self, branch: str, commit: str) -> None:
        """Move a branch that has a single writer to the commit that the writer made."""
        self.head(branch)
        self._branches[branch] = commit

    def land(self, commit: str) -> None:
        """Move `main` to a merge that was proposed and that the enforcer let pass."""
        self._branches[MAIN] = commit


def _meant(tree: Tree, metadata: Mapping[str, str]) -> list[tuple[str, str, list[tuple[str, str]]]]:
    """Return what names a commit's content.

    A run's commits say themselves where they fork from. What an attempt sealed in vain lies on in its branch
    and is never read again; and of which commit a decision read the champion makes no difference where the
    champion is the same. Without this, equal states would differ by their histories.
    """
    named: list[tuple[str, str, list[tuple[str, str]]]] = []
    of_a_run = metadata.get("kind") == "run"
    for path, entry in sorted(tree.items()):
        data = entry.data
        if of_a_run and path == CHAMPION and metadata.get("step") != "sealed":
            continue
        if of_a_run and path == DECISION:
            data = _FROM_COMMIT.sub(b"", data)
        named.append((path, _digest(data), sorted(entry.metadata.items())))
    return named


_FROM_COMMIT = re.compile(rb'"commit": "[0-9a-f]{64}"')


def _digest(data: bytes, _known: dict[bytes, str] = {}) -> str:  # noqa: B006 - remembered on purpose
    found = _known.get(data)
    if found is None:
        found = hashlib.sha256(data).hexdigest()
        if len(data) < 100_000:
            _known[data] = found
    return found

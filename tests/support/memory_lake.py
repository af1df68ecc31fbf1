"""A lake in memory with lakeFS's semantics, as far as the `Lake` port shows them.

Merges are squashed three-way merges against the best common ancestor; the enforcer (a Python function here)
runs inside each attempt with the prospective commit readable, as lakeFS runs pre-merge actions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from mlops.runs.errors import Conflict, LakeDenied, LakeError, NotFound
from mlops.runs.names import MAIN
from mlops.runs.ports import Change, Commit, ObjectStat, Protection, PullRequest


@dataclass(frozen=True)
class Entry:
    """An object: its content and user metadata."""

    data: bytes
    metadata: Mapping[str, str] = field(default_factory=dict)

    def stat(self, path: str) -> ObjectStat:
        return ObjectStat(path, len(self.data), hashlib.md5(self.data).hexdigest(), dict(self.metadata))  # noqa: S324


Tree = Mapping[str, Entry]
Enforcer = Callable[["MemoryLake", Commit, str], None]
Hook = Callable[["MemoryLake", str, str, str], None]


@dataclass
class MemoryLake:
    """One repository in memory.

    ``enforcer(lake, prospective commit, source)`` raises to refuse a merge, and ``hook(lake, event, name,
    commit)`` to refuse a commit on a branch (``pre-commit``, its head) or a tag (``pre-create-tag`` and
    ``pre-delete-tag``, the tagged commit). ``squash`` and ``strategy`` are what merges are asked with: a test
    may ask as our adapter never does, keeping the source as a parent or with ``source-wins``.
    """

    repository: str = "flights"
    endpoint: str = "memory"
    enforcer: Enforcer | None = None
    hook: Hook | None = None
    squash: bool = True
    strategy: str = ""

    def __post_init__(self) -> None:
        self._commits: dict[str, Commit] = {}
        self._trees: dict[str, Tree] = {}
        self._branches: dict[str, str] = {}
        self._staged: dict[str, dict[str, Entry | None]] = {}
        self._tags: dict[str, str] = {}
        self._rules: tuple[str, ...] = ()
        self.pulls: dict[str, dict[str, str]] = {}
        root = self._store({}, (), "Repository created", {})
        self._branches[MAIN] = root.id
        self._staged[MAIN] = {}

    def _store(
        self, tree: Tree, parents: tuple[str, ...], message: str, metadata: Mapping[str, str]
    ) -> Commit:
        # As the client of a real lake does: an enumeration's member is not taken for its text.
        if not all(type(text) is str for entry in metadata.items() for text in entry):
            raise TypeError(f"metadata holds other values than text: {metadata}")
        seed = repr((len(self._commits), sorted(tree), parents, message, sorted(metadata.items())))
        commit = Commit(
            hashlib.sha256(seed.encode()).hexdigest(), parents, message, dict(metadata), len(self._commits)
        )
        self._commits[commit.id] = commit
        self._trees[commit.id] = dict(tree)
        return commit

    def _resolve(self, ref: str) -> str:
        if ref in self._commits:
            return ref
        for names in (self._branches, self._tags):
            if ref in names:
                return names[ref]
        raise NotFound("no such ref", where=ref)

    def _tree(self, ref: str) -> Tree:
        tree = dict(self._trees[self._resolve(ref)])
        for path, entry in self._staged.get(ref, {}).items():
            if entry is None:
                tree.pop(path, None)
            else:
                tree[path] = entry
        return tree

    def _entry(self, ref: str, path: str) -> Entry:
        try:
            return self._tree(ref)[path]
        except KeyError:
            raise NotFound("no such object", where=f"{ref[:12]}:{path}") from None

    def _writable(self, branch: str) -> dict[str, Entry | None]:
        if branch not in self._branches:
            raise NotFound("no such branch", where=branch)
        if self._is_protected(branch):
            raise LakeDenied("the branch is protected", where=branch)
        return self._staged[branch]

    def _is_protected(self, branch: str) -> bool:
        return branch in self._rules

    def head(self, branch: str) -> str:
        if branch not in self._branches:
            raise NotFound("no such branch", where=branch)
        return self._branches[branch]

    def commit_of(self, ref: str) -> Commit:
        return self._commits[self._resolve(ref)]

    def log(self, ref: str) -> Iterator[Commit]:
        commit: Commit | None = self.commit_of(ref)
        while commit is not None:
            yield commit
            commit = self._commits[commit.parents[0]] if commit.parents else None

    def branches(self, prefix: str = "") -> dict[str, str]:
        return {b: c for b, c in sorted(self._branches.items()) if b.startswith(prefix)}

    def create_branch(self, branch: str, source: str) -> None:
        if branch in self._branches or branch in self._tags:
            raise Conflict("the name is taken", where=branch)
        self._branches[branch] = self._resolve(source)
        self._staged[branch] = {}

    def delete_branch(self, branch: str) -> None:
        self.head(branch)
        del self._branches[branch], self._staged[branch]

    def tags(self, prefix: str = "") -> dict[str, str]:
        return {t: c for t, c in sorted(self._tags.items()) if t.startswith(prefix)}

    def create_tag(self, tag: str, commit: str) -> None:
        if tag in self._tags or tag in self._branches:
            raise Conflict("the tag exists", where=tag)
        self._ask("pre-create-tag", tag, self._resolve(commit))
        self._tags[tag] = self._resolve(commit)

    def delete_tag(self, tag: str) -> None:
        if tag not in self._tags:
            raise NotFound("no such tag", where=tag)
        self._ask("pre-delete-tag", tag, self._tags[tag])
        del self._tags[tag]

    def _ask(self, event: str, name: str, commit: str) -> None:
        if self.hook is not None:
            self.hook(self, event, name, commit)

    def read(self, ref: str, path: str) -> bytes:
        return self._entry(ref, path).data

    def sha256(self, ref: str, path: str) -> str:
        return hashlib.sha256(self.read(ref, path)).hexdigest()

    def stat(self, ref: str, path: str) -> ObjectStat:
        return self._entry(ref, path).stat(path)

    def list(self, ref: str, prefix: str = "") -> list[ObjectStat]:
        return [e.stat(p) for p, e in sorted(self._tree(ref).items()) if p.startswith(prefix)]

    def write(self, branch: str, path: str, data: bytes, metadata: Mapping[str, str] | None = None) -> None:
        self._writable(branch)[path] = Entry(data, dict(metadata or {}))

    def remove(self, branch: str, paths: Sequence[str]) -> None:
        self._writable(branch).update(dict.fromkeys(paths))

    def copy(self, branch: str, path: str, source: str, source_path: str) -> None:
        self._writable(branch)[path] = self._entry(source, source_path)

    def commit(
        self, branch: str, message: str, metadata: Mapping[str, str], *, allow_empty: bool = False
    ) -> str:
        self._writable(branch)
        head, tree = self._branches[branch], self._tree(branch)
        if tree == self._trees[head] and not allow_empty:
            raise LakeError("commit: no changes", where=branch)
        self._ask("pre-commit", branch, head)
        self._staged[branch] = {}
        self._branches[branch] = self._store(tree, (head,), message, metadata).id
        return self._branches[branch]

    def commit_tree(self, branch: str, source: str, message: str, metadata: Mapping[str, str]) -> str:
        self._writable(branch)
        if self.staged(branch):
            raise LakeError("cannot use source MetaRange on a branch with uncommitted changes", where=branch)
        head, tree = self._branches[branch], self._trees[self._resolve(source)]
        self._ask("pre-commit", branch, head)
        self._branches[branch] = self._store(tree, (head,), message, metadata).id
        return self._branches[branch]

    def diff(self, left: str, right: str, prefix: str = "") -> list[Change]:
        old, new = self._trees[self._resolve(left)], self._trees[self._resolve(right)]
        return [c for c in _changes(old, new) if c.path.startswith(prefix)]

    def merge(self, source: str, into: str, message: str, metadata: Mapping[str, str]) -> str:
        source, prospective = self._resolve(source), self.propose(source, into, message, metadata)
        if self.enforcer is not None:
            self.enforcer(self, prospective, source)
        self._branches[into] = prospective.id
        return prospective.id

    def propose(
        self, source: str, into: str, message: str, metadata: Mapping[str, str], *, head: str = ""
    ) -> Commit:
        """Return the commit that a merge would make, on ``head`` or where the branch is now.

        As in lakeFS there is nothing to merge only where the source has its merge base's content; what the
        branch holds already, by an earlier squashed merge of the same source too, is merged to no effect.
        """
        source, head = self._resolve(source), head or self.head(into)
        if self.staged(into):
            raise LakeError("uncommitted changes (dirty branch)", where=into)
        base = self._trees[self._base(source, head)]
        if self._trees[source] == base:
            raise LakeError("no changes", where=into)
        tree = _merged(base, self._trees[source], self._trees[head], into, self.strategy)
        full = {**metadata, ".lakefs.merge.strategy": self.strategy or "default"}
        return self._store(tree, (head,) if self.squash else (head, source), message, full)

    def _base(self, left: str, right: str) -> str:
        seen = set(self._ancestors(left))
        return next(commit for commit in self._ancestors(right) if commit in seen)

    def _ancestors(self, commit: str) -> list[str]:
        order, queue = [], [commit]
        while queue:
            current = queue.pop(0)
            if current not in order:
                order.append(current)
                queue.extend(self._commits[current].parents)
        return order

    def pull_requests(self) -> list[PullRequest]:
        wanted = [(id_, pull) for id_, pull in self.pulls.items() if pull["status"] == "open"]
        return [PullRequest(id_, pull["source"], pull["into"]) for id_, pull in wanted]

    def open_pull_request(self, source: str, into: str, title: str, description: str) -> str:
        for branch in (source, into):
            self.head(branch)
        said = {"source": source, "into": into, "title": title, "description": description}
        self.pulls[str(len(self.pulls) + 1)] = {"status": "open", **said}
        return str(len(self.pulls))

    def end_pull_request(self, pull: str, *, merged: bool) -> None:
        if pull in self.pulls:
            self.pulls[pull]["status"] = "merged" if merged else "closed"

    def protection(self) -> Protection:
        version = hashlib.sha256(repr(self._rules).encode()).hexdigest() if self._rules else ""
        return Protection(self._rules, version)

    def protect(self, patterns: Sequence[str], version: str) -> None:
        if version != self.protection().version:
            raise Conflict("the rules have changed", where="branch protection")
        self._rules = tuple(patterns)

    def hard_reset(self, branch: str, commit: str) -> None:
        self._writable(branch)
        self._branches[branch] = self._resolve(commit)

    def discard(self, branch: str) -> None:
        self._writable(branch).clear()

    def staged(self, branch: str) -> list[Change]:
        return _changes(self._trees[self.head(branch)], self._tree(branch))


def _changes(old: Tree, new: Tree) -> list[Change]:
    changes = [Change("removed", p) for p in old.keys() - new.keys()]
    changes += [Change("added", p) for p in new.keys() - old.keys()]
    changes += [Change("changed", p) for p in old.keys() & new.keys() if old[p] != new[p]]
    return sorted(changes, key=lambda c: c.path)


def _merged(base: Tree, source: Tree, target: Tree, into: str, strategy: str) -> Tree:
    result = dict(target)
    for path in base.keys() | source.keys() | target.keys():
        was, theirs, ours = base.get(path), source.get(path), target.get(path)
        if theirs in (was, ours):
            continue
        if ours != was and strategy != "source-wins":
            raise Conflict("both sides changed it", where=f"{into}:{path}")
        if theirs is None:
            result.pop(path, None)
        else:
            result[path] = theirs
    return result

"""Restore of a dump into a lake through lakeFS's API, with every commit unchanged.

Two helpers share the new repository's storage until all is there, both read-only, so that no hook runs: in
one the trees are made by committing objects, in the other the commits are written as they were, with their
times, committers and parents, and get their branches and tags. The server itself then restores the refs of
that one into the new repository. Stopped halfway, the next call goes on: trees that are made bear tags.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from mlops.adapters.lake.connection import Connection, pages
from mlops.lake_transfer.archive import Reading
from mlops.lake_transfer.commit_ids import CommitIds, Fields
from mlops.lake_transfer.dump import CLIENTS, Moved, Ticker
from mlops.lake_transfer.trees import Trees
from mlops.runs import json_values
from mlops.runs.errors import ConfigError, Conflict, LakeError, NotFound

POLL_S = 0.1

_ROOT = {
    "id": "",
    "version": 1,
    "committer": "",
    "message": "Repository created",
    "creation_date": 0,
    "parents": [],
    "metadata": {},
    "generation": 1,
}


@dataclass(frozen=True)
class Outside:
    """Dependencies of a restore besides the lake.

    Attributes:
        tell: Called with lines for people.
        clock: Seconds, for progress.
        sleep: Waits while the server works.
    """

    tell: Callable[[str], None]
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


def restore(
    connection: Connection, archive: Reading, repository: str, outside: Outside, storage_namespace: str = ""
) -> tuple[Moved, dict[str, str]]:
    """Restore a repository from a dump; return the counts, and the new ids of commits whose id changed.

    Args:
        connection: The lake.
        archive: The dump.
        repository: Name of the repository to make; one that exists has to be bare and empty.
        outside: Clock and progress.
        storage_namespace: Where its objects lie; by default a new place below the server's default prefix.

    Raises:
        ConfigError: There is such a repository, and it is not bare and empty.
        InputError: The dump is damaged.
    """
    return _Restore(connection, archive, repository, outside, storage_namespace).run()


class _Restore:
    def __init__(
        self,
        connection: Connection,
        archive: Reading,
        repository: str,
        outside: Outside,
        storage_namespace: str,
    ) -> None:
        self._connection = connection
        self._api = connection.api
        self._archive = archive
        self._name = repository
        self._outside = outside
        key = hashlib.sha256(f"{repository}\0{archive.id}".encode()).hexdigest()[:12]
        self._trees_in, self._refs_in = f"restore-{key}-trees", f"restore-{key}-refs"
        self._namespace = storage_namespace or self._place(f"{repository}-{key}")
        self._commits = archive.commits()
        self._ids = CommitIds(self._add_record)

    def _place(self, name: str) -> str:
        with self._connection.calls("config"):
            storage = self._api.config_api.get_config().storage_config
        prefix = storage.default_namespace_prefix or f"{storage.blockstore_type}://"
        return f"{prefix.removesuffix('/')}/{name}"

    def run(self) -> tuple[Moved, dict[str, str]]:
        self._check_target()
        for helper in (self._trees_in, self._refs_in):
            self._create(helper, "main", read_only=True)
        ticker = Ticker(self._outside.tell, len(self._commits), self._outside.clock)
        with self._connection.calls(self._name):
            trees = self._write_commits(ticker)
            self._name_commits()
            self._restore_refs()
            self._describe()
            notes = self._notes(trees)
            for helper in (self._refs_in, self._trees_in):
                self._api.repositories_api.delete_repository(helper, force=True)
        document = self._archive.document
        refs = len(document["branches"]), len(document["tags"])
        moved = Moved(len(self._commits), *refs, ticker.objects, ticker.size_bytes, notes)
        return moved, self._changed()

    def _changed(self) -> dict[str, str]:
        return self._ids.changed([row["id"] for row in self._commits])

    def _check_target(self) -> None:
        """Check that the target is missing, empty, or left by an unfinished restore."""
        about = self._repository(self._name)
        if about is None:
            return
        if self._branches(self._name) and self._repository(self._refs_in) is None:
            raise ConfigError(
                f"repository {self._name} exists", where=self._connection.endpoint, todo="name another one"
            )
        self._namespace = about.storage_namespace

    def _repository(self, name: str) -> Any | None:
        try:
            with self._connection.calls(name):
                return self._api.repositories_api.get_repository(name)
        except NotFound:
            return None

    def _create(self, name: str, default_branch: str, *, read_only: bool) -> None:
        from lakefs_sdk.models.repository_creation import RepositoryCreation

        creation = RepositoryCreation(
            name=name,
            storage_namespace=self._namespace,
            default_branch=default_branch,
            read_only=read_only,
        )
        with suppress(Conflict), self._connection.calls(name):
            self._api.repositories_api.create_repository(creation, bare=True)

    def _write_commits(self, ticker: Ticker) -> Trees:
        root = self._ids.write(self._trees_in, _ROOT, "")
        trees = Trees(self._connection, self._trees_in, self._archive, root)
        tree_of: dict[str, str] = {}
        with ThreadPoolExecutor(CLIENTS, "lake-restore") as pool:
            for number, commit in enumerate(self._commits):
                tree = tree_of[commit["id"]] = commit["meta_range_id"]
                rows = self._archive.tree(commit)
                base = tree_of[commit["parents"][0]] if commit["parents"] else ""
                self._ids.write(self._refs_in, commit, trees.make(tree, base, rows, pool))
                ticker.add_all(rows)
                ticker.at(number + 1)
        return trees

    def _add_record(self, repository: str, fields: Fields) -> bool:
        from lakefs_sdk.exceptions import ApiException
        from lakefs_sdk.models.commit_record_creation import CommitRecordCreation

        record = CommitRecordCreation(**fields, force=True)
        try:
            self._api.internal_api.create_commit_record(repository, record)
        except ApiException as error:
            if error.status == 409:  # written before the restore was stopped
                return True
            if error.status == 400 and "commit id" in _message(error):
                return False
            raise
        return True

    def _name_commits(self) -> None:
        from lakefs_sdk.models.branch_creation import BranchCreation
        from lakefs_sdk.models.tag_creation import TagCreation

        for name, commit_id, hidden in self._expected_branches():
            branch = BranchCreation(name=name, source=commit_id, force=True, hidden=hidden)
            with suppress(Conflict), self._connection.calls(name):
                self._api.branches_api.create_branch(self._refs_in, branch)
        for name, commit_id in self._expected_tags().items():
            tag = TagCreation(id=name, ref=commit_id, force=True)
            with suppress(Conflict), self._connection.calls(name):
                self._api.tags_api.create_tag(self._refs_in, tag)

    def _expected_branches(self) -> list[tuple[str, str, bool]]:
        rows = self._archive.document["branches"]
        return [(row["id"], self._ids.of(row["commit"]), row["hidden"]) for row in rows]

    def _expected_tags(self) -> dict[str, str]:
        return {row["id"]: self._ids.of(row["commit"]) for row in self._archive.document["tags"]}

    def _restore_refs(self) -> None:
        """The server writes commits, branches and tags into the target, and they are what the dump holds.

        Raises:
            LakeError: They are not: the server stopped halfway, or somebody else changed them.
        """
        from lakefs_sdk.models.refs_restore import RefsRestore

        self._create(self._name, self._archive.document["default_branch"], read_only=False)
        api = self._api.repositories_api
        if not self._branches(self._name):
            task = api.dump_submit(self._refs_in).id
            refs = self._finished(lambda: api.dump_status(self._refs_in, task)).refs
            task = api.restore_submit(self._name, RefsRestore(**refs.dict())).id
            self._finished(lambda: api.restore_status(self._name, task))
        branches = {name: commit_id for name, commit_id, _ in self._expected_branches()}
        tags = {row.id: row.commit_id for row in pages(self._api.tags_api.list_tags, self._name)}
        if (self._branches(self._name), tags) != (branches, self._expected_tags()):
            raise LakeError(
                "the repository is not what the dump holds", where=self._name, todo="restore to another name"
            )

    def _finished(self, status: Callable[[], Any]) -> Any:
        while not (found := status()).done:
            self._outside.sleep(POLL_S)
        if found.error:
            raise LakeError(found.error, where=self._name)
        return found

    def _branches(self, repository: str, *, hidden: bool = True) -> dict[str, str]:
        with self._connection.calls(repository):
            rows = pages(self._api.branches_api.list_branches, repository, show_hidden=hidden)
            return {row.id: row.commit_id for row in rows}

    def _describe(self) -> None:
        from lakefs_sdk.models.branch_protection_rule import BranchProtectionRule
        from lakefs_sdk.models.repository_metadata_set import RepositoryMetadataSet

        document = self._archive.document
        if document["metadata"]:
            wish = RepositoryMetadataSet(metadata=document["metadata"])
            self._api.internal_api.set_repository_metadata(self._name, wish)
        if document["protection"]:
            rules = [BranchProtectionRule(pattern=pattern) for pattern in document["protection"]]
            self._api.repositories_api.set_branch_protection_rules(self._name, rules)

    def _notes(self, trees: Trees) -> list[str]:
        """Return the differences from the original, one sentence each."""
        notes = list(self._archive.document["left_out"])
        changed = len(self._changed())
        if changed:
            notes.append(f"{changed:,} of {len(self._commits):,} commits have new ids")
        if not trees.keeps_times:
            notes.append("objects are as old as their upload here")
        shown = self._branches(self._name, hidden=False)
        names = [row["id"] for row in self._archive.document["branches"] if row["hidden"]]
        notes += [f"branch {name} was hidden and is shown here" for name in names if name in shown]
        return notes


def _message(error: Any) -> str:
    try:
        answer: Mapping[str, Any] = json_values.parse(error.body)
        return str(answer["message"])
    except (ValueError, KeyError, TypeError):
        return ""

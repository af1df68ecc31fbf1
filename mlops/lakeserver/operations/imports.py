"""Taking files of this machine into a branch, as one commit."""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

from mlops.lakeserver.errors import BadRequest, Conflict, Forbidden, LakeError
from mlops.lakeserver.grammar.names import check_branch, check_path
from mlops.lakeserver.operations import events, repositories
from mlops.lakeserver.operations.heads import move_head, until_kept
from mlops.lakeserver.operations.lake import Lake, branch, commit, repository
from mlops.lakeserver.operations.merging import STRATEGY_KEY
from mlops.lakeserver.operations.staging import check_clean
from mlops.lakeserver.operations.tasks import IMPORT, Task
from mlops.lakeserver.store import NewNodes
from mlops.lakeserver.store.records import Branch, Commit, Repository
from mlops.lakeserver.trees.entries import DEFAULT_CONTENT_TYPE, Entry, encode, identity
from mlops.lakeserver.trees.nodes import EMPTY_ID, Item
from mlops.lakeserver.trees.tree import Edit, apply, scan

UNSUPPORTED = "import is not supported for this storage"
COMMON_PREFIX, OBJECT = "common_prefix", "object"
LAST_IMPORT_KEY = ".lakefs.last.import.timestamp"

_CHUNK_BYTES = 1 << 20
_BATCH = 20_000
_SCHEME = "local://"


@dataclass(frozen=True)
class Source:
    """A file or folder, and where it goes.

    Attributes:
        kind: `COMMON_PREFIX`: files go below the destination; `OBJECT`: the file is the destination.
        path: `local://` and an absolute path.
    """

    kind: str
    path: str
    destination: str


@dataclass(frozen=True)
class Import:
    """A request to import: sources, message and metadata."""

    branch: str
    sources: list[Source]
    committer: str
    message: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    force: bool = False


class Canceled(LakeError):
    """Nobody wants the import any more."""


def start(lake: Lake, name: str, wish: Import) -> str:
    """Start the import in the background; return its id.

    Raises:
        Forbidden: this server imports nothing.
        BadRequest: a source is the repository's own storage, or holds it.
    """
    execute = lake.store.database.reader.execute
    repo = repository(execute, name)
    if lake.import_from is None:
        raise Forbidden(UNSUPPORTED)
    branch(execute, repo, check_branch(wish.branch))
    for source in wish.sources:
        if source.path.startswith(repo.namespace):
            raise BadRequest(
                f"import path ({source.path}) in repository namespace ({repo.namespace}) is prohibited: "
                "invalid import source"
            )
        if source.kind == COMMON_PREFIX and repo.namespace.startswith(source.path):
            raise BadRequest(
                f"prefix ({source.path}) contains repository namespace: ({repo.namespace}), "
                "invalid import source"
            )
    task_id, task = lake.tasks.add(repo.rid, IMPORT)
    lake.tasks.start(task, lambda: _Run(lake, repo, wish, task).outcome())
    return task_id


def status(lake: Lake, name: str, task_id: str) -> Task:
    """Return the progress of an import."""
    return lake.tasks.get(repositories.get(lake, name).rid, IMPORT, task_id)


def cancel(lake: Lake, name: str, task_id: str) -> None:
    """End the import without a commit.

    Raises:
        Conflict: it has ended already.
    """
    task = status(lake, name, task_id)
    if task.done:
        raise Conflict("conflict found")
    task.canceled.set()


def files_of(allowed: Path, source: Source) -> Iterator[tuple[Path, str]]:
    """Yield the regular files of a source with their paths in the lake; hidden ones and links are left out.

    Raises:
        LakeError: the source is not in the folder `allowed`, or cannot be read.
    """
    if not source.path.startswith(_SCHEME):
        raise LakeError(
            f"creating object-store walker on path {source.path}: expected storage type local: "
            "invalid address"
        )
    parts = urlsplit(source.path)
    root = Path(posixpath.normpath(unquote(parts.netloc + parts.path)))
    if ".." in parts.path.split("/"):
        raise LakeError(f"creating object-store walker on path {source.path}: bad path traversal blocked")
    if not root.is_absolute() or not root.resolve().is_relative_to(allowed.resolve()):
        raise LakeError(f"creating object-store walker on path {source.path}: forbidden")
    if not root.exists():
        raise LakeError(f"lstat {root}: no such file or directory")
    for file in _walk(root):
        if source.kind == OBJECT:
            yield file, source.destination
        else:
            yield (
                file,
                posixpath.normpath(posixpath.join(source.destination, file.relative_to(root).as_posix())),
            )


def _walk(root: Path) -> Iterator[Path]:
    if not root.is_dir():
        if stat.S_ISREG(root.lstat().st_mode):
            yield root
        return
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            file = Path(folder, name)
            if not name.startswith(".") and stat.S_ISREG(file.lstat().st_mode):
                yield file


class _Run:
    """One import at work."""

    def __init__(self, lake: Lake, repo: Repository, wish: Import, task: Task) -> None:
        self._lake = lake
        self._repo = repo
        self._wish = wish
        self._task = task
        self._found: dict[bytes, tuple[Path, Entry]] = {}

    def outcome(self) -> dict[str, object]:
        """Do it; return the commit's id and the id of its tree.

        Raises:
            LakeError: it could not be done, or was canceled; nothing of it is visible.
        """
        if self._lake.import_from is None:
            raise Forbidden(UNSUPPORTED)
        try:
            for source in self._wish.sources:
                for file, path in files_of(self._lake.import_from, source):
                    self._found[check_path(path)] = (file, self._take(file))
                    self._lake.tasks.progress(self._task, self._task.count + 1)
        except (OSError, ValueError) as error:  # ValueError: no file has such a name
            raise LakeError(f"import error: error on ingest: {error}") from error
        except Canceled:
            raise
        except LakeError as error:
            raise LakeError(f"import error: error on ingest: {error.message}") from error
        try:
            return self._merged()
        except LakeError as error:
            raise LakeError(f"import error: merge import: {error.message}") from error

    def _take(self, file: Path) -> Entry:
        """Copy the file's bytes into the store; nothing refers to them yet."""
        with self._lake.store.blobs.upload() as upload, file.open("rb") as content:
            mtime = int(os.fstat(content.fileno()).st_mtime)
            while chunk := content.read(_CHUNK_BYTES):
                upload.write(chunk)
                if self._task.canceled.is_set():
                    raise Canceled("import canceled")
            upload.finish()
            self._lake.store.write(lambda tx: upload.store(tx, self._lake.store.blobs))
            return Entry(
                digest=upload.digest,
                size_bytes=upload.size_bytes,
                checksum=upload.checksum,
                mtime=mtime,
                content_type=DEFAULT_CONTENT_TYPE,
                nonce=self._lake.new_nonce(),
            )

    def _merged(self) -> dict[str, object]:
        lake, repo, wish = self._lake, self._repo, self._wish
        draft = Commit(
            b"",
            (),
            0,
            lake.now_ns(),
            wish.committer,
            wish.message or "Import objects",
            wish.metadata | {STRATEGY_KEY: "source-wins"},
        )
        commit_id, new, pre_run_id = until_kept(lambda: self._attempt(draft))
        events.after(lake, repo, events.commit_event("post-commit", repo, wish.branch, new), pre_run_id)
        repositories.set_metadata(lake, repo.id, {LAST_IMPORT_KEY: str(new.created)}, force=wish.force)
        return {"commit_id": commit_id, "commit": new}

    def _attempt(self, draft: Commit) -> tuple[bytes, Commit, str]:
        lake, repo = self._lake, self._repo
        execute = lake.store.database.reader.execute
        nodes = lake.store.new_nodes()
        self._take_again()
        head = branch(execute, repo, self._wish.branch)
        with lake.store.database.snapshot() as connection:
            last_seq = check_clean(connection.execute, lake.store.nodes, head)
        generation = commit(execute, repo, head.commit_id).generation + 1
        tree = self._new_tree(nodes, head)
        new = replace(draft, tree=tree, parents=(head.commit_id,), generation=generation)
        if self._task.canceled.is_set():
            raise Canceled("import canceled")
        event = events.commit_event("pre-commit", repo, self._wish.branch, new)
        pre_run_id = events.before(lake, repo, event)
        commit_id = move_head(lake, repo, head, new, nodes, drop_staged=last_seq, pre_run_id=pre_run_id)
        return commit_id, new, pre_run_id

    def _take_again(self) -> None:
        """Copy bytes again that were collected as garbage before anything referred to them."""
        execute = self._lake.store.database.reader.execute
        for key, (file, entry) in self._found.items():
            if not execute("SELECT 1 FROM blobs WHERE digest = ?", (entry.digest,)).fetchone():
                self._found[key] = (file, self._take(file))

    def _new_tree(self, nodes: NewNodes, head: Branch) -> bytes:
        edits: dict[bytes, Edit] = {}
        for source in self._wish.sources:
            prefix = source.destination.encode()
            for item in scan(nodes, head.tree, prefix):
                if not item.key.startswith(prefix):
                    break
                edits[item.key] = Edit(item.key, None)
        for key, (_, entry) in self._found.items():
            edits[key] = Edit(key, Item(key, identity(entry), encode(entry)))
        ordered, tree = sorted(edits.values(), key=lambda edit: edit.key), head.tree
        for at in range(0, len(ordered), _BATCH):
            tree = apply(nodes, tree, ordered[at : at + _BATCH])
        return tree or EMPTY_ID

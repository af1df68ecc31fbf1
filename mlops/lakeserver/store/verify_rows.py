"""Looking at the rows that no hash covers: repositories, names, refs, settings, and what belongs to what."""

# ruff: noqa: S608 - the only names put into statements are the ones listed here

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from mlops.lakeserver.errors import BadRequest
from mlops.lakeserver.grammar.names import (
    MAX_PATH_BYTES,
    check_branch,
    check_namespace,
    check_repository,
    check_tag,
)
from mlops.lakeserver.store.records import ID_BYTES, Execute

_OWNED = {
    "branches": "id",
    "tags": "id",
    "commits": "hex(id)",
    "pulls": "id",
    "action_runs": "run_id",
    "hook_runs": "run_id",
}


def check(execute: Execute) -> Iterator[str]:
    """Yield what is wrong with the rows, one sentence each; it names what it is about."""
    yield from _settings(execute)
    yield from _repositories(execute)
    yield from _owners(execute)
    yield from _refs(execute)
    yield from _tokens(execute)
    yield from _paths(execute)
    yield from _generations(execute)
    yield from _documents(execute)


def _settings(execute: Execute) -> Iterator[str]:
    found = dict(execute("SELECT name, value FROM settings").fetchall())
    try:
        secret = bytes.fromhex(found.get("secret", ""))
    except (ValueError, TypeError):
        secret = b""
    if len(secret) < ID_BYTES:
        yield "setting 'secret': it is missing or not what was stored"
    if not str(found.get("epoch", "")).isdigit():
        yield "setting 'epoch': it is missing or not what was stored"


def _is_name(check_name: Callable[[str], object], name: Any) -> bool:
    try:
        check_name(name)
    except (BadRequest, TypeError):
        return False
    return True


def _repositories(execute: Execute) -> Iterator[str]:
    known = {row[0] for row in execute("SELECT address FROM namespaces")}
    heads = {(rid, name) for rid, name in execute("SELECT rid, id FROM branches")}
    refs = {row[0] for row in execute("SELECT rid FROM branches UNION SELECT rid FROM tags")}
    rows = execute(
        "SELECT rid, id, created, default_branch, namespace, read_only, metadata, protection, gc_rules "
        "FROM repositories"
    )
    for rid, name, created, branch, namespace, read_only, *documents in rows:
        where = f"repository {name!r}"
        if not _is_name(check_repository, name):
            yield f"{where}: no repository can have this name"
        if not isinstance(created, int) or read_only not in (0, 1):
            yield f"{where}: its time or its state is not what was stored"
        if not isinstance(branch, str) or not branch:
            yield f"{where}: no branch can have the name of its default branch, {branch!r}"
        elif rid in refs and (rid, branch) not in heads and not read_only:
            # A read-only repository may be one that is still being restored, whose branches come last.
            yield f"{where}: its default branch {branch} is missing"
        if not _is_name(check_namespace, namespace) or namespace not in known:
            yield f"{where}: its storage namespace {namespace!r} is not one that was taken"
        for kind, text in zip(("metadata", "protection rules", "retention rules"), documents, strict=True):
            if not _is_document(text, empty=kind != "metadata"):
                yield f"{where}: its {kind} cannot be read"


def _is_document(text: Any, *, empty: bool = False) -> bool:
    if empty and text == "":
        return True
    try:
        return isinstance(json.loads(text), dict | list)
    except (ValueError, TypeError, RecursionError):
        return False


def _owners(execute: Execute) -> Iterator[str]:
    for table, name in _OWNED.items():
        rows = execute(
            f"SELECT {name}, rid FROM {table} WHERE rid NOT IN (SELECT rid FROM repositories) LIMIT 100"
        )
        for row in rows:
            yield f"{table}, {row[0]}: its repository (number {row[1]}) is missing"
    rows = execute(
        "SELECT h.run_id, h.hook_run_id FROM hook_runs h LEFT JOIN action_runs a USING (rid, run_id) "
        "WHERE a.run_id IS NULL LIMIT 100"
    )
    for run, hook in rows:
        yield f"hook run {hook}: its run {run} is missing"


def _refs(execute: Execute) -> Iterator[str]:
    for table, kind, check_name in (("branches", "branch", check_branch), ("tags", "tag", check_tag)):
        rows = execute(
            f"SELECT r.id, k.id, k.commit_id, r.default_branch FROM {table} k JOIN repositories r USING (rid)"
        )
        for repository, name, commit_id, default in rows:
            # The name of the first branch is not checked when a repository is created, as in lakeFS.
            first = kind == "branch" and name == default and isinstance(name, str)
            if not first and not _is_name(check_name, name):
                yield f"{table} of {repository}, {name!r}: no {kind} can have this name"
            if not isinstance(commit_id, bytes) or len(commit_id) != ID_BYTES:
                yield f"{table} of {repository}, {name!r}: it does not name a commit"


def _tokens(execute: Execute) -> Iterator[str]:
    rows = execute("SELECT token, group_concat(id, ', ') FROM branches GROUP BY token HAVING count(*) > 1")
    for token, names in rows:
        yield f"branches {names}: they share their uncommitted changes (number {token})"
    rows = execute(
        "SELECT token, count(*) FROM staging WHERE token NOT IN (SELECT token FROM branches) GROUP BY token"
    )
    for token, count in rows:
        yield f"uncommitted changes: {count} belong to no branch (number {token})"


def _paths(execute: Execute) -> Iterator[str]:
    for (path,) in execute("SELECT path FROM staging"):
        if not _is_path(path):
            yield f"uncommitted {path!r}: no object can have this path"


def _is_path(path: Any) -> bool:
    if not isinstance(path, bytes) or not 0 < len(path) <= MAX_PATH_BYTES:
        return False
    try:
        path.decode()
    except UnicodeDecodeError:
        return False
    return True


def _generations(execute: Execute) -> Iterator[str]:
    """Yield the order in which history is read; the hash of a commit covers it, but not its parents'."""
    known = {(rid, commit_id): number for rid, commit_id, number in execute(_GENERATIONS)}
    for rid, commit_id, parents, generation in execute("SELECT rid, id, parents, generation FROM commits"):
        ids = [parents[at : at + ID_BYTES] for at in range(0, len(parents), ID_BYTES)]
        above = [known[rid, one] for one in ids if (rid, one) in known]
        # A squashed merge counts from its source as well, which is none of its parents.
        if len(above) == len(ids) and generation <= max(above, default=0):
            yield f"commit {commit_id.hex()}: its generation does not follow from its parents'"


_GENERATIONS = "SELECT rid, id, generation FROM commits"


def _documents(execute: Execute) -> Iterator[str]:
    for table, columns in (("pulls", "id"), ("action_runs", "run_id"), ("hook_runs", "hook_run_id")):
        for name, body in execute(f"SELECT {columns}, body FROM {table}"):
            if not _is_document(body):
                yield f"{table}, {name}: what was noted cannot be read"
    for identity, status, body in execute("SELECT id, status, body FROM pulls"):
        found = json.loads(body) if _is_document(body) else {}
        if found and (found.get("id"), found.get("status")) != (identity, status):
            yield f"pull request {identity}: it is not what was stored"

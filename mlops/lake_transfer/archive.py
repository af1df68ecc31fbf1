"""A repository outside of a lake: a folder, or a zip file of the same files.

======================= ===========================================================================
file                    what it holds
======================= ===========================================================================
``repository.json``     names, branches, tags, metadata; written last, so a folder without it is unfinished
``commits.jsonl``       every commit, parents before children
``trees/<commit>.jsonl``  what the commit changed against its first parent, one object a line
``objects/ab/<sha256>`` the bytes of objects, each content once
======================= ===========================================================================

Every file is named by a SHA-256 that another one holds, up to ``repository.json``.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from mlops.runs import json_values
from mlops.runs.errors import ConfigError, InputError, system_reason

FORMAT, VERSION = "mlops lake dump", 1
DOCUMENT, COMMITS, SOURCE, KNOWN = "repository.json", "commits.jsonl", "source.json", "known.jsonl"
PARTS_SUFFIX = ".parts"

_CHUNK_BYTES = 1 << 20


@contextmanager
def _writable(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        todo = "make room, or name another place, and run it again"
        raise InputError(f"cannot be written: {system_reason(error)}", where=str(place), todo=todo) from error


class Writing:
    """A dump that is being written to a folder; what is in it already is not written again.

    Args:
        folder: Where; created if it is not there.
        source: What is dumped; a folder begun for something else is refused.

    Raises:
        ConfigError: The folder holds a finished dump, another repository's, or something else.
    """

    def __init__(self, folder: Path, source: Mapping[str, Any]) -> None:
        self._folder = folder
        if (folder / DOCUMENT).exists():
            raise ConfigError(
                "there is a finished dump already", where=str(folder), todo="name another place"
            )
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            self._check_same(source)
        with _writable(folder):
            folder.mkdir(parents=True, exist_ok=True)
        self._put(folder / SOURCE, json.dumps(source).encode())

    def _check_same(self, source: Mapping[str, Any]) -> None:
        try:
            begun = json_values.parse((self._folder / SOURCE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            begun = None
        if begun != source:
            what = (
                "is not empty" if begun is None else f"holds an unfinished dump of {begun.get('repository')}"
            )
            raise ConfigError(f"the folder {what}", where=str(self._folder), todo="name another place")

    def known(self) -> dict[str, str]:
        """Return the SHA-256 of objects that are written already, by their addresses in the lake."""
        path = self._folder / KNOWN
        content = path.read_bytes() if path.is_file() else b""
        rows = {row["address"]: row["object"] for row in _lines_that_are_whole(content)}
        return {
            address: sha256
            for address, sha256 in rows.items()
            if (self._folder / object_name(sha256)).is_file()
        }

    def note(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Remember which objects are written, should the dump be stopped."""
        lines = _as_lines({"address": row["address"], "object": row["object"]} for row in rows)
        with _writable(self._folder), (self._folder / KNOWN).open("ab") as file:
            # What a crash cut off ends here.
            file.write(b"\n" + lines)

    def tree(self, commit_id: str) -> list[dict[str, Any]] | None:
        """Return the changes of a commit that are written already, or None."""
        path = self._tree_path(commit_id)
        return _lines(path.read_bytes()) if path.is_file() else None

    def put_tree(self, commit_id: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Keep the changes of a commit."""
        self._put(self._tree_path(commit_id), _as_lines(rows))

    def tree_sha256(self, commit_id: str) -> str:
        """Return the hash of a commit's changes."""
        return hashlib.sha256(self._tree_path(commit_id).read_bytes()).hexdigest()

    def put_object(self, pieces: Iterable[bytes]) -> str:
        """Keep an object's bytes and return their SHA-256."""
        digest, part = hashlib.sha256(), self._folder / f".{os.urandom(8).hex()}.part"
        try:
            with _writable(self._folder), part.open("wb") as out:
                for piece in pieces:
                    digest.update(piece)
                    out.write(piece)
            self._move(part, self._folder / object_name(digest.hexdigest()))
        finally:
            part.unlink(missing_ok=True)
        return digest.hexdigest()

    def finish(self, document: Mapping[str, Any], commits: Iterable[Mapping[str, Any]]) -> None:
        """Keep the commits and the document; the dump is whole."""
        lines = _as_lines(commits)
        self._put(self._folder / COMMITS, lines)
        head = {"format": FORMAT, "version": VERSION, "commits_sha256": hashlib.sha256(lines).hexdigest()}
        for leftover in self._folder.glob(".*.part"):
            leftover.unlink()
        (self._folder / KNOWN).unlink(missing_ok=True)
        (self._folder / SOURCE).unlink()
        self._put(self._folder / DOCUMENT, json.dumps({**head, **document}, indent=1).encode())

    def _tree_path(self, commit_id: str) -> Path:
        return self._folder / tree_name(commit_id)

    def _put(self, path: Path, content: bytes) -> None:
        part = self._folder / f".{os.urandom(8).hex()}.part"
        try:
            with _writable(self._folder):
                part.write_bytes(content)
            self._move(part, path)
        finally:
            part.unlink(missing_ok=True)

    def _move(self, part: Path, path: Path) -> None:
        with _writable(self._folder):
            path.parent.mkdir(parents=True, exist_ok=True)
            part.replace(path)


def pack(folder: Path, file: Path) -> None:
    """Make one zip file of a finished dump's folder, which goes; the file appears whole or not at all."""
    part = file.with_name(f"{file.name}.part")
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    try:
        with _writable(file), zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for path in paths:
                # The same content makes the same file, whenever it was written.
                about = zipfile.ZipInfo(path.relative_to(folder).as_posix())
                about.compress_type, about.file_size = zipfile.ZIP_DEFLATED, path.stat().st_size
                with path.open("rb") as content, archive.open(about, "w") as out:
                    shutil.copyfileobj(content, out, _CHUNK_BYTES)
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    folder.rmdir()


class Reading:
    """A finished dump; every file is compared with its hash as it is read.

    Attributes:
        document: What ``repository.json`` holds.
        id: The SHA-256 of ``repository.json``, and so of everything.

    Raises:
        InputError: It is no finished dump, or of another version.
    """

    def __init__(self, place: Path) -> None:
        self._place = place
        self._zip = None
        try:
            self._zip = zipfile.ZipFile(place) if place.is_file() else None
            content = self._content(DOCUMENT)
            self.document: dict[str, Any] = json_values.parse(content)
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise InputError("this is not a finished dump", where=str(place)) from error
        known = (self.document.get("format"), self.document.get("version"))
        if known != (FORMAT, VERSION):
            raise InputError(
                f"this is '{known[0]}' version {known[1]}, not '{FORMAT}' version {VERSION}", where=str(place)
            )
        self.id = hashlib.sha256(content).hexdigest()

    def close(self) -> None:
        """Let go of the file."""
        if self._zip is not None:
            self._zip.close()

    def commits(self) -> list[dict[str, Any]]:
        """Return every commit, parents before children."""
        return _lines(self._checked(COMMITS, self.document["commits_sha256"]))

    def tree(self, commit: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return what a commit changed."""
        return _lines(self._checked(tree_name(commit["id"]), commit["tree_sha256"]))

    def pieces(self, sha256: str) -> Iterator[bytes]:
        """Yield an object's bytes; bytes that are not what was dumped raise at their end."""
        name, digest = object_name(sha256), hashlib.sha256()
        try:
            with self._open(name) as file:
                while piece := file.read(_CHUNK_BYTES):
                    digest.update(piece)
                    yield piece
        except (OSError, KeyError, zipfile.BadZipFile) as error:
            raise InputError(f"{name} cannot be read", where=str(self._place)) from error
        if digest.hexdigest() != sha256:
            raise InputError(f"{name} is not what was dumped", where=str(self._place))

    def _open(self, name: str) -> IO[bytes]:
        return self._zip.open(name) if self._zip is not None else (self._place / name).open("rb")

    def _content(self, name: str) -> bytes:
        with self._open(name) as file:
            return file.read()

    def _checked(self, name: str, sha256: str) -> bytes:
        try:
            content = self._content(name)
        except (OSError, KeyError, zipfile.BadZipFile) as error:
            raise InputError(f"{name} cannot be read", where=str(self._place)) from error
        if hashlib.sha256(content).hexdigest() != sha256:
            raise InputError(f"{name} is not what was dumped", where=str(self._place))
        return content


def tree_name(commit_id: str) -> str:
    """Return the name of the file with a commit's changes."""
    return f"trees/{commit_id}.jsonl"


def object_name(sha256: str) -> str:
    """Return the name of the file with an object's bytes."""
    return f"objects/{sha256[:2]}/{sha256[2:]}"


def _as_lines(rows: Iterable[Mapping[str, Any]]) -> bytes:
    return b"".join(json.dumps(row, ensure_ascii=False, sort_keys=True).encode() + b"\n" for row in rows)


def _lines_that_are_whole(content: bytes) -> list[dict[str, Any]]:
    found = []
    for line in content.split(b"\n"):
        with suppress(ValueError):
            found.append(json_values.parse(line))
    return found


def _lines(content: bytes) -> list[dict[str, Any]]:
    return [json_values.parse(line) for line in content.split(b"\n") if line]

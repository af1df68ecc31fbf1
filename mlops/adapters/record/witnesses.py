"""Witnesses of the record of `main`: a file, the notes of a Git repository, a tag of the registered model."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from mlops.runs.errors import ConfigError, Corrupt, system_reason
from mlops.runs.json_values import mapping
from mlops.runs.record.seen import Seen

#: Where Git keeps what was seen; `git push origin refs/notes/mlops-record` shares it.
NOTES_REF = "refs/notes/mlops-record"

#: Tag of the registered model in MLflow.
NOTE_KEY = "mlops.record"

_GIT_TIMEOUT_S = 30.0


class FileWitness:
    """Keeps the newest change of one repository in a file of its own, with the record tags."""

    keeps_tags = True

    def __init__(self, file: Path, *, name: str = "the state folder") -> None:
        self._file = file
        self.name = name

    def read(self) -> Seen | None:
        """Return what was written last; None where there is no file."""
        try:
            data = self._file.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ConfigError(f"cannot be read: {system_reason(error)}", where=str(self._file)) from error
        return Seen.from_json(_parsed(data, str(self._file)), str(self._file))

    def write(self, seen: Seen) -> None:
        """Replace the file as a whole."""
        _replace(self._file, json.dumps(seen.to_json(), sort_keys=True, indent=1).encode() + b"\n")


class SharedFileWitness:
    """Keeps the newest change of several repositories in one file, e.g. on a share that is written once."""

    keeps_tags = False

    def __init__(self, file: Path, repository: str) -> None:
        self._file, self._repository = file, repository
        self.name = str(file)

    def read(self) -> Seen | None:
        """Return what was written last about the repository."""
        entry = self._entries().get(self._repository)
        return None if entry is None else Seen.from_json(entry, self.name)

    def write(self, seen: Seen) -> None:
        """Replace the repository's entry."""
        entries = {**self._entries(), self._repository: seen.to_json()}
        _replace(self._file, json.dumps(entries, sort_keys=True, indent=1).encode() + b"\n")

    def _entries(self) -> dict[str, Any]:
        try:
            data = self._file.read_bytes()
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise ConfigError(f"cannot be read: {system_reason(error)}", where=self.name) from error
        return dict(mapping(_parsed(data, self.name)))


class GitWitness:
    """Keeps every change that was seen as a line of a Git note on the first commit of a checkout.

    The notes have a history of their own, which can be pushed to where only the team can write.
    """

    keeps_tags = False

    def __init__(self, checkout: Path, repository: str) -> None:
        self._checkout, self._repository = checkout, repository
        self.name = f"the Git notes of {checkout}"

    def read(self) -> Seen | None:
        """Return the last line about the repository."""
        lines = [_parsed(line.encode(), self.name) for line in self._note().splitlines() if line]
        mine = [line for line in map(mapping, lines) if line.get("repository") == self._repository]
        return Seen.from_json(mine[-1], self.name) if mine else None

    def write(self, seen: Seen) -> None:
        """Append a line."""
        line = json.dumps({"repository": self._repository, **seen.to_json()}, sort_keys=True)
        note = f"{self._note().rstrip()}\n{line}\n".lstrip()
        self._git("notes", "--ref", NOTES_REF, "add", "--force", "--file", "-", self._first(), text=note)

    def _first(self) -> str:
        return self._git("rev-list", "--max-parents=0", "HEAD").split()[-1]

    def _note(self) -> str:
        first = self._first()
        if not self._git("notes", "--ref", NOTES_REF, "list", allowed=(0, 1)).count(first):
            return ""
        return self._git("notes", "--ref", NOTES_REF, "show", first)

    def _git(self, *arguments: str, text: str = "", allowed: Sequence[int] = (0,)) -> str:
        try:
            answer = subprocess.run(
                ["git", "-C", str(self._checkout), *arguments],
                input=text,
                capture_output=True,
                text=True,
                timeout=_GIT_TIMEOUT_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ConfigError(f"git did not answer: {error}", where="MLOPS_RECORD_WITNESS") from error
        if answer.returncode not in allowed:
            todo = "name a checkout with at least one commit"
            raise ConfigError(f"git: {answer.stderr.strip()}", where="MLOPS_RECORD_WITNESS", todo=todo)
        return answer.stdout


class NotedModels(Protocol):
    """The tracker, as far as it keeps notes on a registered model; both raise `TrackerUnavailable`."""

    def note(self, model: str, key: str, value: str) -> None:
        """Write a note on a registered model."""
        ...

    def noted(self, model: str) -> Mapping[str, str] | None:
        """Return the notes on a registered model; None where there is no such model."""
        ...


class TrackerWitness:
    """Keeps the newest change in a tag of the registered model, from its first promotion on."""

    keeps_tags = False
    name = "MLflow"

    def __init__(self, tracker: NotedModels, model: str) -> None:
        self._tracker, self._model = tracker, model

    def read(self) -> Seen | None:
        """Return what the tag says; None where there is no model or no tag."""
        noted = (self._tracker.noted(self._model) or {}).get(NOTE_KEY)
        return Seen.from_json(_parsed(noted.encode(), self.name), self.name) if noted else None

    def write(self, seen: Seen) -> None:
        """Set the tag; before the first promotion there is no model to set it on."""
        if self._tracker.noted(self._model) is not None:
            self._tracker.note(self._model, NOTE_KEY, json.dumps(seen.to_json(), sort_keys=True))


def named_witness(setting: str, repository: str) -> SharedFileWitness | GitWitness:
    """Return the witness that ``file:/path`` or ``git:/path/to/checkout`` names.

    Raises:
        ConfigError: It names none.
    """
    kind, _, path = setting.partition(":")
    if kind not in {"file", "git"} or not path:
        raise ConfigError("must be file:/path/to/file or git:/path/to/checkout", where="MLOPS_RECORD_WITNESS")
    place = Path(path).expanduser()
    return SharedFileWitness(place, repository) if kind == "file" else GitWitness(place, repository)


def _parsed(data: bytes, where: str) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Corrupt(f"not JSON: {error}", where=where) from error


def _replace(file: Path, data: bytes) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor, draft = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        Path(draft).replace(file)
    except OSError as error:
        raise ConfigError(f"cannot be written: {system_reason(error)}", where=str(file)) from error

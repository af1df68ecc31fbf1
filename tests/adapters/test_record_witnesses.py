"""Witnesses outside the lake: what was written is read again, and nothing else is taken for it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from mlops.adapters.record.witnesses import (
    NOTES_REF,
    FileWitness,
    GitWitness,
    SharedFileWitness,
    TrackerWitness,
    named_witness,
)
from mlops.adapters.tracking.tracker import MLflowTracker
from mlops.runs.errors import ConfigError, Corrupt
from mlops.runs.record.seen import Seen

ONE, TWO = Seen(1, "a" * 64, "b" * 64), Seen(2, "c" * 64, "d" * 64)


def _git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=T", "-c", "user.email=t@localhost")
    return subprocess.run(
        ["git", "-C", str(folder), *who, *arguments], check=True, capture_output=True, text=True
    ).stdout


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for variable in ("GIT_AUTHOR", "GIT_COMMITTER"):
        monkeypatch.setenv(f"{variable}_NAME", "T")
        monkeypatch.setenv(f"{variable}_EMAIL", "t@localhost")
    folder = tmp_path / "checkout"
    folder.mkdir()
    _git(folder, "init", "-q")
    _git(folder, "commit", "-q", "--allow-empty", "-m", "begin")
    return folder


def test_a_file_keeps_the_newest_change_and_the_tags(tmp_path: Path) -> None:
    witness = FileWitness(tmp_path / "record" / "flights.json")
    assert witness.read() is None
    seen = Seen(1, "a" * 64, "b" * 64, {"promotion-000001": "b" * 64})
    witness.write(seen)
    assert FileWitness(tmp_path / "record" / "flights.json").read() == seen


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"sequence": "1"}', b"[" * 100_000])
def test_a_file_that_is_no_witness_is_named(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "flights.json"
    file.write_bytes(content)
    with pytest.raises(Corrupt, match="not "):
        FileWitness(file).read()


def test_a_shared_file_keeps_repositories_apart(tmp_path: Path) -> None:
    file = tmp_path / "seen.json"
    flights, taxis = SharedFileWitness(file, "flights"), SharedFileWitness(file, "taxis")
    flights.write(ONE)
    taxis.write(TWO)
    assert (flights.read(), taxis.read()) == (ONE, TWO)


def test_git_notes_keep_every_change(checkout: Path) -> None:
    witness = GitWitness(checkout, "flights")
    assert witness.read() is None
    witness.write(ONE)
    GitWitness(checkout, "taxis").write(TWO)
    witness.write(TWO)
    assert GitWitness(checkout, "flights").read() == TWO
    note = _git(checkout, "notes", "--ref", NOTES_REF, "show", _git(checkout, "rev-parse", "HEAD").strip())
    assert len(note.splitlines()) == 3


def test_a_folder_without_git_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="git") as stopped:
        GitWitness(tmp_path, "flights").read()
    assert "checkout" in stopped.value.todo


def test_mlflow_keeps_it_from_the_first_registered_model_on(tmp_path: Path) -> None:
    tracker = MLflowTracker(f"sqlite:///{tmp_path / 'mlflow.db'}", "flights")
    witness = TrackerWitness(tracker, "flights")
    witness.write(ONE)
    assert witness.read() is None
    tracker.note("flights", "other", "x")
    witness.write(ONE)
    assert witness.read() == ONE


@pytest.mark.parametrize("setting", ["/path", "file:", "http:x"])
def test_a_setting_that_names_no_witness_is_refused(setting: str) -> None:
    with pytest.raises(ConfigError, match="file:/path"):
        named_witness(setting, "flights")

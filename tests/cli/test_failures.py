"""Exceptions that nobody expected, interruptions, and the machine's own refusals."""

from __future__ import annotations

import errno
import json
import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import pytest

from mlops.cli.output.failures import LocalFailure, failure_of
from mlops.runs.errors import InputError, ProtocolMisuse
from tests.cli.conftest import PIPELINE, Desk, Mlops


def raising(error: BaseException) -> Callable[..., object]:
    def call(*_: object) -> object:
        raise error

    return call


class TestUnexpected:
    def test_names_the_log_that_holds_the_traceback(self, mlops: Desk, tmp_path: Path) -> None:
        answer = mlops("log", PIPELINE, open_workspace=raising(RuntimeError("no such thing")))

        (log,) = (tmp_path / "state" / "logs").iterdir()
        assert answer.code == 1
        assert answer.error.startswith("error: unexpected RuntimeError: no such thing")
        assert str(log) in answer.error
        assert "Traceback (most recent call last)" in log.read_text()
        assert stat.S_IMODE(log.stat().st_mode) == 0o600

    def test_is_a_document_with_json(self, mlops: Desk) -> None:
        answer = mlops("log", PIPELINE, "--json", open_workspace=raising(KeyError("x")))

        assert answer.document["error"] == "Unexpected"
        assert answer.document["exit_code"] == 1

    def test_does_without_a_log_where_no_disk_takes_it(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "file").touch()
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "file"))

        error = failure_of(ValueError("x"), "log", tmp_path / "file")

        assert str(error) == "unexpected ValueError: x; this is a defect"

    def test_a_defect_of_the_protocol_leaves_its_traceback_too(self, tmp_path: Path) -> None:
        error = failure_of(ProtocolMisuse("not decided yet", where="run-1"), "run", tmp_path)

        assert isinstance(error, ProtocolMisuse)
        assert str(tmp_path / "logs") in error.todo

    def test_an_error_of_ours_is_found_below_what_wraps_it(self, tmp_path: Path) -> None:
        inner, wrapped = InputError("cannot be read", where="x.csv"), RuntimeError("step failed")
        wrapped.__cause__ = inner

        assert failure_of(wrapped, "run", tmp_path) is inner


class TestMachine:
    def test_a_full_disk_is_named(self, tmp_path: Path) -> None:
        error = failure_of(OSError(errno.ENOSPC, "x", str(tmp_path / "f")), "run", tmp_path)

        assert str(error) == (
            f"{tmp_path / 'f'}: No space left on device; free disk space, then run the same command again"
        )
        assert error.exit_code == 1
        assert not (tmp_path / "logs").exists()

    @pytest.mark.parametrize(
        ("words", "todo"),
        [
            ("database or disk is full", "free disk space"),
            ("attempt to write a readonly database", "MLOPS_STATE_DIR"),
        ],
    )
    def test_what_a_database_below_the_orchestrator_says_is_named(
        self, words: str, todo: str, tmp_path: Path
    ) -> None:
        wrapped = RuntimeError("(Background on this error at: x)")
        wrapped.__cause__ = sqlite3.OperationalError(words)

        error = failure_of(wrapped, "run", tmp_path)

        assert str(error).startswith(f"{tmp_path}: {words}; ")
        assert todo in error.todo
        assert not (tmp_path / "logs").exists()

    def test_a_folder_that_cannot_be_made_is_named(self, tmp_path: Path) -> None:
        state = tmp_path / "proc" / "nope"

        error = failure_of(FileNotFoundError(errno.ENOENT, "x", str(state)), "run", state)

        assert str(error) == f"{state}: No such file or directory; name another folder in MLOPS_STATE_DIR"
        assert not isinstance(
            failure_of(FileNotFoundError(errno.ENOENT, "x", "y"), "run", state), LocalFailure
        )

    @pytest.mark.parametrize("given", [("--state-dir", ""), ()])
    def test_an_empty_name_is_no_state_folder(
        self, given: tuple[str, ...], real: Mlops, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MLOPS_STATE_DIR", "")

        answer = real(*given, "status")

        assert answer.code == 2
        assert "MLOPS_STATE_DIR: not a possible value" in answer.error

    def test_a_value_of_the_wrong_kind_is_told_in_words(
        self, real: Mlops, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MLOPS_LAKE_PORT", "abc")

        assert real("status").error == (
            "error: MLOPS_LAKE_PORT: not a possible value: must be a valid integer; see `mlops settings`"
        )
        assert real("log", PIPELINE, "--limit", "x").error == (
            "error: Invalid value for '--limit': must be a whole number; see `mlops log --help`"
        )


class TestInterrupted:
    def test_says_how_to_go_on(self, mlops: Desk) -> None:
        before = mlops.head

        answer = mlops("log", PIPELINE, "--json", open_workspace=raising(KeyboardInterrupt()))

        assert answer.code == 130
        assert answer.document["what"] == "interrupted"
        assert answer.document["todo"] == "run the same command again to continue"
        assert answer.error == "error: interrupted; run the same command again to continue"
        assert mlops.head == before

    def test_dagsters_word_for_it_is_understood(self, mlops: Desk) -> None:
        from dagster import DagsterExecutionInterruptedError

        assert mlops("log", PIPELINE, open_workspace=raising(DagsterExecutionInterruptedError())).code == 130

    def test_keeps_what_was_done_before(self, mlops: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        from mlops.runs.arrivals.ingest import Ingested
        from mlops.steps.arrivals import ingest

        answers = iter([Ingested("2020-05", "c" * 64, summary="points 1 of 1")])

        def deliver(*_: object, **__: object) -> Ingested:
            try:
                return next(answers)
            except StopIteration:
                raise KeyboardInterrupt from None

        monkeypatch.setattr(ingest, "deliver", deliver)
        answer = mlops("ingest", PIPELINE, "2020-05..2020-06", "--json")

        assert answer.code == 130
        assert [one["arrival"] for one in answer.document["ingested"]] == ["2020-05"]


@pytest.mark.skipif(os.name == "nt", reason="pipes of POSIX")
def test_a_reader_that_goes_away_is_no_error() -> None:
    command = f"{sys.executable} -m mlops.cli settings | true"
    answer = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)

    assert answer.stderr == ""


@pytest.mark.skipif(os.name == "nt", reason="streams of POSIX")
@pytest.mark.parametrize("stream", ["1", "2"])
def test_a_stream_that_is_closed_is_no_error(stream: str) -> None:
    command = f"{sys.executable} -m mlops.cli settings {stream}>&-"
    answer = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)

    assert answer.returncode == 0
    assert answer.stderr == ""
    assert ("MLOPS_STATE_DIR" in answer.stdout) is (stream == "2")


class TestEncodings:
    """What is printed where the terminal knows ASCII alone."""

    ASCII: ClassVar[dict[str, str]] = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
        command = [sys.executable, "-m", "mlops.cli", *arguments]
        return subprocess.run(command, capture_output=True, env={**os.environ, **environment}, check=False)

    @pytest.mark.parametrize("encoding", ["ascii:strict", "utf-8:strict"])
    def test_a_character_that_it_lacks_breaks_no_document(self, encoding: str) -> None:
        answer = self.run("init", "na\u00efve", "--json", PYTHONIOENCODING=encoding)

        assert json.loads(answer.stdout)["where"] == "na\u00efve"
        assert answer.returncode == 2

    def test_a_character_that_it_lacks_is_escaped(self) -> None:
        answer = self.run("init", "na\u00efve", PYTHONIOENCODING="ascii:strict")

        assert answer.stderr.startswith(b"error: na\\xefve: no such pipeline")

    def test_an_argument_that_is_no_text_there_is_named(self) -> None:
        answer = self.run("init", "na\u00efve", **self.ASCII)

        assert answer.returncode == 2
        assert answer.stderr.count(b"\n") == 1
        assert b"argument 2 cannot be read as text" in answer.stderr
        assert b"LC_ALL" in answer.stderr


def test_the_program_exits_with_the_code_of_the_error() -> None:
    command = [sys.executable, "-m", "mlops.cli", "run", "nonsense"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)

    assert answer.returncode == 2
    assert answer.stderr.splitlines()[-1].startswith("error: nonsense: no such pipeline")

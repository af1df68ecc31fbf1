"""Completion and version: a shell is answered in its own words."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mlops import __version__

ROOT = Path(__file__).resolve().parents[2]


def _program(folder: Path) -> str:
    """Return a PATH on which ``mlops`` is this source tree's."""
    program = folder / "mlops"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m mlops.cli "$@"\n')
    program.chmod(0o755)
    return f"{folder}:/usr/bin:/bin"


def _bash(folder: Path, script: str) -> list[str]:
    answer = subprocess.run(
        ["bash", "--norc", "-c", script],
        cwd=ROOT,
        env={"PATH": _program(folder)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stderr == ""
    return answer.stdout.split()


@pytest.mark.parametrize(
    ("words", "position", "expected"),
    [
        ("mlops roll", 1, "rollback"),
        ("mlops lake ver", 2, "verify"),
        ("mlops run flights --take", 3, "--take-over"),
    ],
)
def test_bash_completes_commands_and_options(
    tmp_path: Path, words: str, position: int, expected: str
) -> None:
    script = (
        "source <(mlops completion bash)\n"
        f"COMP_WORDS=({words}) COMP_CWORD={position}\n"
        "_mlops_completion mlops\n"
        'printf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    assert _bash(tmp_path, script) == [expected]


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_load_the_script(tmp_path: Path, shell: str) -> None:
    script = "\n".join(_bash(tmp_path, f"mlops completion {shell}"))
    assert "_MLOPS_COMPLETE" in script
    if shutil.which(shell):
        checked = subprocess.run([shell, "-n"], input=script, text=True, capture_output=True, check=False)
        assert checked.returncode == 0, checked.stderr


def test_the_version_is_printed(tmp_path: Path) -> None:
    assert _bash(tmp_path, "mlops --version") == ["mlops", __version__]

"""The README is true: what it names exists, and its commands run in a fresh clone and an empty home."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def shell_blocks() -> list[list[str]]:
    """Return the commands of each block marked ``sh``, in the order printed, without comments."""
    blocks = re.findall(r"^```sh\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)
    return [[line.split("  #")[0].strip() for line in block.splitlines() if line.strip()] for block in blocks]


def test_every_recipe_named_exists() -> None:
    recipes = set(
        re.findall(
            r"^([a-z][a-z-]*)(?: \*?[A-Z]+(?:=\S*?)?)?:", (ROOT / "justfile").read_text(), re.MULTILINE
        )
    )
    named = set(re.findall(r"(?:`|&& |just )just ([a-z][a-z-]+)\b", README))
    assert named
    assert named <= recipes


def test_every_command_named_exists() -> None:
    from mlops.cli.app import app

    known = {c.name or (c.callback.__name__ if c.callback else "") for c in app.registered_commands}
    known |= {group.name for group in app.registered_groups}
    named = set(re.findall(r"(?:`|^)mlops ([a-z][a-z-]*)", README, re.MULTILINE))
    assert named
    assert named <= {str(name).rstrip("_").replace("_", "-") for name in known}


def test_every_folder_that_contributing_lists_exists_and_no_package_is_missing() -> None:
    listed = re.findall(r"^\| `([\w/]+)` \|", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE)
    assert [name for name in listed if not (ROOT / name).is_dir()] == []
    packages = {f"mlops/{path.parent.name}" for path in (ROOT / "mlops").glob("*/__init__.py")}
    assert packages <= set(listed)


def test_it_fits_one_screen_and_links_to_what_exists() -> None:
    assert len(README.splitlines()) <= 60
    targets = re.findall(r"\]\(([^)]+)\)", README)
    assert targets
    assert [target for target in targets if not (ROOT / target).is_file()] == []


@pytest.mark.readme
def test_the_commands_run_in_the_order_printed(tmp_path: Path) -> None:
    clone, home, python = tmp_path / "clone", tmp_path / "home", tmp_path / "python"
    home.mkdir()
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    # The machine's own Python stays as it is: this one stands in for that of a fresh machine.
    subprocess.run([sys.executable, "-m", "venv", str(python)], check=True)
    kept = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_", "LANG"))}
    env = {**kept, "HOME": str(home), "PATH": f"{python / 'bin'}:/usr/bin:/bin"}
    try:
        for commands in shell_blocks():
            # All tests are what CI runs beside this one; here it is the set-up that is on trial.
            script = "\n".join(c + " --collect-only -q" if c.endswith("just test") else c for c in commands)
            answer = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", script],
                cwd=clone,
                env=env,
                capture_output=True,
                text=True,
                timeout=1800,
                check=False,
            )
            assert answer.returncode == 0, f"{script}\n{answer.stdout[-3000:]}\n{answer.stderr[-3000:]}"
            assert "Traceback" not in answer.stdout + answer.stderr
    finally:
        for state in (".mlops", ".mlops/demo"):
            down = [str(clone / ".venv/bin/mlops"), "--state-dir", state, "down"]
            subprocess.run(down, cwd=clone, env=env, check=False)
    left = {path.name for path in home.iterdir()}
    assert left <= {".cache", ".config", ".local"}, "the commands wrote into the home folder"

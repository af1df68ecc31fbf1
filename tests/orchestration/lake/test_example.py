"""The documented example runs as somebody would run it who has copied its folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.docs.pages import DOCS, blocks, pages

EXAMPLE = DOCS / "examples" / "dagster_lakefs"
PAGE = "how-to/dagster-assets.md"


def test_its_own_tests_pass_in_a_folder_and_on_lakefs(repository: str, tmp_path: Path) -> None:
    copy = shutil.copytree(EXAMPLE, tmp_path / "shop", ignore=shutil.ignore_patterns("__pycache__"))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider"],
        cwd=copy,
        env={**os.environ, "LAKEFS_REPOSITORY": repository, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout
    assert "skipped" not in done.stdout


def test_the_page_shows_the_example_as_it_is() -> None:
    code = (EXAMPLE / "definitions.py").read_text(encoding="utf-8")
    assert code in blocks(pages()[PAGE], "python")


def test_what_is_about_the_lake_is_ten_lines_at_most() -> None:
    text = (EXAMPLE / "definitions.py").read_text(encoding="utf-8")
    after = text.split("nothing above knows of it.\n")[1]
    assert len(after.splitlines()) + 1 <= 10  # with the import

"""Shorthand of the contract tests."""

from __future__ import annotations

import time
from collections.abc import Mapping

from mlops.runs.ports import Lake
from tests.support.fakes import FakeClock

NOWHERE = "0" * 64

#: Refuses a merge whose expected head is not the head, and one that names no kind.
ENFORCER = """\
name: contract gate
on: {pre-merge: {branches: [main]}}
hooks:
  - id: gate
    type: lua
    properties:
      script: |
        local hook = require("hook")
        local metadata = action.commit.metadata
        if metadata["expected_head"] ~= action.commit.parents[1] then
          hook.fail("main-moved: main is at " .. action.commit.parents[1])
        end
        if metadata["kind"] == nil then
          hook.fail("a merge must name its kind")
        end
        if metadata["kind"] == "broken" then
          error("the script broke")
        end
"""


def commit_file(lake: Lake, branch: str, path: str, data: bytes, **metadata: str) -> str:
    """Commit one object on a branch and return the commit id."""
    lake.write(branch, path, data)
    return lake.commit(branch, f"write {path}", metadata)


def forked(lake: Lake, branch: str, files: Mapping[str, bytes], source: str = "") -> str:
    """Create a branch from `main` (or ``source``), commit files on it, and return the commit id."""
    lake.create_branch(branch, source or lake.head("main"))
    for path, data in files.items():
        lake.write(branch, path, data)
    return lake.commit(branch, f"files of {branch}", {})


def on_main(lake: Lake, branch: str, files: Mapping[str, bytes]) -> str:
    """Commit files on a new branch, merge it into `main`, and return the merge's id."""
    return lake.merge(forked(lake, branch, files), "main", f"merge {branch}", {})


class PatientClock(FakeClock):
    """Real waiting: a real lakeFS notices lifted protection only some seconds later."""

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

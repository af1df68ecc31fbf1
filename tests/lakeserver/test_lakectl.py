"""lakeFS's own command line, unmodified."""

from __future__ import annotations

import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest

from mlops.lakeserver import Credentials, running_server
from tests.support.lakectl_play import Lakectl, Said, play

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("lakectl") is None, reason="there is no lakectl on PATH"),
]

# lakeFS takes up to six seconds until it heeds a rule.
REAL_PATIENCE_S = 7
REAL_USER = "mlops"
REFUSED = [
    "repo create R local://lakectl-2",
    "fs stat R/main/nosuch",
    "fs cat R/main/nosuch",
    "commit R/main -m nothing",
    "branch create R/dev -s R/main",
    "branch show R/nosuch",
    "merge R/dev R/main",
    "actions runs describe R nosuch",
    "branch revert R/main <commit> -y",
    "merge R/one R/two",
    "merge R/one R/nosuch",
    "tag create R/v1 R/main",
    "tag delete R/v1 -y",
    "tag show R/v1",
    "fs upload R/main/p -s a.txt",
    "commit R/main -m no",
    "branch-protect delete R nosuch",
    "commit R/shut -m refused",
    "branch delete R/two -y",
    "branch delete R/main -y",
    "gc get-config R",
    "repo delete R -y",
]


def on_embedded(folder: Path, credentials: Credentials) -> list[Said]:
    (folder / "work").mkdir()
    with running_server(folder / "data", credentials, durable=False) as server:
        key = credentials.access_key_id, credentials.secret_access_key
        return play(Lakectl(folder / "work", server.url, *key), lambda: None)


def on_real(folder: Path) -> list[Said]:
    from mlops.adapters.lake import servers

    (folder / "work").mkdir(parents=True)
    try:
        found = servers.start_lakefs(folder)
        key = found.access_key_id, found.secret_access_key
        return play(Lakectl(folder / "work", found.endpoint, *key), lambda: time.sleep(REAL_PATIENCE_S))
    finally:
        servers.stop(folder)


def test_lakectl_is_understood(tmp_path: Path, credentials: Credentials) -> None:
    answers = on_embedded(tmp_path, credentials)
    refused = [said.told for said in answers if said.code]
    assert refused == REFUSED, [said for said in answers if said.code and said.told not in REFUSED]
    said = {answer.told: answer.text for answer in answers}
    # As uploaded, after a merge and its revert, and after a cherry-pick of what was merged.
    texts = [answer.text for answer in answers if answer.told == "fs cat R/main/a.txt"]
    assert texts == ["alpha\n", "alpha\n", "beta\n"]
    assert "hello" in said["actions runs describe R <run>"]
    assert "it is shut" in said["commit R/shut -m refused"]
    assert "cannot write to protected branch" in said["fs upload R/main/p -s a.txt"]
    assert "Conflict found" in said["merge R/one R/two"]
    work = tmp_path / "work"
    assert (work / "got.txt").read_text() == "alpha\n"
    assert sorted(path.name for path in (work / "got").iterdir()) == ["x", "y", "z"]
    assert (work / "clone" / "y").read_text() == "changed here"
    here = {path.name for path in (work / "local").iterdir() if path.suffix != ".yaml"}
    assert here == {"y", "z"}, "as main has it"


@pytest.mark.real_lakefs
def test_lakectl_says_the_same_as_of_a_real_server(tmp_path: Path, credentials: Credentials) -> None:
    (tmp_path / "embedded").mkdir()
    ours = on_embedded(tmp_path / "embedded", replace(credentials, user=REAL_USER))
    theirs = on_real(tmp_path / "real")
    for our, their in zip(ours, theirs, strict=True):
        assert our == their

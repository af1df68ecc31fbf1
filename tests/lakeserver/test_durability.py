"""Killed at any moment, the server comes back with everything it acknowledged, and nothing half done."""

from __future__ import annotations

import http.client
import random
import signal
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

from mlops.lakeserver import Credentials
from mlops.lakeserver.store import Store
from mlops.lakeserver.store.verify import verify

WRITERS = 8
LARGE = 80_000
#: All of a store is read and verified after every round, so more rounds on one store cost more and more.
ROUNDS_A_STORE = 5


class Killed(Exception):
    """The server went away before it answered."""


class Acknowledged:
    """What the server said it had done, written down by one writer on a branch of its own."""

    def __init__(self, number: int) -> None:
        self.branch = f"w{number}"
        self.staged: dict[str, bytes] = {}
        self.asked: dict[str, bytes] = {}
        self.commits: dict[str, dict[str, bytes]] = {}
        self.merged: list[str] = []


def start(program: Any, data: Path, credentials: Credentials) -> tuple[subprocess.Popen[str], str]:
    known = {
        "LAKESERVER_ACCESS_KEY_ID": credentials.access_key_id,
        "LAKESERVER_SECRET_ACCESS_KEY": credentials.secret_access_key,
    }
    process = program("--data", str(data), "--listen", "127.0.0.1:0", **known)
    assert process.stdout is not None
    return process, process.stdout.readline().split()[2]


def write(api: Any, notes: Acknowledged, seed: int) -> None:
    """Uploads, commits and merges until the server is gone."""
    rng = random.Random(seed)
    try:
        for step in range(10_000):
            path = f"{notes.branch}/{rng.randrange(12)}"
            body = rng.randbytes(rng.choice([10, 1000, LARGE]))
            notes.asked[path] = body
            api.put(path, body, branch=notes.branch)
            notes.staged[path] = body
            if step % 5 == 4:
                made = api.commit(f"{notes.branch} {step}", branch=notes.branch)
                notes.commits[made["id"]] = dict(notes.staged)
            if step % 10 == 9:
                answer = api.merge(notes.branch)
                assert answer.status == 200, answer.body
                notes.merged.append(answer.json["reference"])
    except (OSError, http.client.HTTPException) as error:
        raise Killed from error


def one_round(program: Any, data: Path, credentials: Credentials, new_api: Any, seed: int) -> None:
    rng = random.Random(seed)
    process, url = start(program, data, credentials)
    api = new_api(url, "kept", credentials)
    api("POST", "/repositories", {"name": "kept", "storage_namespace": "local://kept"})
    notes = [Acknowledged(number) for number in range(WRITERS)]
    threads = []
    for number, note in enumerate(notes):
        note.branch = f"w{seed}-{number}"
        api.branch(note.branch)
        client = new_api(url, "kept", credentials)
        threads.append(threading.Thread(target=_until_killed, args=(client, note, rng.random())))
    timer = threading.Timer(0.15 + rng.random() * 0.6, process.send_signal, (signal.SIGKILL,))
    for thread in threads:
        thread.start()
    timer.start()
    for thread in threads:
        thread.join()
    process.wait()
    check(program, data, credentials, new_api, notes)


def _until_killed(client: Any, note: Acknowledged, seed: float) -> None:
    try:
        write(client, note, int(seed * 1e9))
    except Killed:
        return


def check(
    program: Any, data: Path, credentials: Credentials, new_api: Any, notes: list[Acknowledged]
) -> None:
    process, url = start(program, data, credentials)
    try:
        api = new_api(url, "kept", credentials)
        history = {row["id"] for row in api.ok("GET", "R/refs/main/commits", amount=1000)["results"]}
        for note in notes:
            for path, body in note.staged.items():
                found = api.read(path, note.branch)
                # The upload that was under way may have come through, whole.
                assert found in (body, note.asked[path])
            for commit_id, content in note.commits.items():
                assert {path: api.read(path, commit_id) for path in content} == content
            assert set(note.merged) <= history
    finally:
        process.terminate()
        process.wait()
    store = Store(data)
    assert verify(store) == []
    store.close()


#: Two hundred rounds; all but the first sixty are left to `just test-faults`.
PARTS = [
    pytest.param(first_seed, marks=[pytest.mark.faults] if first_seed >= 60 else [])
    for first_seed in range(0, 200, ROUNDS_A_STORE)
]


@pytest.mark.slow
@pytest.mark.parametrize("first_seed", PARTS)
def test_what_was_acknowledged_survives_two_hundred_kills(
    program: Any, data_dir: Path, credentials: Credentials, new_api: Any, first_seed: int
) -> None:
    for seed in range(first_seed, first_seed + ROUNDS_A_STORE):
        one_round(program, data_dir, credentials, new_api, seed)

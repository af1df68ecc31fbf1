"""One server per store, no new store in place of what is left of one, and no traceback at the start."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mlops.lakeserver import Credentials, Server, running_server
from mlops.lakeserver.errors import StorageDamaged
from mlops.lakeserver.server import Options
from mlops.lakeserver.store import Store, Transaction
from mlops.lakeserver.store.lock import FormatMismatch, StoreInUse, StoreUnusable

DATABASE = "lake.sqlite"


@pytest.fixture
def left(data_dir: Path, credentials: Credentials, new_api: Any) -> Path:
    """The folder of a store that is not open."""
    with running_server(data_dir, credentials, durable=False) as running:
        api = new_api(running.url, "kept")
        api.ok("POST", "/repositories", {"name": "kept", "storage_namespace": "local://kept"})
        api.put("small")
        api.put("large", b"l" * 100_000)
        api.commit()
    return data_dir


def empty(path: Path) -> None:
    path.write_bytes(b"")


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "lock"
    }


@pytest.mark.parametrize(("damage", "state"), [(Path.unlink, "is missing"), (empty, "is empty")])
def test_a_store_without_its_database_is_refused_and_left_alone(left: Path, damage: Any, state: str) -> None:
    damage(left / DATABASE)
    before = files_of(left)
    with pytest.raises(StoreUnusable) as caught:
        Store(left)
    assert str(caught.value) == (
        f"{left / DATABASE} {state}, but other parts of a store are there (objects): put the database back "
        "from a backup, or name another folder; nothing was changed"
    )
    assert files_of(left) == before


@pytest.mark.parametrize("part", ["linked", "dumps"])
def test_any_other_part_of_a_store_is_enough(data_dir: Path, part: str) -> None:
    (data_dir / part).mkdir(parents=True)
    with pytest.raises(StoreUnusable, match=rf"is missing, .* \({part}\)"):
        Store(data_dir)
    assert not (data_dir / DATABASE).exists()


def test_a_log_without_its_database_is_not_thrown_away(data_dir: Path) -> None:
    data_dir.mkdir()
    (data_dir / f"{DATABASE}-wal").write_bytes(b"x" * 5000)
    with pytest.raises(StoreUnusable, match=r"lake\.sqlite-wal"):
        Store(data_dir)
    assert (data_dir / f"{DATABASE}-wal").stat().st_size == 5000


def test_a_store_that_was_being_created_is_created(data_dir: Path) -> None:
    data_dir.mkdir()
    empty(data_dir / DATABASE)
    Store(data_dir).close()
    Store(data_dir).close()


def test_the_program_names_a_store_without_its_database(left: Path, program: Any) -> None:
    (left / DATABASE).unlink()
    running = program("--data", str(left), "--listen", "127.0.0.1:0")
    _, error = running.communicate(timeout=30)
    assert running.returncode == 1
    assert error.startswith(
        f"lake server: {left / DATABASE} is missing, but other parts of a store are there"
    )
    assert "Traceback" not in error


def test_a_second_server_is_refused_even_without_the_lock_file(
    data_dir: Path, credentials: Credentials, program: Any
) -> None:
    with running_server(data_dir, credentials) as first:
        (data_dir / "lock").unlink()
        with pytest.raises(StoreInUse, match="in use by another lake server") as caught:
            Store(data_dir)
        assert first.url in str(caught.value)
        second = program("--data", str(data_dir), "--listen", "127.0.0.1:0")
        _, error = second.communicate(timeout=30)
        assert (second.returncode, "Traceback" in error) == (1, False)
        assert f"{data_dir} is in use by another lake server" in error
        assert first.url in error
    Store(data_dir).close()


def change(store: Store, value: str) -> None:
    def work(tx: Transaction) -> None:
        tx.execute("INSERT OR REPLACE INTO settings VALUES ('test', ?)", (value,))

    store.write(work)


def test_nothing_is_written_once_another_server_has_opened_the_store(data_dir: Path) -> None:
    """As on a file system that locks nothing."""
    store = Store(data_dir)
    change(store, "before")
    store.database.writer.execute("UPDATE settings SET value = value + 1 WHERE name = 'epoch'")
    with pytest.raises(StorageDamaged, match="another lake server has opened this store: nothing is written"):
        change(store, "after")
    assert store.setting("test") == "before"
    store.close()


@pytest.mark.parametrize("replace", [False, True], ids=["deleted", "replaced"])
def test_nothing_is_written_into_a_database_that_is_not_there_any_more(data_dir: Path, replace: bool) -> None:
    store = Store(data_dir)
    change(store, "before")
    database = data_dir / DATABASE
    if replace:
        shutil.copy(database, data_dir / "copy")
        (data_dir / "copy").replace(database)
    else:
        database.unlink()
    with pytest.raises(StorageDamaged, match="was moved, deleted or replaced while this server had it"):
        change(store, "after")
    store.close()


LIMITED = """
import resource, runpy, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), int(sys.argv[1])))
sys.argv = ["lakeserver", *sys.argv[2:]]
runpy.run_module("mlops.lakeserver", run_name="__main__")
"""


def start_with(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Starts the program, which is not to come up."""
    return subprocess.run(
        [sys.executable, *arguments, "--listen", "127.0.0.1:0"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=os.environ | {"LAKESERVER_ACCESS_KEY_ID": "k", "LAKESERVER_SECRET_ACCESS_KEY": "s"},
    )


@pytest.mark.parametrize("bytes_left", [0, 20, 4_096, 50_000])
def test_a_disk_without_room_is_named_at_the_start(data_dir: Path, bytes_left: int) -> None:
    ended = start_with("-c", LIMITED, str(bytes_left), "--data", str(data_dir))
    assert ended.returncode == 1
    assert ended.stderr.startswith("lake server: ")
    assert ended.stderr.count("\n") == 1, ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_store_cannot_be_opened_on_a_full_disk(left: Path) -> None:
    ended = start_with("-c", LIMITED, "100", "--data", str(left))
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1), ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_garbled_page_is_named_at_the_start(left: Path, credentials: Credentials) -> None:
    """Every page once, and some bytes of each: the server starts, or says what is wrong in one error."""
    whole = (left / DATABASE).read_bytes()
    chance = random.Random(1)
    refused = 0
    for page in range(0, len(whole), 8192):
        garbled = bytearray(whole)
        garbled[page : page + 8192] = chance.randbytes(len(garbled[page : page + 8192]))
        (left / DATABASE).write_bytes(garbled)
        refused += not starts(left, credentials)
    for _ in range(60):
        garbled = bytearray(whole)
        at = chance.randrange(len(whole))
        garbled[at : at + 8] = chance.randbytes(8)
        (left / DATABASE).write_bytes(garbled)
        refused += not starts(left, credentials)
    assert refused
    (left / DATABASE).write_bytes(whole)
    assert starts(left, credentials)


def starts(folder: Path, credentials: Credentials) -> bool:
    for name in ("-wal", "-shm"):
        (folder / f"{DATABASE}{name}").unlink(missing_ok=True)
    try:
        server = Server(Options(folder, credentials, "127.0.0.1:0", durable=False))
    except FormatMismatch as error:
        return not str(error)
    server.close()
    return True

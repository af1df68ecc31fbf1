"""``infra/compose.yaml`` starts: what it says is run, not only read."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.infra.compose import DOCKERFILE, FILE, ROOT, Machine, answer, services
from tests.infra.postgres import Postgres, program

_TOOLS = Path(sys.executable).parent

#: Every character that an address or a shell would take for something else.
_PASSWORD = "p@ss/w:r d?#%&$'\"!"


def _needs(*names: str) -> pytest.MarkDecorator:
    missing = [name for name in names if not (program(name) or shutil.which(name))]
    return pytest.mark.skipif(bool(missing), reason=f"not on this machine: {', '.join(missing)}")


def test_the_file_follows_the_schema_of_compose() -> None:
    command = [str(_TOOLS / "check-jsonschema"), "--builtin-schema", "vendor.compose-spec", str(FILE)]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_dockerfile_has_no_flaw_that_hadolint_knows() -> None:
    checked = subprocess.run(
        [str(_TOOLS / "hadolint"), str(DOCKERFILE)], capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stdout) == (0, "")


def test_what_the_dockerfile_copies_is_in_the_context() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    for line in re.findall(r"^COPY (.+)$", DOCKERFILE.read_text(encoding="utf-8"), re.MULTILINE):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), source
            assert f"!{source}" in ignored


def test_lakefs_is_a_version_that_is_open_source() -> None:
    version = re.fullmatch(r"treeverse/lakefs:1\.(\d+)\.\d+", services()["lakefs"]["image"])
    assert version
    assert int(version[1]) <= 86


def test_no_secret_stands_in_the_file_and_none_can_be_forgotten() -> None:
    for name, service in services().items():
        for key, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|SECRET|KEY", key):
                assert re.fullmatch(r"\$\{\w+:\?.+\}", value), (name, key)


def test_nothing_is_published_beyond_this_machine() -> None:
    ports = [port for service in services().values() for port in service.get("ports", [])]
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_every_mounted_volume_and_file_is_there() -> None:
    declared = yaml.safe_load(FILE.read_text(encoding="utf-8"))["volumes"]
    for service in services().values():
        for mount in service.get("volumes", []):
            source = mount.split(":")[0]
            assert source in declared or (source.startswith("./") and (FILE.parent / source).is_file())


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    lakefs, mlflow, postgres = _free_ports(3)
    folder = tmp_path_factory.mktemp("compose")
    server = Postgres(postgres, _PASSWORD)
    here = {
        "@postgres/": f"@127.0.0.1:{postgres}/",
        "http://lakefs:8000": f"http://127.0.0.1:{lakefs}",
        "0.0.0.0:8000": f"127.0.0.1:{lakefs}",
        "127.0.0.1:8000": f"127.0.0.1:{lakefs}",
        "127.0.0.1:5000": f"127.0.0.1:{mlflow}",
        "0.0.0.0": "127.0.0.1",  # noqa: S104 - this takes it away
        "5000": str(mlflow),
        "/home/lakefs": str(folder / "lakefs"),
        "pg_isready": f"{program('pg_isready')}",
    }
    secrets = {
        "POSTGRES_PASSWORD": _PASSWORD,
        "LAKEFS_ENCRYPT_KEY": "encrypt",
        "LAKEFS_ACCESS_KEY_ID": "AKIAIOSFDNN7EXAMPLEQ",
        "LAKEFS_SECRET_ACCESS_KEY": "secret/with+every=kind of$sign",
    }
    made = Machine(folder, secrets, here)
    try:
        # As the image does with each file in its folder for that.
        psql = [program("psql"), "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", str(postgres)]
        script = FILE.parent / "databases.sql"
        subprocess.run(
            [*psql, "-U", "postgres", "-f", str(script)],
            env={"PGPASSWORD": _PASSWORD, "LANG": "C.UTF-8"},
            capture_output=True,
            check=True,
        )
        yield made
    finally:
        made.stop()
        server.stop()


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


@pytest.mark.slow
@_needs("initdb", "psql", "lakefs", "wget")
def test_lakefs_starts_on_an_empty_database_takes_its_key_and_starts_again(machine: Machine) -> None:
    import lakefs
    from lakefs.client import Client

    first = machine.start("lakefs")
    machine.wait("lakefs", first)
    host = f"http://{machine.here['127.0.0.1:8000']}"
    key = {
        "username": machine.secrets["LAKEFS_ACCESS_KEY_ID"],
        "password": machine.secrets["LAKEFS_SECRET_ACCESS_KEY"],
    }
    client = Client(host=host, **key)
    repository = lakefs.Repository("flights", client=client).create(storage_namespace="local://flights")
    repository.branch("main").object("raw/a").upload(data=b"1", pre_sign=False)
    assert "is set up" in machine.log("lakefs")
    assert machine.secrets["LAKEFS_SECRET_ACCESS_KEY"] not in machine.log("lakefs")

    first.terminate()
    first.wait(timeout=60)
    machine.wait("lakefs", machine.start("lakefs"))
    again = lakefs.Repository("flights", client=Client(host=host, **key))
    assert again.branch("main").object("raw/a").reader(pre_sign=False).read() == b"1"
    assert machine.log("lakefs").count("is set up") == 1


@pytest.mark.slow
@_needs("initdb", "psql", "lakefs", "wget")
def test_lakefs_does_not_start_where_its_database_refuses_it(machine: Machine) -> None:
    wrong = Machine(machine.folder, {**machine.secrets, "POSTGRES_PASSWORD": "wrong"}, machine.here)
    process = wrong.start("lakefs")
    assert process.wait(timeout=120) != 0
    assert "password authentication failed" in wrong.log("lakefs")


@pytest.mark.slow
@_needs("initdb", "psql")
def test_mlflow_starts_on_its_own_database(machine: Machine) -> None:
    import mlflow

    process = machine.start("mlflow")
    machine.wait("mlflow", process, timeout_s=300)
    address = f"http://{machine.here['127.0.0.1:5000']}"
    assert answer(f"{address}/") == 200
    client = mlflow.MlflowClient(tracking_uri=address)
    experiment = client.create_experiment("flights")
    run = client.create_run(experiment)
    client.log_metric(run.info.run_id, "mae", 12.0)
    assert client.get_run(run.info.run_id).data.metrics == {"mae": 12.0}
    assert _tables(machine, "mlflow") >= {"experiments", "runs", "registered_models"}


def _tables(machine: Machine, database: str) -> set[str]:
    port = machine.here["@postgres/"].rpartition(":")[2].rstrip("/")
    query = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
    listed = subprocess.run(
        [
            program("psql"),
            "-At",
            "-h",
            "127.0.0.1",
            "-p",
            port,
            "-U",
            "postgres",
            "-d",
            database,
            "-c",
            query,
        ],
        env={"PGPASSWORD": _PASSWORD, "LANG": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(listed.stdout.split())

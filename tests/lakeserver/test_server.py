from __future__ import annotations

import json
import signal
import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from mlops.lakeserver import Credentials, Options, Server, running_server
from mlops.lakeserver.credentials import CredentialsUnusable, find
from mlops.lakeserver.server import ListenRefused


def test_the_program_serves_until_it_is_told_to_stop(data_dir: Path, new_api: Any, program: Any) -> None:
    running = program("--data", str(data_dir), "--listen", "127.0.0.1:0")
    assert running.stdout is not None
    line = running.stdout.readline()
    assert line.startswith("lake server: http://127.0.0.1:"), line
    url = line.split()[2]
    described = json.loads((data_dir / "server.json").read_text())
    assert described == {"pid": running.pid, "address": url}
    known = find(data_dir / "lakectl.yaml", {})
    assert (data_dir / "lakectl.yaml").stat().st_mode & 0o777 == 0o600
    api = new_api(url, "some-repo", known)
    api.ok("POST", "/repositories", {"name": "some-repo", "storage_namespace": "local://x"})
    assert api.ok("GET", "/user")["user"]["id"] == "admin"

    second = program("--data", str(data_dir), "--listen", "127.0.0.1:0")
    _, error = second.communicate(timeout=20)
    assert second.returncode == 1
    assert url in error
    assert str(running.pid) in error
    assert "Traceback" not in error

    running.send_signal(signal.SIGTERM)
    assert running.communicate(timeout=20)[1] == ""
    assert not (data_dir / "server.json").exists()


@pytest.mark.parametrize(
    "listen", ["0.0.0.0:0", "192.168.1.1:80", "[::]:0", "a.org:80", "127.0.0.1", "127.0.0.1:x"]
)
def test_only_this_machine_is_served(data_dir: Path, listen: str) -> None:
    with pytest.raises(ListenRefused):
        Server(Options(data_dir, Credentials("k", "s"), listen))
    assert not data_dir.exists()


def test_a_taken_port_is_named(data_dir: Path, server: Server) -> None:
    listen = server.url.removeprefix("http://")
    with pytest.raises(OSError, match=listen):
        Server(Options(data_dir, Credentials("k", "s"), listen))
    with running_server(data_dir, Credentials("k", "s")):
        pass


def test_credentials_from_the_environment(tmp_path: Path) -> None:
    names = {"LAKESERVER_ACCESS_KEY_ID": "k", "LAKESERVER_SECRET_ACCESS_KEY": "s"}
    assert find(tmp_path / "f", names) == Credentials("k", "s", "admin")
    assert not (tmp_path / "f").exists()
    assert find(tmp_path / "f", names | {"LAKESERVER_USER": "me"}).user == "me"
    with pytest.raises(CredentialsUnusable, match="both"):
        find(tmp_path / "f", {"LAKESERVER_ACCESS_KEY_ID": "k"})


def test_credentials_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "new" / "lakectl.yaml"
    made = find(path, {})
    assert find(path, {}) == made
    assert made.secret_access_key not in repr(made)
    path.chmod(0o644)
    with pytest.raises(CredentialsUnusable, match="chmod 600"):
        find(path, {})
    path.chmod(0o600)
    path.write_text("credentials: nothing")
    with pytest.raises(CredentialsUnusable, match="lakectl"):
        find(path, {})


def test_what_was_stored_is_there_after_a_restart(
    data_dir: Path, new_api: Any, credentials: Credentials
) -> None:
    with running_server(data_dir, credentials) as first:
        api = new_api(first.url, "kept")
        api.ok("POST", "/repositories", {"name": "kept", "storage_namespace": "local://kept"})
        api.put("small", b"s" * 1000)
        api.put("large", b"l" * 200_000)
        head = api.commit()["id"]
        api.put("staged")
        token = api.ok(
            "POST", "/auth/login", {"access_key_id": "AKIATEST", "secret_access_key": "secret-of-the-test"}
        )
    with running_server(data_dir, credentials) as second:
        api = new_api(second.url, "kept")
        assert api.head() == head
        assert api.read("small", head) == b"s" * 1000
        assert api.read("large", head) == b"l" * 200_000
        assert api.paths() == ["large", "small", "staged"]
        anybody = new_api(second.url, "kept", None)
        bearer = {"Authorization": f"Bearer {token['token']}"}
        assert anybody("GET", "/user", headers=bearer).status == 200


WRONG = {
    "nothing": {},
    "wrong secret": {"Authorization": "Basic QUtJQVRFU1Q6d3Jvbmc="},
    "no base64": {"Authorization": "Basic %%%"},
    "wrong token": {"Authorization": "Bearer a.b.c"},
    "no token": {"Authorization": "Bearer "},
    "unknown scheme": {"Authorization": "Digest x"},
    "wrong cookie": {"Cookie": "internal_auth_session=a.b.c; other=1"},
}


@pytest.mark.parametrize("headers", WRONG.values(), ids=WRONG.keys())
def test_nobody_gets_in_without_credentials(server: Server, new_api: Any, headers: dict[str, str]) -> None:
    api = new_api(server.url, "", None)
    answer = api("GET", "/repositories", headers=headers)
    assert (answer.status, answer.message) == (401, "error authenticating request")
    assert api("GET", "/auth/users", headers=headers).status == 401
    assert api("GET", "/healthcheck", headers=headers).status == 204


def test_tokens_and_cookies(data_dir: Path, new_api: Any, credentials: Credentials) -> None:
    now = [1_700_000_000.0]
    with running_server(data_dir, credentials, clock=lambda: now[0]) as running:
        api = new_api(running.url, "", None)
        key = {"access_key_id": "AKIATEST", "secret_access_key": "secret-of-the-test"}
        assert api("POST", "/auth/login", key | {"secret_access_key": "x"}).status == 401
        answer = api("POST", "/auth/login", key)
        token, cookie = answer.json["token"], answer.headers["Set-Cookie"]
        assert answer.json["token_expiration"] == 1_700_000_000 + 12 * 3600
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        bearer, session = {"Authorization": f"Bearer {token}"}, {"Cookie": cookie.partition(";")[0]}
        assert api("GET", "/user", headers=bearer).status == 200
        assert api("GET", "/user", headers=session).status == 200
        now[0] += 12 * 3600 + 1
        assert api("GET", "/user", headers=bearer).status == 401
        assert api("GET", "/user", headers=session).status == 401


def test_what_the_server_says_of_itself(server: Server, new_api: Any) -> None:
    api = new_api(server.url)
    config = api.ok("GET", "/config")
    assert all(part.isdigit() for part in config["version_config"]["version"].split("."))
    storage = config["storage_config"]
    assert storage == api.ok("GET", "/config/storage")
    assert (storage["pre_sign_support"], storage["default_namespace_prefix"]) == (False, "local://")
    assert "blockstore_namespace_ValidityRegex" in storage
    assert config["storage_config_list"] == []
    assert api.ok("GET", "/setup_lakefs")["state"] == "initialized"
    assert api("POST", "/setup_lakefs", {"username": "x"}).status == 409
    assert api("POST", "/statistics", {"events": []}).status == 204
    assert api("GET", "/nosuch").message == "invalid API endpoint"
    assert api("PATCH", "/repositories").status == 404


def test_the_one_user_may_do_everything(api: Any) -> None:
    for path in ("branch_protection/set_allowed", "gc/rules/set_allowed"):
        assert api("GET", f"R/{path}").status == 204
    assert api("GET", "R/branches/main/objects/stage_allowed", path="a").status == 204
    assert api("GET", "R/branches/main/objects/stage_allowed").status == 400


def test_bodies_that_cannot_be_read(api: Any) -> None:
    as_json = {"Content-Type": "application/json"}
    for data in (b"{bad", b"", b"\xff", b"[" * 100_000, b'"text"', b"5"):
        answer = api("POST", "R/branches", data=data, headers=as_json)
        assert answer.status == 400, data[:20]
        assert answer.message.startswith("request body has an error")
    assert api("POST", "R/branches", data=b"{}", headers={"Content-Type": "text/plain"}).status == 400


def test_a_body_that_is_too_large_is_refused_before_it_is_read(server: Server, api: Any) -> None:
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        authorization = api._headers["Authorization"]
        connection.sendall(
            f"POST /api/v1/repositories HTTP/1.1\r\nHost: x\r\nAuthorization: {authorization}\r\n"
            "Content-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n".encode()
        )
        assert connection.recv(100).startswith(b"HTTP/1.1 413")


def test_an_upload_that_breaks_off_leaves_nothing(server: Server, api: Any) -> None:
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(
            f"POST /api/v1/repositories/{api.repository}/branches/main/objects?path=half HTTP/1.1\r\n"
            "Host: x\r\n"
            f"Authorization: {api._headers['Authorization']}\r\nContent-Length: 500000\r\n\r\n".encode()
            + b"x" * 300_000
        )
    incoming = server.lake.store.directory / "objects" / "incoming"
    deadline = time.monotonic() + 10
    while any(incoming.iterdir()) and time.monotonic() < deadline:
        assert api.paths() == []
    assert not any(incoming.iterdir())


def test_a_slow_client_keeps_nobody_waiting(server: Server, api: Any, new_api: Any) -> None:
    api.put("large", b"x" * 8_000_000)
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as slow:
        slow.sendall(
            f"GET /api/v1/repositories/{api.repository}/refs/main/objects?path=large HTTP/1.1\r\nHost: x\r\n"
            f"Authorization: {api._headers['Authorization']}\r\n\r\n".encode()
        )
        assert slow.recv(10)
        for number in range(50):
            api.put(f"o{number}")
        assert len(api.paths()) == 51


def test_many_clients_at_once(server: Server, api: Any, new_api: Any) -> None:
    clients = [new_api(server.url, api.repository) for _ in range(64)]
    failures: list[Any] = []

    def work(number: int) -> None:
        try:
            for step in range(4):
                clients[number].put(f"{number}/{step}", b"%d" % number)
                assert clients[number].read(f"{number}/{step}") == b"%d" % number
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(api.paths()) == 256

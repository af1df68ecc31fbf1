"""What the lake adapter sends and does when the network or the server misbehaves."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import pytest

from mlops.adapters.lake import client
from mlops.adapters.lake.credentials import Credentials
from mlops.adapters.lake.lake import LakeFSLake, connect
from mlops.runs.errors import ConfigError, Conflict, LakeDenied, LakeError, LakeUnavailable, NotFound
from tests.adapters.loopback import Answer, Loopback, Request, json_answer, loopback, page

SECRET = "a-secret-nobody-may-see"
HEAD = "a" * 64


@pytest.fixture
def server() -> Iterator[Loopback]:
    with loopback() as running:
        yield running


@pytest.fixture
def lake(server: Loopback) -> LakeFSLake:
    connection = connect(Credentials(server.address, "AKIAEXAMPLE", SECRET), timeout_s=5)
    return LakeFSLake(connection, "flights")


def ref(name: str) -> dict[str, str]:
    return {"id": name, "commit_id": HEAD}


def commit(number: int) -> dict[str, object]:
    return {
        "id": f"{number:064x}",
        "parents": [f"{number - 1:064x}"],
        "committer": "x",
        "message": f"{number}",
        "creation_date": number,
        "meta_range_id": "x",
        "metadata": {},
    }


WRITES: dict[str, Callable[[LakeFSLake], object]] = {
    "merge": lambda lake: lake.merge(HEAD, "main", "m", {}),
    "commit": lambda lake: lake.commit("run-1", "m", {}),
    "create_branch": lambda lake: lake.create_branch("run-1", HEAD),
    "delete_branch": lambda lake: lake.delete_branch("run-1"),
    "create_tag": lambda lake: lake.create_tag("champion", HEAD),
    "delete_tag": lambda lake: lake.delete_tag("champion"),
    "write": lambda lake: lake.write("run-1", "a", b"1"),
    "remove": lambda lake: lake.remove("run-1", ["a"]),
    "copy": lambda lake: lake.copy("run-1", "a", HEAD, "a"),
    "protect": lambda lake: lake.protect(["main"], "v1"),
    "hard_reset": lambda lake: lake.hard_reset("main", HEAD),
    "discard": lambda lake: lake.discard("main"),
}
READS: dict[str, Callable[[LakeFSLake], object]] = {
    "head": lambda lake: lake.head("main"),
    "commit_of": lambda lake: lake.commit_of("main"),
    "log": lambda lake: next(lake.log("main")),
    "branches": lambda lake: lake.branches(),
    "tags": lambda lake: lake.tags(),
    "read": lambda lake: lake.read(HEAD, "a"),
    "stat": lambda lake: lake.stat(HEAD, "a"),
    "list": lambda lake: lake.list(HEAD),
    "diff": lambda lake: lake.diff(HEAD, HEAD),
    "protection": lambda lake: lake.protection(),
    "staged": lambda lake: lake.staged("main"),
}


class TestLostAnswers:
    @pytest.mark.parametrize("name", WRITES)
    def test_a_write_is_sent_once_and_its_fate_is_unknown(
        self, server: Loopback, lake: LakeFSLake, name: str
    ) -> None:
        server.script(Answer(drop=True))
        with pytest.raises(LakeUnavailable):
            WRITES[name](lake)

        assert len(server.requests) == 1

    @pytest.mark.parametrize("name", READS)
    def test_a_read_is_sent_at_most_twice(self, server: Loopback, lake: LakeFSLake, name: str) -> None:
        server.script(Answer(drop=True))
        with pytest.raises(LakeUnavailable):
            READS[name](lake)

        assert len(server.requests) == 2

    def test_a_read_survives_one_connection_that_the_server_had_closed(
        self, server: Loopback, lake: LakeFSLake
    ) -> None:
        server.script(Answer(drop=True), json_answer(ref("main")))

        assert lake.head("main") == HEAD

    @pytest.mark.parametrize("status", [429, 500, 502, 503])
    @pytest.mark.parametrize("name", ["merge", "head"])
    def test_an_error_status_is_never_repeated(
        self, server: Loopback, lake: LakeFSLake, name: str, status: int
    ) -> None:
        server.script(json_answer({"message": "busy"}, status, **{"Retry-After": "1"}))
        with pytest.raises(LakeError):
            {**WRITES, **READS}[name](lake)

        assert len(server.requests) == 1

    @pytest.mark.parametrize("name", ["merge", "write", "read", "head"])
    def test_silence_ends_after_the_timeout(self, server: Loopback, name: str) -> None:
        connection = connect(Credentials(server.address, "AKIAEXAMPLE", SECRET), timeout_s=0.1)
        release = threading.Event()
        server.script(Answer(hang=release))
        try:
            with pytest.raises(LakeUnavailable, match="timed out"):
                {**WRITES, **READS}[name](LakeFSLake(connection, "flights"))
        finally:
            release.set()

    def test_an_object_that_breaks_off_is_not_taken_for_whole(
        self, server: Loopback, lake: LakeFSLake, tmp_path: Path
    ) -> None:
        server.script(Answer(body=b"half", cut=True))
        with pytest.raises(LakeUnavailable):
            lake.read(HEAD, "a")
        with pytest.raises(LakeUnavailable):
            lake.open_read(HEAD, "a")
        with pytest.raises(LakeUnavailable):
            lake.download(HEAD, "a", tmp_path / "a")

        assert list(tmp_path.iterdir()) == []

    def test_nobody_listening_is_unavailable_at_once(self) -> None:
        with loopback() as gone:
            address = gone.address
        lake = LakeFSLake(connect(Credentials(address, "AKIAEXAMPLE", SECRET)), "flights")
        with pytest.raises(LakeUnavailable) as caught:
            lake.head("main")

        assert caught.value.where == address


class TestOddServers:
    def test_a_redirect_is_not_followed(self, server: Loopback, lake: LakeFSLake) -> None:
        with loopback() as elsewhere:
            server.script(Answer(302, headers={"Location": f"{elsewhere.address}/steal"}))
            for call in (READS["head"], READS["read"], WRITES["merge"], WRITES["write"]):
                with pytest.raises(LakeError):
                    call(lake)

            assert elsewhere.requests == []

    @pytest.mark.parametrize(
        "answer",
        [
            Answer(body=b"<html>hello</html>", headers={"Content-Type": "text/html"}),
            json_answer([]),
            json_answer({"unknown": 1}),
            Answer(),
        ],
        ids=["html", "list", "object", "empty"],
    )
    def test_an_answer_of_another_form_is_an_error(
        self, server: Loopback, lake: LakeFSLake, answer: Answer
    ) -> None:
        server.script(answer)
        for name in ("head", "log", "stat", "tags"):
            with pytest.raises(LakeError, match="lakeFS server"):
                READS[name](lake)
        for name in ("merge", "commit", "write"):
            with pytest.raises(LakeError, match="lakeFS server"):
                WRITES[name](lake)

    def test_the_secret_is_in_no_text(self, server: Loopback, lake: LakeFSLake) -> None:
        server.script(json_answer({"message": "error authenticating request"}, 401))
        with pytest.raises(LakeDenied) as caught:
            lake.head("main")

        assert SECRET not in f"{caught.value!r} {caught.value.fields()} {lake.connection!r}"
        assert "Authorization" in server.requests[0].headers


class TestWhatIsSent:
    def test_a_merge_is_squashed_without_strategy_or_force(self, server: Loopback, lake: LakeFSLake) -> None:
        server.script(json_answer({"reference": HEAD}))
        lake.merge(HEAD, "main", "m", {"k": "v"})

        (request,) = server.requests
        assert request.path == f"/api/v1/repositories/flights/refs/{HEAD}/merge/main"
        assert request.json["squash_merge"] is True
        assert request.json["metadata"] == {"k": "v"}
        assert "strategy" not in request.json
        assert not request.json.get("force")
        assert not request.json.get("allow_empty")

    def test_presigned_addresses_are_never_asked_for(self, server: Loopback, lake: LakeFSLake) -> None:
        stats = {"path": "a", "path_type": "object", "physical_address": "x", "checksum": "c", "mtime": 1}
        server.answer = lambda request: page([]) if request.path.endswith("/ls") else json_answer(stats)
        for name in ("read", "stat", "list"):
            READS[name](lake)

        assert [request.query["presign"][0].lower() for request in server.requests] == ["false"] * 3

    def test_a_difference_is_of_two_trees(self, server: Loopback, lake: LakeFSLake) -> None:
        server.script(page([]))
        lake.diff(HEAD, "b" * 64, "raw/")

        (request,) = server.requests
        assert request.query["type"] == ["two_dot"]
        assert request.query["prefix"] == ["raw/"]

    def test_an_upload_tells_its_size_and_metadata(
        self, server: Loopback, lake: LakeFSLake, tmp_path: Path
    ) -> None:
        (tmp_path / "x").write_bytes(b"12345")
        stats = {"path": "a", "size_bytes": 5, "checksum": "c"}
        server.script(json_answer(stats, 201))
        lake.upload("run-1", "a b/ü", tmp_path / "x", {"sha256": "abc"})

        (request,) = server.requests
        assert request.body == b"12345"
        assert request.headers["x-lakefs-meta-sha256"] == "abc"
        assert "Transfer-Encoding" not in request.headers
        assert request.query["path"] == ["a b/ü"]

    def test_a_branch_name_cannot_leave_its_place(self, server: Loopback, lake: LakeFSLake) -> None:
        server.script(json_answer({"message": "no"}, 400))
        for call in (lake.head, lake.discard, lambda name: lake.write(name, "a", b"")):
            with pytest.raises(LakeError):
                call("../../tags/x")

        assert {request.path.count("/") for request in server.requests} <= {6, 7}
        assert all("%2F" in request.path for request in server.requests)

    def test_removal_goes_in_batches(self, server: Loopback, lake: LakeFSLake) -> None:
        server.script(json_answer({"errors": []}))
        lake.remove("run-1", [f"{n}" for n in range(2001)])

        assert [len(request.json["paths"]) for request in server.requests] == [1000, 1000, 1]

    def test_a_path_that_cannot_be_removed_is_an_error(self, server: Loopback, lake: LakeFSLake) -> None:
        refusal = {"status_code": 403, "message": "cannot write to protected branch", "path": "a"}
        server.script(json_answer({"errors": [refusal]}))
        with pytest.raises(LakeDenied, match="main/a"):
            lake.remove("main", ["a"])

    def test_rules_are_replaced_with_if_match(self, server: Loopback, lake: LakeFSLake) -> None:
        server.script(Answer(204))
        lake.protect([], "v1")

        assert server.requests[0].headers["If-Match"] == "v1"
        assert server.requests[0].json == []

    def test_rules_that_were_set_meanwhile_are_left(self, server: Loopback, lake: LakeFSLake) -> None:
        server.script(json_answer([{"pattern": "main"}], ETag="v1"))
        with pytest.raises(Conflict):
            lake.protect([], "")

        assert [request.method for request in server.requests] == ["GET"]


class TestPages:
    def test_all_are_read(self, server: Loopback, lake: LakeFSLake) -> None:
        server.script(page([ref("a"), ref("b")], "b"), page([ref("c")], "c"), page([ref("d")]))

        assert list(lake.branches("x")) == ["a", "b", "c", "d"]
        assert [request.query["after"] for request in server.requests] == [[""], ["b"], ["c"]]
        assert all(request.query["prefix"] == ["x"] for request in server.requests)

    def test_a_log_is_fetched_as_far_as_it_is_read(self, server: Loopback, lake: LakeFSLake) -> None:
        server.script(page([commit(9), commit(8)], "eight"), page([commit(7)]))
        newest = list(islice(lake.log("main"), 2))

        assert [found.created_at_s for found in newest] == [9, 8]
        assert len(server.requests) == 1
        assert server.requests[0].query["first_parent"] == ["True"]
        assert len(list(lake.log("main"))) == 1


class TestConnect:
    def test_a_new_repository_lies_below_the_servers_prefix(self, server: Loopback, lake: LakeFSLake) -> None:
        storage = {
            "blockstore_type": "s3",
            "blockstore_namespace_example": "x",
            "blockstore_namespace_ValidityRegex": "x",
            "default_namespace_prefix": "s3://bucket/lake/",
            "pre_sign_support": True,
            "pre_sign_support_ui": False,
            "import_support": False,
            "import_validity_regex": "x",
        }
        made = {
            "id": "flights",
            "creation_date": 1,
            "default_branch": "main",
            "storage_namespace": "x",
        }

        def answer(request: Request) -> Answer:
            return json_answer({"storage_config": storage} if request.method == "GET" else made)

        server.answer = answer
        lake.connection.create_repository("flights")

        assert server.requests[-1].json["storage_namespace"] == "s3://bucket/lake/flights"
        assert server.requests[-1].json["default_branch"] == "main"

    def test_a_name_that_lakefs_does_not_take_is_refused_here(self, lake: LakeFSLake) -> None:
        for name in ("Flights", "a", "a/b", "../x"):
            with pytest.raises(ConfigError):
                LakeFSLake(lake.connection, name)
            with pytest.raises(ConfigError):
                lake.connection.create_repository(name)

    def test_a_session_token_is_sent_as_bearer(self, server: Loopback) -> None:
        server.script(json_answer(ref("main")))
        credentials = Credentials(server.address, session_token="tok")
        LakeFSLake(connect(credentials), "flights").head("main")
        LakeFSLake(connect(credentials), "flights").head("main")

        assert {request.headers["Authorization"] for request in server.requests} == {"Bearer tok"}

    def test_another_connection_does_not_change_the_first(self, server: Loopback, lake: LakeFSLake) -> None:
        with loopback() as other:
            connect(Credentials(other.address, "AKIAOTHER", "x"))
            server.script(json_answer({"message": "tag not found"}, 404))
            with pytest.raises(NotFound):
                lake.delete_tag("x")

            assert other.requests == []


class TestConnections:
    def test_are_kept_between_calls_and_not_shared_with_a_forked_child(
        self, server: Loopback, lake: LakeFSLake
    ) -> None:
        server.script(json_answer(ref("main")))
        for _ in range(2):
            lake.head("main")
        client.forget_connections()  # what a child does first
        lake.head("main")

        first, second, third = (request.client_port for request in server.requests)
        assert first == second != third

"""Who is let in: by the form, by a one-time code, by the key itself, and until when."""

from __future__ import annotations

import os
import socket
import stat
import sys
from pathlib import Path

import pytest

from mlops.frontdoor import peers
from mlops.frontdoor.control import NoCode, ask_code
from mlops.frontdoor.sessions import CODE_S, RECHECK_S, SESSION_S
from tests.frontdoor.conftest import House, MakeHouse, basic
from tests.frontdoor.stubs import KEY, SECRET

SERVICES = ("mlflow", "dagster")


class TestNobody:
    @pytest.mark.parametrize("path", ["/mlflow/", "/dagster/graphql", "/mlflow", "/repositories", "/"])
    def test_gets_nothing_without_a_key(self, house: House, path: str) -> None:
        for method in ("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"):
            assert house.ask(method, path).status == 401, method
        assert house.mlflow.seen == house.dagster.seen == house.lake.seen == []

    def test_is_led_to_the_form_and_from_there_to_the_page(self, house: House) -> None:
        led = house.ask("GET", "/mlflow/?a=b", accept="text/html")

        assert (led.status, led.header("location")) == (303, "/auth/login?next=%2Fmlflow%2F%3Fa%3Db")
        form = house.ask("GET", led.header("location"), accept="text/html")
        assert form.status == 200
        assert 'value="/mlflow/?a=b"' in form.body.decode()

    def test_reaches_the_lake_s_api_which_checks_the_key_itself(self, house: House) -> None:
        answer = house.ask("GET", "/api/v1/repositories", authorization=basic())

        assert answer.document["service"] == "lake"
        assert answer.received["authorization"] == [basic()]

    def test_takes_no_session_of_the_lake_along(self, house: House) -> None:
        answer = house.ask("GET", "/api/v1/repositories", cookie="internal_auth_session=stolen; other=1")

        assert "cookie" not in answer.received


class TestForm:
    def test_opens_a_session(self, house: House) -> None:
        answer = house.log_in(target="/mlflow/#/runs")

        assert (answer.status, answer.header("location")) == (303, "/mlflow/#/runs")
        cookie = answer.header("set-cookie")
        assert cookie.startswith(f"mlops_session_{house.door.port}=")
        assert {"HttpOnly", "Path=/", "SameSite=strict", f"Max-Age={SESSION_S}"} <= set(cookie.split("; "))
        pair = cookie.partition(";")[0]
        for name in SERVICES:
            assert house.ask("GET", f"/{name}/x", cookie=pair).document["service"] == name
        assert house.ask("GET", "/repositories", cookie=pair).document["service"] == "lake"

    def test_stands_for_the_login_at_the_lake(self, house: House) -> None:
        mine = f"{house.session()}; internal_auth_session=other; c=1"

        assert house.ask("GET", "/repositories", cookie=mine).received["cookie"] == [
            "internal_auth_session=lake-1"
        ]
        assert house.ask("GET", "/mlflow/", cookie=mine).received["cookie"] == ["c=1"]

    def test_refuses_a_wrong_key_and_repeats_none(self, house: House) -> None:
        answer = house.log_in(secret="wrong-secret")

        assert answer.status == 401
        assert answer.header("set-cookie") == ""
        assert "wrong-secret" not in answer.body.decode()

    @pytest.mark.parametrize("target", ["//evil", "http://evil/", "/\\evil", "evil", "/a\nb", "/auth/logout"])
    def test_leads_nowhere_else(self, house: House, target: str) -> None:
        assert house.log_in(target=target).header("location") == "/"

    def test_is_throttled_and_not_for_commands_of_the_user(self, house: House) -> None:
        assert [house.log_in(secret="wrong").status for _ in range(11)] == [401] * 10 + [429]

        assert house.log_in().status == 429
        assert house.ask("GET", "/mlflow/", authorization=basic()).status == 429
        assert house.log_in().header("retry-after") == "7"
        assert ask_code(house.control, KEY, SECRET, "/")
        house.clock.now += 6
        assert house.log_in().status == 303

    def test_says_when_the_lake_is_down(self, make_house: MakeHouse) -> None:
        from mlops.frontdoor.options import Service

        house = make_house(lake=Service("", "The lake", "http://127.0.0.1:9"))
        answer = house.log_in()

        assert answer.status == 503
        assert "does not answer" in answer.body.decode()

    def test_takes_no_large_body(self, house: House) -> None:
        fields = "access_key_id=" + "x" * 20_000
        sent = {"content_type": "application/x-www-form-urlencoded", "origin": house.origin}

        assert house.ask("POST", "/auth/login", fields, **sent).status == 401


class TestSession:
    def test_ends_after_twelve_hours(self, house: House) -> None:
        cookie = house.session()
        house.clock.now += SESSION_S - 1
        assert house.ask("GET", "/mlflow/", cookie=cookie).status == 200
        house.clock.now += 1

        assert house.ask("GET", "/mlflow/", cookie=cookie).status == 401

    def test_ends_at_logout_here_and_at_the_lake(self, house: House) -> None:
        cookie = house.session()
        other = house.session()

        answer = house.ask("POST", "/auth/logout", cookie=cookie, origin=house.origin)

        assert (answer.status, answer.header("location")) == (303, "/auth/login")
        assert house.ask("GET", "/mlflow/", cookie=cookie).status == 401
        assert house.ask("GET", "/mlflow/", cookie=other).status == 200
        told = house.lake.seen[-1]
        assert (told["method"], told["path"]) == ("POST", "/auth/logout")
        assert ["cookie", "internal_auth_session=lake-1"] in told["headers"]

    def test_is_not_ended_by_a_link(self, house: House) -> None:
        cookie = house.session()

        assert house.ask("GET", "/auth/logout", cookie=cookie).status == 405
        assert house.ask("GET", "/mlflow/", cookie=cookie).status == 200

    def test_ends_when_the_key_changes(self, house: House) -> None:
        cookie, other = house.session(), house.session()
        house.lake.secret = "the-next-secret"
        house.clock.now += RECHECK_S

        assert house.ask("GET", "/mlflow/", cookie=cookie).status == 401
        assert house.ask("GET", "/dagster/", cookie=other).status == 401

    def test_gets_a_new_one_of_the_lake_where_the_lake_has_forgotten_the_old(self, house: House) -> None:
        cookie = house.session()
        assert house.ask("GET", "/repositories?status=401", cookie=cookie).status == 401

        assert house.ask("GET", "/repositories", cookie=cookie).received["cookie"] == [
            "internal_auth_session=lake-2"
        ]

    def test_token_is_not_guessed_from_another_s(self, house: House) -> None:
        cookie = house.session()

        for wrong in (cookie[:-1], f"{cookie}x", cookie.partition("=")[0] + "=", "mlops_session_1=x"):
            assert house.ask("GET", "/mlflow/", cookie=wrong).status == 401


class TestKey:
    def test_opens_services_to_programs(self, house: House) -> None:
        answer = house.ask("POST", "/mlflow/api/2.0/mlflow/runs/search", b"{}", authorization=basic())

        assert answer.status == 200
        assert "authorization" not in answer.received

    @pytest.mark.parametrize(
        "value",
        [basic(secret="wrong"), basic(key="x", secret=""), "Basic !", "Basic", "Bearer x", "Digest x"],
    )
    def test_must_be_right(self, house: House, value: str) -> None:
        assert house.ask("GET", "/mlflow/", authorization=value).status == 401
        assert house.ask("GET", "/mlflow/", authorization=value, cookie=house.session()).status == 401

    def test_twice_is_none(self, house: House) -> None:
        line = f"Authorization: {basic()}"

        assert house.status_of("GET /mlflow/ HTTP/1.1", f"Host: {house.host}", line) == 200
        assert house.status_of("GET /mlflow/ HTTP/1.1", f"Host: {house.host}", line, line) == 401

    def test_is_never_asked_for_by_the_browser_itself(self, house: House) -> None:
        assert house.ask("GET", "/mlflow/").header("www-authenticate") == ""


class TestCode:
    def test_logs_in_once(self, house: House) -> None:
        code = ask_code(house.control, KEY, SECRET, "/dagster/")
        first = house.ask("GET", f"/auth/enter?code={code}")

        assert (first.status, first.header("location")) == (303, "/dagster/")
        assert first.header("referrer-policy") == "no-referrer"
        cookie = first.header("set-cookie").partition(";")[0]
        assert house.ask("GET", "/dagster/", cookie=cookie).status == 200
        again = house.ask("GET", f"/auth/enter?code={code}")
        assert (again.status, again.header("set-cookie")) == (403, "")
        assert "mlops open" in again.body.decode()

    def test_is_sent_by_a_local_file_too(self, house: House) -> None:
        code = ask_code(house.control, KEY, SECRET, "/")
        sent = {"content_type": "application/x-www-form-urlencoded", "origin": "null"}

        answer = house.ask("POST", "/auth/enter", f"code={code}", sec_fetch_site="cross-site", **sent)

        assert answer.status == 303

    def test_is_not_used_up_by_a_look(self, house: House) -> None:
        code = ask_code(house.control, KEY, SECRET, "/")

        assert house.ask("HEAD", f"/auth/enter?code={code}").status == 405
        assert house.ask("GET", f"/auth/enter?code={code}").status == 303

    def test_lives_a_minute(self, house: House) -> None:
        code = ask_code(house.control, KEY, SECRET, "/")
        house.clock.now += CODE_S

        assert house.ask("GET", f"/auth/enter?code={code}").status == 403

    def test_needs_the_key_and_leads_nowhere_else(self, house: House) -> None:
        with pytest.raises(NoCode, match="not a key of the lake"):
            ask_code(house.control, KEY, "wrong", "/")
        code = ask_code(house.control, KEY, SECRET, "//evil/")
        assert house.ask("GET", f"/auth/enter?code={code}").header("location") == "/"

    def test_comes_from_a_socket_of_the_user_s_own(self, house: House) -> None:
        assert stat.S_IMODE(os.stat(house.control).st_mode) == 0o600  # noqa: PTH116

    def test_is_not_to_be_had_where_nobody_listens(self, tmp_path: Path) -> None:
        with pytest.raises(NoCode, match="does not answer"):
            ask_code(str(tmp_path / "none"), KEY, SECRET, "/")


class TestLakeElsewhere:
    """A lake that the door does not serve still says whose key is right."""

    @pytest.fixture
    def house(self, make_house: MakeHouse) -> House:
        return make_house(lake_elsewhere=True)

    def test_first_page_leads_to_the_lake(self, house: House) -> None:
        answer = house.ask("GET", "/", cookie=house.session())

        assert answer.status == 303
        assert answer.header("location").startswith("http://127.0.0.1:")

    def test_services_need_its_key(self, house: House) -> None:
        assert house.ask("GET", "/mlflow/").status == 401
        assert house.ask("GET", "/mlflow/", authorization=basic(secret="no")).status == 401
        assert house.ask("GET", "/mlflow/", authorization=basic()).status == 200
        assert house.ask("GET", "/dagster/", cookie=house.session()).status == 200

    def test_api_is_not_served(self, house: House) -> None:
        answer = house.ask("GET", "/api/v1/repositories", authorization=basic())

        assert answer.status == 404
        assert "own address" in answer.document["message"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells whose a connection is")
class TestUserOfThisMachine:
    def test_is_known_by_the_connection(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as door:
            port = door.getsockname()[1]
            with socket.create_connection(("127.0.0.1", port)) as connection:
                mine = connection.getsockname()[1]
                assert peers.user_of(mine, port) == os.geteuid()
                assert peers.user_of(mine, port + 1) is None
                accepted, _ = door.accept()
            assert peers.user_of(mine, port) is None, "its program has closed it"
            accepted.close()

    def test_of_a_session_is_the_only_one_who_has_it(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        cookie = house.session()
        for other in (os.geteuid() + 1, None):
            with monkeypatch.context() as patched:
                patched.setattr(peers, "user_of", lambda *_, other=other: other)
                assert house.ask("GET", "/mlflow/", cookie=cookie).status == 401
                assert house.ask("GET", "/repositories", cookie=cookie).status == 401
        assert house.ask("GET", "/mlflow/", cookie=cookie).status == 200

    def test_that_cannot_be_told_opens_no_session(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(peers, "user_of", lambda *_: None)

        answer = house.log_in()

        assert (answer.status, answer.header("set-cookie")) == (403, "")

"""Requests that pages of other sites send, names that lead here, and paths with two meanings."""

from __future__ import annotations

from typing import Any

import pytest

from tests.frontdoor.conftest import House, MakeHouse, basic

NAVIGATION = {"sec_fetch_mode": "navigate", "sec_fetch_dest": "document", "accept": "text/html"}


class TestHost:
    @pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "[::1]", "LOCALHOST"])
    def test_of_this_machine_is_answered(self, house: House, name: str) -> None:
        assert house.ask("GET", "/_door/health", host=f"{name}:{house.door.port}").status == 200

    @pytest.mark.parametrize(
        "host",
        [
            "evil.example:{port}",
            "127.0.0.1.evil.example:{port}",
            "localhost:1",
            "localhost",
            "[::1]",
            "127.0.0.1",
            "a@localhost:{port}",
            "localhost.:{port}",
            "localhost:{port}:{port}",
            "127.1:{port}",
            "0.0.0.0:{port}",
            "",
            " ",
            "localhost:{port}, evil",
            "localhost:0{port}",
        ],
    )
    def test_of_another_site_is_refused_whatever_is_asked_for(self, house: House, host: str) -> None:
        host = host.format(port=house.door.port)
        cookie = house.session()
        house.lake.seen.clear()
        for path in ("/", "/mlflow/", "/dagster/graphql", "/auth/login", "/_door/health", "/api/v1/user"):
            assert house.ask("POST", path, host=host, cookie=cookie, origin=f"http://{host}").status == 403
        assert house.mlflow.seen == house.dagster.seen == house.lake.seen == []

    def test_must_be_named_once(self, house: House) -> None:
        line, host = "GET /_door/health HTTP/1.1", f"Host: {house.host}"

        assert house.status_of(line) == 400
        assert house.status_of(line, host, host) == 400
        assert house.status_of(line, host, "Host: evil.example") == 400
        assert house.status_of("GET /_door/health HTTP/1.0") == 400
        assert house.status_of(line, host) == 200

    def test_in_the_request_line_does_not_go_over_the_header(self, house: House) -> None:
        line = f"GET http://{house.host}/_door/health HTTP/1.1"

        assert house.status_of(line, "Host: evil.example") == 403

    def test_may_be_listed(self, make_house: MakeHouse) -> None:
        house = make_house(hosts=("Lab.example", "box:9000"))

        for host, status in (
            ("lab.example", 200),
            ("lab.example:8443", 200),
            ("box:9000", 200),
            ("box", 403),
            ("box:9001", 403),
            ("lab.example.evil", 403),
        ):
            assert house.ask("GET", "/_door/health", host=host).status == status, host


class TestOrigin:
    @pytest.mark.parametrize(
        "origin",
        ["http://evil.example", "null", "http://127.0.0.1:1", "https://{host}", "http://localhost:{port}"],
    )
    @pytest.mark.parametrize(
        "path", ["/dagster/graphql", "/mlflow/ajax-api/2.0/x", "/api/v1/x", "/auth/logout"]
    )
    def test_of_another_page_is_refused(self, house: House, origin: str, path: str) -> None:
        origin = origin.format(host=house.host, port=house.door.port)
        cookie = house.session()
        for method in ("POST", "GET", "DELETE"):
            assert house.ask(method, path, b"{}", cookie=cookie, origin=origin).status == 403
            assert house.ask(method, path, b"{}", authorization=basic(), origin=origin).status == 403
        assert house.mlflow.seen == house.dagster.seen == house.lake.seen == []
        assert house.ask("GET", "/mlflow/", cookie=cookie).status == 200

    def test_of_this_page_is_passed_on_as_the_service_s_own(self, house: House) -> None:
        cookie = house.session()
        for path, own in (("/mlflow/x", "http://localhost"), ("/dagster/x", "http://localhost")):
            answer = house.ask("POST", path, b"{}", cookie=cookie, origin=house.origin)
            assert answer.received["origin"] == [own]
            assert answer.received["host"] == ["localhost"]
        at_lake = house.ask("POST", "/repositories", b"", cookie=cookie, origin=house.origin).received
        assert at_lake["origin"] == [f"http://{at_lake['host'][0]}"]
        assert at_lake["host"] != [house.host]

    def test_is_needed_for_a_change_by_cookie(self, house: House) -> None:
        cookie = house.session()
        for method in ("POST", "PUT", "DELETE", "PATCH"):
            assert house.ask(method, "/mlflow/x", b"{}", cookie=cookie).status == 403
            assert (
                house.ask(method, "/mlflow/x", b"{}", cookie=cookie, sec_fetch_site="same-origin").status
                == 200
            )
            assert house.ask(method, "/mlflow/x", b"{}", authorization=basic()).status == 200

    @pytest.mark.parametrize("path", ["/dagster/graphql?query=mutation", "/mlflow/graphql?query=x"])
    def test_is_needed_for_graphql_by_get_which_may_change_things(self, house: House, path: str) -> None:
        cookie = house.session()

        assert house.ask("GET", path, cookie=cookie).status == 403
        assert house.ask("GET", path, cookie=cookie, sec_fetch_site="same-origin").status == 200
        link: dict[str, Any] = {**NAVIGATION, "sec_fetch_site": "same-site"}
        assert house.ask("GET", path, cookie=cookie, **link).status == 403


class TestOtherSite:
    @pytest.mark.parametrize("site", ["cross-site", "same-site", "odd"])
    def test_reads_nothing(self, house: House, site: str) -> None:
        cookie = house.session()
        for mode, dest in (
            ("no-cors", "script"),
            ("cors", "empty"),
            ("no-cors", "image"),
            ("navigate", "iframe"),
        ):
            sent = {"sec_fetch_site": site, "sec_fetch_mode": mode, "sec_fetch_dest": dest}
            assert house.ask("GET", "/mlflow/get-artifact", cookie=cookie, **sent).status == 403
        assert house.mlflow.seen == []

    def test_may_link_here(self, house: House) -> None:
        answer = house.ask(
            "GET", "/mlflow/", cookie=house.session(), sec_fetch_site="same-site", **NAVIGATION
        )

        assert answer.status == 200

    def test_link_opens_again_with_the_cookie_that_the_browser_left_out(self, house: House) -> None:
        answer = house.ask("GET", "/mlflow/", sec_fetch_site="cross-site", **NAVIGATION)

        assert answer.status == 401
        assert 'http-equiv="refresh" content="0"' in answer.body.decode()

    def test_form_changes_nothing(self, house: House) -> None:
        sent = {**NAVIGATION, "sec_fetch_site": "cross-site"}

        assert house.ask("POST", "/dagster/graphql", b"", cookie=house.session(), **sent).status == 403

    def test_does_not_log_in_or_out(self, house: House) -> None:
        cookie = house.session()

        assert house.log_in(origin="http://evil.example").status == 403
        assert house.log_in(sec_fetch_site="cross-site").status == 403
        assert house.ask("POST", "/auth/logout", cookie=cookie, origin="http://evil.example").status == 403
        assert house.ask("GET", "/mlflow/", cookie=cookie).status == 200


class TestPath:
    @pytest.mark.parametrize(
        "path",
        [
            "/mlflow/../dagster/",
            "/mlflow/..",
            "/mlflow/./x",
            "/..",
            "/mlflow/%2e%2e/dagster",
            "/mlflow/.%2E/x",
            "/mlflow/a%2f..%2f..%2fdagster",
            "/mlflow/..%2fdagster",
            "/mlflow/..%5c..",
            "//mlflow/",
            "/mlflow\\x",
            "/mlflow/%00",
            "/mlflow/x%00.html",
            "/api/v1/../../mlflow/",
            "//evil.example/x",
            "/mlflow/\xff",
        ],
    )
    def test_with_two_meanings_is_refused(self, house: House, path: str) -> None:
        lines = (f"GET {path} HTTP/1.1", f"Host: {house.host}", f"Authorization: {basic()}")

        assert house.status_of(*lines) == 400
        assert house.mlflow.seen == house.dagster.seen == house.lake.seen == []

    @pytest.mark.parametrize("line", ["GET mlflow/ HTTP/1.1", "OPTIONS * HTTP/1.1", "CONNECT a:1 HTTP/1.1"])
    def test_must_be_one(self, house: House, line: str) -> None:
        assert house.status_of(line, f"Host: {house.host}", f"Authorization: {basic()}") == 400

    @pytest.mark.parametrize(
        ("path", "service", "there"),
        [
            ("/mlflow/", "mlflow", "/"),
            ("/mlflow/ajax-api/2.0/mlflow/x", "mlflow", "/ajax-api/2.0/mlflow/x"),
            ("/mlflow/mlflow/x", "mlflow", "/mlflow/x"),
            ("/dagster/", "dagster", "/dagster/"),
            ("/dagster/assets/a%2Fb/%E2%82%AC...", "dagster", "/dagster/assets/a%2Fb/%E2%82%AC..."),
            ("/mlflowx/", "lake", "/mlflowx/"),
            ("/MLflow/", "lake", "/MLflow/"),
            ("/%6dlflow/", "lake", "/%6dlflow/"),
            ("/api/v1/repositories/r/branches/feat%2Fx", "lake", "/api/v1/repositories/r/branches/feat%2Fx"),
            ("/repositories/a//b", "lake", "/repositories/a//b"),
        ],
    )
    def test_is_passed_on_as_it_was_written(self, house: House, path: str, service: str, there: str) -> None:
        answer = house.ask("GET", f"{path}?a=%2F..%2f&b=%20+&c=", authorization=basic()).document

        assert (answer["service"], answer["path"], answer["query"]) == (
            service,
            there,
            "a=%2F..%2f&b=%20+&c=",
        )

    def test_gets_its_slash(self, house: House) -> None:
        answer = house.ask("GET", "/mlflow?a=b", authorization=basic())

        assert (answer.status, answer.header("location")) == (308, "/mlflow/?a=b")

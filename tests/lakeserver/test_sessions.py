"""Sessions: what their cookie can do, and when they end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mlops.lakeserver import Credentials, Server, running_server
from mlops.lakeserver.http.sessions import MAX_SESSIONS, Sessions
from tests.support.plain_browser import KEY, Browser


def logged_in(api: Any) -> tuple[dict[str, str], str]:
    """The header with a new session's cookie, and the token for changes."""
    answer = api("POST", "/auth/login", KEY)
    assert answer.status == 200, answer.body
    return {"Cookie": answer.headers["Set-Cookie"].partition(";")[0]}, answer.headers["X-CSRF-Token"]


@pytest.fixture
def anybody(server: Server, new_api: Any, api: Any) -> Any:
    """A client without a key, of a repository that is there."""
    return new_api(server.url, api.repository, None)


FROM_ELSEWHERE = {
    "another site": {"Sec-Fetch-Site": "cross-site"},
    "another port": {"Sec-Fetch-Site": "same-site"},
    "another origin": {"Origin": "http://127.0.0.1:5000"},
    "a sandbox": {"Origin": "null"},
    "no address": {"Origin": "http://["},
}


@pytest.mark.parametrize("headers", FROM_ELSEWHERE.values(), ids=FROM_ELSEWHERE.keys())
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_cookie_is_nothing_on_a_request_from_elsewhere(
    anybody: Any, headers: dict[str, str], method: str
) -> None:
    cookie, token = logged_in(anybody)
    path = "R/branches" if method == "POST" else "R"
    body = {"name": "evil", "source": "main"} if method == "POST" else None
    answer = anybody(method, path, body, headers=cookie | headers | {"X-CSRF-Token": token})
    assert answer.status == 403
    assert answer.message == "the session's cookie came with a request from another site"


def test_a_link_from_elsewhere_may_be_followed(anybody: Any) -> None:
    cookie, _ = logged_in(anybody)
    followed = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert anybody("GET", "R", headers=cookie | followed).status == 200
    assert anybody("POST", "R/branches", {}, headers=cookie | followed).status == 403


CHANGES = [
    ("POST", "R/branches"),
    ("PUT", "R/settings/branch_protection"),
    ("DELETE", "R"),
    ("POST", "R/tags"),
]


@pytest.mark.parametrize(("method", "path"), CHANGES)
@pytest.mark.parametrize("token", ["", "x", "é"])
def test_a_change_with_a_cookie_needs_its_token(anybody: Any, method: str, path: str, token: str) -> None:
    cookie, _ = logged_in(anybody)
    headers = cookie | ({"X-CSRF-Token": token.encode().decode("latin-1")} if token else {})
    answer = anybody(method, path, {"name": "evil", "source": "main"}, headers=headers)
    assert answer.status == 403
    assert answer.message == (
        "a change with the session's cookie needs the header X-CSRF-Token, which the login answered"
    )


def test_a_change_with_a_cookie_and_its_token_is_made(anybody: Any, api: Any) -> None:
    cookie, token = logged_in(anybody)
    change = {"name": "mine", "source": "main"}
    other, other_token = logged_in(anybody)
    assert anybody("POST", "R/branches", change, headers=other | {"X-CSRF-Token": token}).status == 403
    assert anybody("POST", "R/branches", change, headers=cookie | {"X-CSRF-Token": other_token}).status == 403
    assert anybody("POST", "R/branches", change, headers=cookie | {"X-CSRF-Token": token}).status == 201
    assert api.head("mine") == api.head("main")
    assert anybody("GET", "R", headers=cookie).status == 200


def test_a_key_or_a_token_in_a_header_needs_no_more(anybody: Any, api: Any) -> None:
    bearer = {"Authorization": f"Bearer {anybody('POST', '/auth/login', KEY).json['token']}"}
    elsewhere = {"Sec-Fetch-Site": "cross-site", "Origin": "http://127.0.0.1:5000"}
    assert anybody("POST", "R/branches", {"name": "b1", "source": "main"}, headers=bearer).status == 201
    change = {"name": "b2", "source": "main"}
    assert api("POST", "R/branches", change, headers=elsewhere).status == 201


@pytest.fixture
def clock() -> list[float]:
    return [1_700_000_000.0]


def served(data_dir: Path, key: Credentials, clock: list[float]) -> Any:
    return running_server(data_dir, key, clock=lambda: clock[0], durable=False)


def test_a_session_ends_after_twelve_hours(
    data_dir: Path, credentials: Credentials, clock: list[float], new_api: Any
) -> None:
    with served(data_dir, credentials, clock) as server:
        api = new_api(server.url, "", None)
        cookie, _ = logged_in(api)
        clock[0] += 12 * 3600 - 1
        assert api("GET", "/user", headers=cookie).status == 200
        clock[0] += 2
        assert api("GET", "/user", headers=cookie).status == 401


def test_a_session_outlives_a_restart_but_not_its_logout_nor_its_key(
    data_dir: Path, credentials: Credentials, clock: list[float], new_api: Any
) -> None:
    with served(data_dir, credentials, clock) as server:
        api = new_api(server.url, "", None)
        stays, _ = logged_in(api)
        browser = Browser(server.url)
        assert browser.go("/auth/login", KEY)[0] == 200
        ends = {"Cookie": browser.cookie}
        assert api("GET", "/user", headers=ends).status == 200
        assert log_out(browser) == 200
        browser.close()
        assert api("GET", "/user", headers=ends).status == 401
        bearer = {"Authorization": f"Bearer {ends['Cookie'].partition('=')[2]}"}
        assert api("GET", "/user", headers=bearer).status == 401
    with served(data_dir, credentials, clock) as server:
        api = new_api(server.url, "", None)
        assert api("GET", "/user", headers=stays).status == 200
        assert api("GET", "/user", headers=ends).status == 401
    rotated = Credentials(credentials.access_key_id, "another-secret", credentials.user)
    with served(data_dir, rotated, clock) as server:
        assert new_api(server.url, "", None)("GET", "/user", headers=stays).status == 401
    # Going back to the old key brings nothing back.
    with served(data_dir, credentials, clock) as server:
        assert new_api(server.url, "", None)("GET", "/user", headers=stays).status == 401


def log_out(browser: Browser) -> int:
    page = browser.go("/repositories")[1]
    token = page.partition('name="sent_from_here" value="')[2].partition('"')[0]
    return browser.go("/auth/logout", {"sent_from_here": token})[0]


def test_a_logout_needs_the_token_of_its_page(server: Server) -> None:
    browser = Browser(server.url)
    browser.go("/auth/login", KEY)
    for form in ({}, {"sent_from_here": "x"}):
        status, page = browser.go("/auth/logout", form)
        assert status == 403
        assert "This form was not sent from here, or is too old: open it again." in page
    assert log_out(browser) == 200
    browser.close()


def test_wrong_keys_are_looked_at_ten_times_a_minute(
    data_dir: Path, credentials: Credentials, clock: list[float], new_api: Any
) -> None:
    with served(data_dir, credentials, clock) as server:
        api = new_api(server.url, "", None)
        wrong = KEY | {"secret_access_key": "x"}
        assert [api("POST", "/auth/login", wrong).status for _ in range(10)] == [401] * 10
        for key in (wrong, KEY):
            answer = api("POST", "/auth/login", key)
            assert answer.status == 429
            assert answer.message == "too many failed logins: try again in 61 s"
            assert answer.headers["Retry-After"] == "61"
        browser = Browser(server.url)
        status, page = browser.go("/auth/login", KEY)
        assert status == 429
        assert "too many failed logins: try again in 61 s" in page
        browser.close()
        # Whoever has the key needs no login.
        assert new_api(server.url, "").ok("GET", "/user")["user"]["id"] == "tester"
        clock[0] += 61
        assert api("POST", "/auth/login", KEY).status == 200


class Table:
    """Sessions in memory."""

    def __init__(self) -> None:
        self.rows: dict[str, int] = {}

    def load(self) -> dict[str, int]:
        return dict(self.rows)

    def add(self, key: str, expires: int, gone: list[str]) -> None:
        self.rows[key] = expires
        for old in gone:
            del self.rows[old]

    def remove(self, key: str) -> None:
        del self.rows[key]


def test_sessions_are_bounded_and_expired_ones_are_removed() -> None:
    clock, table = [0.0], Table()
    sessions = Sessions(table, lambda: clock[0])
    first, _ = sessions.begin()
    ids = []
    for _ in range(MAX_SESSIONS):
        clock[0] += 1
        ids.append(sessions.begin()[0])
    assert len(table.rows) == MAX_SESSIONS
    assert not sessions.is_open(first)
    assert all(map(sessions.is_open, ids))
    clock[0] += 13 * 3600
    last, _ = sessions.begin()
    assert len(table.rows) == 1
    assert sessions.is_open(last)
    assert last not in str(table.rows)


def test_no_header_makes_a_wrong_key_come_from_elsewhere(
    data_dir: Path, credentials: Credentials, clock: list[float], new_api: Any
) -> None:
    with served(data_dir, credentials, clock) as server:
        api = new_api(server.url, "", None)
        wrong = KEY | {"secret_access_key": "x"}
        statuses = [
            api("POST", "/auth/login", wrong, headers={"X-Forwarded-For": f"10.0.0.{number}"}).status
            for number in range(12)
        ]
        assert statuses == [401] * 10 + [429] * 2

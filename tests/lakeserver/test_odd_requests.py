"""Requests that make no sense are refused; none of them is a failure of the server."""

from __future__ import annotations

import contextlib
import http.client
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from mlops.lakeserver import Server
from mlops.lakeserver.errors import MAX_MESSAGE_CHARS
from tests.lakeserver.odd_requests import OddRequest, OddRequests
from tests.support.plain_browser import KEY, Browser

REQUESTS = 400

# Where lakeFS itself answers 500, see COVERAGE.md.
AS_LAKEFS = (
    "multipart upload missing key",
    "ref: invalid value: validation error",
    "no merge base",
    "can't create a branch without commit",
    "presigned URL: operation not supported",
    "creating object-store walker",
    "lstat ",
)


@pytest.fixture
def failures() -> Iterator[list[logging.LogRecord]]:
    """What the server and its libraries log."""
    found: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = found.append  # type: ignore[method-assign]
    loggers = [logging.getLogger(name) for name in ("mlops.lakeserver", "uvicorn.error", "asyncio")]
    for logger in loggers:
        logger.addHandler(handler)
    yield found
    for logger in loggers:
        logger.removeHandler(handler)


def filled(api: Any) -> None:
    for path, data in {
        "a": b"x",
        "d/b": b"y",
        "t.csv": b'a,b\n1,2\n"' + b"x" * 200_000 + b'"\n1,2,3',
        "x.json": b"[" * 3000,
        "x.md": b'[a](//[ "x") ![b](http://[) <b> [c](lakefs://[)',
        "p.parquet": b"PAR1" + b"\xff" * 50 + b"PAR1",
    }.items():
        api.put(path, data)
    api.commit()
    api.branch("other")
    api.ok("POST", "R/tags", {"id": "v1", "ref": "main"})


def send(
    connection: http.client.HTTPConnection, request: OddRequest, authorization: str
) -> tuple[int, bytes]:
    connection.putrequest(
        request.method, request.target, skip_host="Host" in request.headers, skip_accept_encoding=True
    )
    for name, value in ({"Authorization": authorization} | request.headers).items():
        connection.putheader(name, value.encode("utf-8", "surrogatepass"))
    connection.putheader("Content-Length", str(len(request.body)))
    connection.endheaders(request.body)
    response = connection.getresponse()
    return response.status, response.read()


@pytest.mark.parametrize("seed", range(3))
def test_no_odd_request_is_a_failure_of_the_server(
    server: Server, api: Any, failures: list[logging.LogRecord], seed: int
) -> None:
    filled(api)
    host, port = server.url.removeprefix("http://").split(":")
    answered = 0
    for request in OddRequests(seed, api.repository)(REQUESTS):
        connection = http.client.HTTPConnection(host, int(port), timeout=60)
        # A head that the parser itself refuses may end the connection before all of it was sent.
        with contextlib.closing(connection), contextlib.suppress(ConnectionError):
            status, body = send(connection, request, api._headers["Authorization"])
            answered += 1
            known = status < 500 or status == 501 or any(text.encode() in body for text in AS_LAKEFS)
            assert known, (str(request), status, body[:MAX_MESSAGE_CHARS])
        noted = [record.getMessage() for record in failures if "Invalid HTTP request" not in record.msg]
        assert noted == [], str(request)
    assert answered > REQUESTS // 2


def test_where_a_login_leads_to_is_a_page_of_this_site(server: Server) -> None:
    browser = Browser(server.url)
    for target in ("//[", "http://[", "//evil.example", "/\\evil.example", "https://evil.example/", "\x00"):
        status, _ = browser.go("/auth/login", KEY | {"next": target})
        assert (status, browser.target) == (200, "/repositories"), target
    browser.close()


FORMS = {
    "escapes": "application/x-www-form-urlencoded; charset=unicode_escape",
    "parts": "multipart/form-data; boundary=x; charset=unicode_escape",
    "parts without a boundary": "multipart/form-data",
    "no type": "",
}


@pytest.mark.parametrize("kind", FORMS.values(), ids=FORMS.keys())
def test_a_form_of_another_kind_is_refused(server: Server, kind: str) -> None:
    host, port = server.url.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=20)
    body = b'--x\r\nContent-Disposition: form-data; name="access_key_id"\r\n\r\n\\N{no\r\n--x--\r\n'
    with contextlib.closing(connection):
        connection.request("POST", "/auth/login", body, {"Content-Type": kind})
        assert connection.getresponse().status == (401 if "urlencoded" in kind else 400)


def test_a_form_that_is_too_large_is_not_read(server: Server) -> None:
    browser = Browser(server.url)
    status, page = browser.go("/auth/login", KEY | {"next": "x" * 100_000})
    assert status == 400
    assert "The form is too large, or its size is not given." in page
    browser.close()


TIMES = ["9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "99999-01-01T00:00:00Z"]


@pytest.mark.parametrize("moment", TIMES)
def test_a_time_outside_of_every_calendar_is_no_failure(api: Any, moment: str) -> None:
    answer = api("GET", "R/refs/main/commits", since=moment)
    assert answer.status in (200, 400), answer.body


@pytest.mark.parametrize("date", [9_000_000_000, -9_000_000_000, 10**15, -(10**15), 2**53])
def test_a_commit_of_the_far_future_can_be_read_everywhere(server: Server, api: Any, date: int) -> None:
    api.put("_lakefs_actions/a.yaml", ACTION)
    api.put("a")
    answer = api("POST", "R/branches/main/commits", {"message": "m", "date": date})
    assert answer.status in (201, 400), answer.body
    assert api("GET", "R/refs/main/commits").status == 200
    api.put("b")
    api.commit()
    browser = Browser(server.url)
    browser.go("/auth/login", KEY)
    for page in ("commits?ref=main", "objects?ref=main", "branches", f"commits/{api.head()}"):
        assert browser.go(f"/repositories/{api.repository}/{page}")[0] == 200, page
    browser.close()


ACTION = """
name: reads the time
on: {pre-merge: , post-commit: , pre-commit: }
hooks: [{id: h1, type: lua, properties: {script: "print(action.commit.creation_date)"}}]
"""

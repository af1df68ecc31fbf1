from __future__ import annotations

import http.client
import re
from collections.abc import Iterator
from html import unescape
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

KEY = {"access_key_id": "AKIATEST", "secret_access_key": "secret-of-the-test"}
NASTY = '<script>alert("1")</script>&'


class Browser:
    """Keeps cookies, follows redirects, runs nothing."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
        self.cookie = ""
        self.headers: Any = {}
        self.target = ""

    def close(self) -> None:
        self._connection.close()

    def go(self, target: str, form: dict[str, str] | None = None, **headers: str) -> tuple[int, str]:
        sent = dict(headers)
        if self.cookie:
            sent["Cookie"] = self.cookie
        if form is not None:
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        body = None if form is None else urlencode(form)
        self._connection.request("GET" if form is None else "POST", target, body, sent)
        response = self._connection.getresponse()
        text, self.headers, self.target = response.read().decode(), response.headers, target
        if "Set-Cookie" in response.headers:
            self.cookie = response.headers["Set-Cookie"].partition(";")[0]
        if response.status in (302, 303):
            return self.go(response.headers["Location"])
        return response.status, text


@pytest.fixture
def visitor(api: Any) -> Iterator[Browser]:
    browser = Browser(api.url)
    yield browser
    browser.close()


@pytest.fixture
def browser(visitor: Browser) -> Browser:
    status, _ = visitor.go("/auth/login", KEY)
    assert status == 200
    return visitor


@pytest.fixture
def filled(api: Any) -> Any:
    api.put("docs/README.md", b"# hello")
    api.put("data.bin", b"\xff\xfe")
    api.put("gone")
    api.commit("first", metadata={"::lakefs::MLflow::url[url:ui]": "http://mlflow.test/x", "k": "v"})
    api.branch("dev")
    api.put(NASTY, b"<b>", branch="dev", **{"x-lakefs-meta-note": NASTY})
    api.put("docs/README.md", b"# changed", branch="dev")
    api.ok("DELETE", "R/branches/dev/objects", path="gone")
    api.commit(NASTY, branch="dev", metadata={"::lakefs::Bad::url[url:ui]": "javascript:alert(1)"})
    api.ok("POST", "R/tags", {"id": "v1", "ref": "main"})
    return api


def test_a_link_leads_through_the_login_to_its_page(visitor: Browser, filled: Any) -> None:
    target = f"/repositories/{filled.repository}/compare?ref=main&compare=dev"
    status, text = visitor.go(target)
    assert status == 200
    assert "Secret access key" in text
    wanted = re.search(r'name="next" value="([^"]+)"', text)
    assert wanted is not None
    assert unescape(wanted[1]) == target
    wrong, text = visitor.go("/auth/login", KEY | {"secret_access_key": "x", "next": target})
    assert wrong == 401
    assert "match" in text
    status, text = visitor.go("/auth/login", KEY | {"next": target})
    assert (status, visitor.target) == (200, target)
    assert "Compare dev with main" in text


def test_the_compare_page(browser: Browser, filled: Any) -> None:
    status, text = browser.go(f"/repositories/{filled.repository}/compare?ref=main&compare=dev")
    assert status == 200
    shown = re.findall(r'<span class="(\w+)">\w+</span></td><td><a href="([^"]+)">([^<]*)</a>', text)
    assert [(kind, unescape(name)) for kind, _, name in shown] == [
        ("added", NASTY),
        ("changed", "docs/README.md"),
        ("removed", "gone"),
    ]
    for _, target, _ in shown:
        assert browser.go(unescape(target))[0] == 200
    assert (
        "changes nothing" in browser.go(f"/repositories/{filled.repository}/compare?ref=dev&compare=main")[1]
    )


def test_every_link_opens_and_nothing_is_run(browser: Browser, filled: Any) -> None:
    seen: set[str] = set()
    waiting = ["/", f"/repositories/{filled.repository}/compare?ref=main&compare=dev"]
    own = (
        "/assets/",
        "/auth/",
        f"/repositories/{filled.repository}",
        f"/api/v1/repositories/{filled.repository}",
    )
    while waiting:
        target = waiting.pop()
        if target in seen or not (target in ("/", "/repositories") or target.startswith(own)):
            continue
        seen.add(target)
        status, text = browser.go(target) if not target.startswith("/api/") else (200, "")
        assert status == 200, target
        if "text/html" not in browser.headers.get("Content-Type", ""):
            continue
        assert "<script" not in text
        assert 'href="javascript' not in text
        assert "script-src" not in browser.headers["Content-Security-Policy"]
        assert browser.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert browser.headers["X-Content-Type-Options"] == "nosniff"
        waiting += [unescape(link) for link in re.findall(r'href="(/[^"]*)"', text)]
    assert len(seen) > 15


def test_commit_metadata_shows_as_buttons(browser: Browser, filled: Any) -> None:
    commit_id = filled.head()
    status, text = browser.go(f"/repositories/{filled.repository}/commits/{commit_id}")
    assert status == 200
    assert '<a href="http://mlflow.test/x" rel="noopener noreferrer nofollow">Open MLflow UI</a>' in text
    _, text = browser.go(f"/repositories/{filled.repository}/commits/{filled.head('dev')}")
    assert "<span>Open Bad UI</span>" in text


def test_what_is_not_there(browser: Browser, filled: Any) -> None:
    for target in (
        "/nosuch",
        "/repositories/nosuch/objects",
        f"/repositories/{filled.repository}/objects?ref=nosuch",
    ):
        status, text = browser.go(target)
        assert status == 404
        assert "<h1>404</h1>" in text


@pytest.mark.parametrize(
    "target", ["//evil.test/", "https://evil.test/", "/\\evil.test", "javascript:x", "\\\\e"]
)
def test_a_login_leads_nowhere_else(visitor: Browser, api: Any, target: str) -> None:
    status, _ = visitor.go("/auth/login", KEY | {"next": target})
    assert (status, visitor.target) == (200, "/repositories")


def test_forms_of_other_sites_are_refused(browser: Browser) -> None:
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "http://evil.test"}):
        assert browser.go("/auth/login", KEY, **headers)[0] == 403
        assert browser.go("/auth/logout", {}, **headers)[0] == 403


def test_logging_out(browser: Browser) -> None:
    assert "Log out" in browser.go("/repositories")[1]
    browser.go("/auth/logout", {})
    assert "Secret access key" in browser.go("/repositories")[1]

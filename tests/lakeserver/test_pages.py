from __future__ import annotations

import io
import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import pandas as pd
import pytest

from tests.support.plain_browser import KEY, Browser

NASTY = '<script>alert("1")</script>&'


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
    shown = re.findall(r'<span class="(\w+)">\w+</span></td><td[^>]*><a href="([^"]+)">([^<]*)</a>', text)
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
    assert re.search('<a href="http://mlflow.test/x" rel="noopener[^>]*>Open MLflow UI</a>', text)
    _, text = browser.go(f"/repositories/{filled.repository}/commits/{filled.head('dev')}")
    assert "<span>Open Bad UI</span>" in text


def test_the_page_of_branch_protection(browser: Browser, filled: Any) -> None:
    target = f"/repositories/{filled.repository}/settings/branches"
    status, text = browser.go(target)
    assert (status, "No branch is protected." in text) == (200, True)
    filled.ok("PUT", "R/settings/branch_protection", [{"pattern": "{main,<b>}"}])
    status, text = browser.go(target)
    assert (status, "<code>{main,&lt;b&gt;}</code>" in text) == (200, True)


def test_what_is_not_there(browser: Browser, filled: Any) -> None:
    for target in (
        "/nosuch",
        "/repositories/nosuch/objects",
        f"/repositories/{filled.repository}/objects?ref=nosuch",
    ):
        status, text = browser.go(target)
        assert status == 404
        assert "<h1>404 Not Found</h1>" in text


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
    page = browser.go("/repositories")[1]
    assert "Log out" in page
    token = page.partition('name="sent_from_here" value="')[2].partition('"')[0]
    browser.go("/auth/logout", {"sent_from_here": token})
    assert "Secret access key" in browser.go("/repositories")[1]


def form_of(text: str) -> dict[str, str]:
    """The hidden fields of a page's own form."""
    return dict(re.findall(r'<input type="hidden" name="(sent_from_here)" value="([^"]+)"', text))


def test_a_pull_request_from_the_comparison_to_the_merge(browser: Browser, filled: Any) -> None:
    repo = f"/repositories/{filled.repository}"
    _, text = browser.go(f"{repo}/compare?ref=main&compare=dev")
    opened = re.search(r'href="([^"]*/pulls/create[^"]*)"', text)
    assert opened is not None
    status, text = browser.go(unescape(opened[1]))
    assert status == 200
    fields = form_of(text) | {"source": "dev", "destination": "main", "description": NASTY}
    assert browser.go(f"{repo}/pulls/create", fields | {"title": "t", "source": "nosuch"})[0] == 400
    status, text = browser.go(f"{repo}/pulls/create", fields | {"title": NASTY})
    assert status == 200
    assert browser.target.startswith(f"{repo}/pulls/")
    assert "docs/README.md" in text
    assert "<script" not in text
    pull = browser.target
    assert NASTY in unescape(browser.go(f"{repo}/pulls")[1])
    for action, shown in (("close", "Open again"), ("open", "Merge")):
        assert shown in browser.go(pull, form_of(text) | {"action": action})[1]
    _, text = browser.go(pull, form_of(text) | {"action": "merge"})
    assert "Merged as" in text
    assert filled.ok("GET", "R/pulls")["results"][0]["status"] == "merged"
    status, text = browser.go(pull, form_of(browser.go(f"{repo}/pulls/create")[1]) | {"action": "merge"})
    assert status == 400
    assert "bad pull request status" in text


def test_a_form_that_was_not_sent_from_here_changes_nothing(browser: Browser, filled: Any) -> None:
    target = f"/repositories/{filled.repository}/pulls/create"
    fields = {"source": "dev", "destination": "main", "title": "t"}
    right = form_of(browser.go(target)[1])
    for sent, headers in (
        ({}, {}),
        ({"sent_from_here": "x"}, {}),
        (right, {"Origin": "http://evil.test"}),
        (right, {"Sec-Fetch-Site": "cross-site"}),
    ):
        assert browser.go(target, fields | sent, **headers)[0] == 403
    assert filled.ok("GET", "R/pulls")["results"] == []


def test_what_hooks_wrote(browser: Browser, filled: Any) -> None:
    filled.put(
        "_lakefs_actions/say.yaml",
        "name: talk\non: {pre-create-tag: null}\n"
        "hooks: [{id: say, type: lua, properties: {script: \"print('<b>said</b>') error('no')\"}}]\n",
    )
    filled.commit()
    assert filled("POST", "R/tags", {"id": "v2", "ref": "main"}).status == 412
    _, text = browser.go(f"/repositories/{filled.repository}/actions")
    found = re.search(r'href="([^"]*/actions/[^"]+)"', text)
    assert found is not None
    _, text = browser.go(found[1])
    assert "&lt;b&gt;said&lt;/b&gt;" in text
    assert "talk, say" in text


def parquet(**columns: list[Any]) -> bytes:
    import pyarrow
    from pyarrow import parquet

    out = io.BytesIO()
    parquet.write_table(pyarrow.table(columns), out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("path", "body", "shown"),
    [
        ("a.csv", b"n,name\n1,<i>\n2,\n", ["2 rows, 2 columns", "int64", "string", "&lt;i&gt;"]),
        ("ragged.csv", b"a,b\n1\n2,3,4\n", ["do not all have the same columns"]),
        ("empty.csv", b"", ["It is empty."]),
        ("a.tsv", b"n\tm\n1\t2.5\n", ["1 rows, 2 columns", "double"]),
        ("a.parquet", parquet(n=list(range(70)), s=["<i>"] * 70), ["70 rows", "the first 50", "&lt;i&gt;"]),
        ("none.parquet", parquet(n=[]), ["0 rows, 1 columns"]),
        ("broken.parquet", b"PAR1 no PAR1", ["cannot be read as Parquet"]),
        ("a.json", b'{"a": ["<i>"]}', ["&lt;i&gt;", "\n  &quot;a&quot;: ["]),
        ("broken.json", b"{", ["not valid JSON"]),
        ("a.bin", b"\xff\x00", ["It is not text."]),
        (
            "a.md",
            b"# T\n<script>x</script>\n[a](javascript:x) [b](http://b.test/)\n\n|a|\n|-|\n|1|\n",
            ["<h2>T</h2>", "&lt;script&gt;", '<a href="http://b.test/" rel="noopener', "<td>1</td>"],
        ),
    ],
)
def test_previews(browser: Browser, api: Any, path: str, body: bytes, shown: list[str]) -> None:
    api.put(path, body)
    status, text = browser.go(f"/repositories/{api.repository}/object?ref=main&path={path}")
    assert status == 200
    assert [part for part in shown if part not in text] == []
    assert "<script" not in text
    assert 'href="javascript' not in text


def test_a_changed_table_shows_what_changed_in_it(browser: Browser, api: Any) -> None:
    api.put("t.parquet", parquet(n=[1, 2, 3], old=[1, 1, 1], f=[float("nan")] * 3))
    api.commit()
    api.branch("dev")
    api.put("t.parquet", parquet(n=[2, 3, 4, 5], new=["x"] * 4, f=[float("nan")] * 4), branch="dev")
    api.commit(branch="dev")
    _, text = browser.go(f"/repositories/{api.repository}/compare?ref=main&compare=dev")
    assert "3 → 4 rows; 2 added, 1 removed; columns added: new; columns removed: old" in text
    rows = re.findall(r'<span class="\w+">(\w+)</span></th><td>(\d+)</td><td>nan</td>', text)
    assert rows == [("removed", "1"), ("added", "4"), ("added", "5")]
    api.put("t.parquet", parquet(n=[1, 2, 3], old=[1, 1, 9], f=[float("nan")] * 3), branch="dev")
    api.commit(branch="dev")
    _, text = browser.go(f"/repositories/{api.repository}/compare?ref=main&compare=dev")
    assert "3 → 3 rows; 1 added, 1 removed; columns with other values: old" in text


def test_rows_are_matched_by_the_index_that_pandas_recorded(browser: Browser, api: Any) -> None:
    def stored(**columns: list[int]) -> bytes:
        file = io.BytesIO()
        pd.DataFrame(columns).set_index("id").to_parquet(file)
        return file.getvalue()

    api.put("t.parquet", stored(id=[7, 3, 5], x=[1, 1, 1]))
    api.commit()
    api.branch("dev")
    api.put("t.parquet", stored(id=[3, 7, 9], x=[2, 1, 1]), branch="dev")
    api.commit(branch="dev")
    _, text = browser.go(f"/repositories/{api.repository}/compare?ref=main&compare=dev")
    said = "3 → 3 rows; 1 added, 1 removed, 1 changed; columns with other values: x; rows are matched by id"
    assert said in text
    rows = re.findall(r'<span class="[\w ]+">([\w ]+)</span></th><td>(\d+)</td><td>(\d+)</td>', text)
    assert rows == [
        ("removed", "1", "5"),
        ("changed from", "1", "3"),
        ("changed to", "2", "3"),
        ("added", "1", "9"),
    ]


@pytest.mark.parametrize("mtime", [-(10**12), 10**15, -1])
def test_a_time_that_no_calendar_has_harms_nothing(api: Any, browser: Browser, mtime: int) -> None:
    stats = api.put("a", b"hello")
    body = {"physical_address": stats["physical_address"], "checksum": "c", "size_bytes": 5, "mtime": mtime}
    api.ok("PUT", "R/branches/main/objects", body, path="b")
    assert api.read("b") == b"hello"
    assert api("HEAD", "R/refs/main/objects", path="b").status == 200
    assert browser.go(f"/repositories/{api.repository}/object?ref=main&path=b")[0] == 200
    assert browser.go(f"/repositories/{api.repository}/objects?ref=main")[0] == 200

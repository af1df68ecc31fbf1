from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest

from mlops.lakeserver.pages import markdown
from mlops.lakeserver.pages.markdown import Place
from mlops.lakeserver.pages.markup import join
from tests.support.plain_browser import KEY, Browser


@pytest.fixture
def browser(api: Any) -> Iterator[Browser]:
    visitor = Browser(api.url)
    assert visitor.go("/auth/login", KEY)[0] == 200
    yield visitor
    visitor.close()


@pytest.mark.parametrize(
    ("content_type", "shown"),
    [
        ("image/png", "inline"),
        ("text/plain; charset=utf-8", "inline"),
        ("text/html", "attachment"),
        ("Text/HTML; charset=utf-8", "attachment"),
        ("image/svg+xml", "attachment"),
        ("application/xhtml+xml", "attachment"),
        ("application/octet-stream", "attachment"),
    ],
)
def test_what_could_run_in_a_browser_is_only_saved(api: Any, content_type: str, shown: str) -> None:
    api.put("x", b"<script>1</script>", **{"Content-Type": content_type})
    headers = api("GET", "R/refs/main/objects", path="x").headers
    assert headers["Content-Disposition"] == shown
    assert headers["Content-Security-Policy"] == "default-src 'none'"
    assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("[a](b.md)", "/repositories/R/object?ref=v%2F1&path=docs%2Fb.md"),
        ("[a](../x%20y.md#part)", "/repositories/R/object?ref=v%2F1&path=x+y.md"),
        ("[a](../../../x.md)", "/repositories/R/object?ref=v%2F1&path=x.md"),
        ("[a](/x.md)", "/repositories/R/object?ref=v%2F1&path=x.md"),
        ("[a](more/)", "/repositories/R/objects?ref=v%2F1&path=docs%2Fmore%2F"),
        ("[a](../)", "/repositories/R/objects?ref=v%2F1"),
        ("[a](lakefs://other/main/data/t.csv)", "/repositories/other/object?ref=main&path=data%2Ft.csv"),
        ("[a](lakefs://other/main/)", "/repositories/other/objects?ref=main"),
        ("[a](https://example.test/?q)", "https://example.test/?q"),
        ("[a](//example.test/x)", "//example.test/x"),
        ("[a](#part)", "#part"),
        ("[a](javascript:alert(1))", None),
        ("[a](data:text/html,x)", None),
        ("![a](p.png)", "/api/v1/repositories/R/refs/v%2F1/objects?path=docs%2Fp.png"),
        ("![a](http://example.test/spy.png)", "http://example.test/spy.png"),
        ("![a](javascript:alert(1))", None),
    ],
)
def test_links_and_pictures_of_markdown_lead_to_this_site(written: str, shown: str | None) -> None:
    html = join(markdown.render(written, Place("R", "v/1", "docs/README.md")))
    found = re.findall('(?:href|src)="([^"]*)"', html)
    assert [unescape(target) for target in found] == ([shown] if shown else [])
    assert ("<img" in html) == (written == "![a](p.png)")


def test_markdown_has_no_html_and_no_styles_of_its_own() -> None:
    text = "# A\n\n###### B\n\n|a|\n|-:|\n|1|\n\n<b onclick=x>\n\n```<i>\n<b>\n```\n"
    html = join(markdown.render(text, Place("R", "main", "README.md")))
    assert "<h2>A</h2>" in html
    assert "<h6>B</h6>" in html
    assert "style=" not in html
    assert "<b" not in html
    assert "<i>" not in html


def test_what_is_not_committed_is_listed(browser: Browser, api: Any) -> None:
    folder = f"/repositories/{api.repository}/objects"
    api.put("gone", b"1")
    api.put("kept", b"1")
    assert "Uncommitted changes" in browser.go(folder)[1]
    api.commit()
    assert "Uncommitted changes" not in browser.go(folder)[1]
    assert "All is committed." in browser.go(f"{folder}?ref=main&showChanges=true")[1]
    api.put("new", b"1")
    api.put("kept", b"2")
    api.ok("DELETE", "R/branches/main/objects", path="gone")
    _, text = browser.go(f"{folder}?ref=main&showChanges=true")
    shown = re.findall(r'<span class="(\w+)">\w+</span></td><td[^>]*><a href="([^"]+)">([^<]*)</a>', text)
    assert [(kind, name) for kind, _, name in shown] == [
        ("removed", "gone"),
        ("changed", "kept"),
        ("added", "new"),
    ]
    for _, target, _ in shown:
        assert browser.go(unescape(target))[0] == 200
    assert browser.go(f"{folder}?ref={api.head()}")[0] == 200
    assert browser.go(f"{folder}?ref={api.head()}&showChanges=true")[0] == 404

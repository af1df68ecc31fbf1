"""The pages in a real browser: narrow and wide, light and dark, by keyboard alone, without JavaScript."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlops.lakeserver import Credentials, Server, running_server
from tests.support import chromium, lake_scene, page_checks
from tests.support.chromium import Chromium

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(chromium.find() is None, reason="there is no chromium on PATH"),
]

TAB, ENTER = ("Tab", 9), ("Enter", 13)
DARK, LIGHT = 0.25, 0.75


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """A browser that runs no scripts of pages."""
    program = chromium.find()
    assert program is not None
    with chromium.started(program, tmp_path_factory.mktemp("profile")) as running:
        running("Emulation.setScriptExecutionDisabled", value=True)
        yield running


@pytest.fixture
def pages(api: Any) -> dict[str, str]:
    return {name: f"{api.url}{path}" for name, path in lake_scene.fill(api).items()}


def submit(browser: Chromium) -> None:
    """Enter is pressed, and the page that it leads to is loaded."""
    browser.forget()
    browser.press(*ENTER)
    browser.wait_for("Page.loadEventFired")


def log_in(browser: Chromium, url: str, credentials: Credentials) -> None:
    browser("Network.clearBrowserCookies")
    browser.look(width=1100)
    browser.go(url)
    assert browser.ask("document.querySelector('h1').textContent") == "Log in"
    for name in ("access_key_id", "secret_access_key"):
        browser.ask(f"document.querySelector('[name={name}]').focus()")
        browser.type(getattr(credentials, name))
    submit(browser)


def focus(browser: Chromium, selector: str) -> None:
    browser.ask(f"document.querySelector({selector!r}).focus()")


def shown(browser: Chromium, selector: str = "main") -> str:
    return browser.ask(f"document.querySelector({selector!r})?.textContent ?? ''")


def test_logging_in_leads_to_the_page_and_scripts_cannot_read_the_cookie(
    browser: Chromium, server: Server, pages: dict[str, str], credentials: Credentials
) -> None:
    log_in(browser, pages["compare"], credentials)
    assert browser.ask("location.href") == pages["compare"]
    (cookie,) = browser("Network.getCookies", urls=[server.url])["cookies"]
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Lax", "/")
    assert browser.ask("document.cookie") == ""
    focus(browser, "header button")
    submit(browser)
    assert browser("Network.getCookies", urls=[server.url])["cookies"] == []
    browser.go(pages["compare"])
    assert shown(browser, "h1") == "Log in"


def complaints(browser: Chromium, *, dark: bool) -> list[str]:
    checks = (page_checks.WIDTH, page_checks.HEADINGS, page_checks.NAMES, page_checks.CONTRAST)
    found = [text for check in checks for text in browser.ask(check)]
    light = browser.ask(page_checks.BACKGROUND)
    if (light > DARK) if dark else (light < LIGHT):
        found.append(f"background {light}")
    return found + browser.messages


@pytest.mark.parametrize(("width", "dark"), [(320, False), (390, True), (1100, False), (1100, True)])
def test_every_page_fits_and_can_be_read(
    browser: Chromium, pages: dict[str, str], credentials: Credentials, width: int, dark: bool
) -> None:
    log_in(browser, pages["repositories"], credentials)
    browser.look(width=width, dark=dark)
    found = {}
    for name, url in pages.items():
        browser.forget()
        browser.go(url)
        browser.ask("document.querySelectorAll('details').forEach(e => e.open = true)")
        if said := complaints(browser, dark=dark):
            found[name] = said
    assert found == {}


@pytest.mark.parametrize("path", ["/nosuch", "/repositories/nosuch/objects", "{}/objects?ref=nosuch"])
def test_a_page_that_is_not_there_fits_too(
    browser: Chromium, api: Any, credentials: Credentials, path: str
) -> None:
    log_in(browser, f"{api.url}/repositories", credentials)
    for width, dark in ((320, False), (1100, True)):
        browser.look(width=width, dark=dark)
        browser.forget()
        browser.go(api.url + path.format(f"/repositories/{api.repository}"))
        assert shown(browser, "h1") == "404 Not Found"
        assert [text for text in complaints(browser, dark=dark) if "status of 404" not in text] == []


def test_the_sample_repository_from_the_first_page(
    browser: Chromium, tmp_path: Path, credentials: Credentials
) -> None:
    with running_server(tmp_path / "data", credentials, durable=False) as empty:
        log_in(browser, f"{empty.url}/repositories", credentials)
        browser.look(width=320, dark=True)
        browser.forget()
        browser.go(f"{empty.url}/repositories")
        assert complaints(browser, dark=True) == []
        focus(browser, "main button")
        submit(browser)
        assert shown(browser, "h1") == "Objects of main"
        assert complaints(browser, dark=True) == []
        browser.go(f"{empty.url}/repositories/quickstart/object?ref=main&path=lakes.parquet")
        assert "rows" in shown(browser)
        assert complaints(browser, dark=True) == []


def walk(browser: Chromium) -> tuple[int, list[int], list[int]]:
    """How much can be used on the page, what Tab reaches in turn, and where the focus cannot be seen."""
    count = browser.ask(page_checks.NUMBER_ALL)
    reached, unseen = [], []
    for _ in range(count + 2):
        browser.press(*TAB)
        at, visible = browser.ask(page_checks.FOCUSED)
        if at == -1 or at in reached:
            break
        reached.append(at)
        if not visible:
            unseen.append(at)
    return count, reached, unseen


def test_the_keyboard_reaches_everything_in_order_and_the_focus_is_seen(
    browser: Chromium, pages: dict[str, str], credentials: Credentials
) -> None:
    log_in(browser, pages["repositories"], credentials)
    for name in ("objects", "markdown", "parquet", "compare", "commit", "pull-refused", "pull-create", "run"):
        browser.go(pages[name])
        count, reached, unseen = walk(browser)
        assert (name, reached, unseen) == (name, list(range(count)), [])
        assert browser.ask("document.querySelector('[data-at=\"0\"]').textContent") == "To the content"


def test_a_pull_request_by_keyboard_alone(
    browser: Chromium, pages: dict[str, str], credentials: Credentials, api: Any
) -> None:
    api.branch("better", "main")
    api.put("better.txt", b"b", "better")
    api.commit("Better", "better")
    api.ok("PUT", "R/branches/main", {"type": "reset"})
    log_in(browser, f"{api.url}/repositories/{api.repository}/compare?ref=main&compare=better", credentials)
    focus(browser, "main a.button")
    submit(browser)
    fields = "[...document.querySelectorAll('main input:not([type=hidden])')].map(e => e.value)"
    assert browser.ask(fields) == ["main", "better", ""]
    focus(browser, "[name=title]")
    browser.type("By keyboard")
    submit(browser)
    assert "better.txt" in shown(browser)
    focus(browser, "button[value=merge]")
    submit(browser)
    assert "Merged as" in shown(browser)
    assert "better.txt" in api.paths()


def test_a_merge_that_is_refused_says_why(
    browser: Chromium, pages: dict[str, str], credentials: Credentials, api: Any
) -> None:
    api.ok("PUT", "R/branches/main", {"type": "reset"})
    log_in(browser, pages["pull-refused"], credentials)
    focus(browser, "button[value=merge]")
    submit(browser)
    assert "auc 0.70 is below the champion's 0.80" in shown(browser, "[role=alert]")
    focus(browser, "[role=alert] + p a")
    submit(browser)
    assert "champion 0.80 (<b>holdout-2013</b>)" in shown(browser, "pre")
    browser.go(pages["pull-conflict"])
    assert shown(browser, ".conflict") == "conflict"
    focus(browser, "button[value=merge]")
    submit(browser)
    assert "conflict" in shown(browser, "[role=alert]")


def test_what_was_uploaded_is_never_run(
    browser: Chromium, pages: dict[str, str], credentials: Credentials, api: Any
) -> None:
    browser("Emulation.setScriptExecutionDisabled", value=False)
    try:
        browser.go(
            f"data:text/html,<title>still</title><script>{lake_scene.SCRIPT.partition(';')[0]}</script>"
        )
        assert browser.ask("document.title") == "run", "scripts are on"
        log_in(browser, pages["repositories"], credentials)
        for name in ("objects", "markdown", "svg", "html"):
            browser.forget()
            browser.go(pages[name])
            assert browser.ask("document.title") != "run"
            assert browser.ask("document.scripts.length") == 0
            assert browser.messages == []
        browser("Browser.setDownloadBehavior", behavior="deny")
        for path in ("page.html", "images/drawing.svg", "README.md"):
            said = browser(
                "Page.navigate",
                url=f"{api.url}/api/v1/repositories/{api.repository}/refs/main/objects?path={path}",
            )
            assert said.get("errorText") == "net::ERR_ABORTED", "it is saved, not shown"
    finally:
        browser("Emulation.setScriptExecutionDisabled", value=True)

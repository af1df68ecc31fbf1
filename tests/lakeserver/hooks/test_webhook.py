"""Webhooks: what is posted, what counts as consent, what is kept in the log."""

import http.server
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

import pytest

from mlops.lakeserver.hooks.engine import Event, HookFailed, Limits
from mlops.lakeserver.hooks.webhook.http_post import check_address


@dataclass
class Received:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """A listening HTTP server on the loopback interface that answers as it is told."""

    url: str = ""
    answer: tuple[int, dict[str, str], bytes] = (200, {}, b"fine")
    redirects: dict[str, tuple[int, str]] = field(default_factory=dict)
    received: list[Received] = field(default_factory=list)
    held: threading.Event = field(default_factory=threading.Event)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    told = Receiver()
    told.held.set()

    class Handler(http.server.BaseHTTPRequestHandler):
        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            told.received.append(Received(self.command, self.path, dict(self.headers.items()), body))
            told.held.wait(20)
            status, headers, text = told.answer
            if self.path in told.redirects:
                status, headers, text = (
                    told.redirects[self.path][0],
                    {"Location": told.redirects[self.path][1]},
                    b"",
                )
            self.send_response(status)
            for name, value in {"Content-Length": str(len(text)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text)

        do_POST = do_GET = _serve  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        told.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield told
        told.held.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def call(lake, recorder, make_engine, receiver):
    """Runs one webhook with these properties; gives its log."""
    theirs = (urlsplit(receiver.url).netloc, "127.0.0.1", "127.0.0.1:9", "nowhere.invalid")

    def run(
        limits: Limits | None = None,
        environ: dict[str, str] | None = None,
        allowed: tuple[str, ...] = theirs,
        **properties: Any,
    ) -> str:
        hook = {"id": "metrics", "type": "webhook", "properties": properties}
        text = json.dumps({"name": "quality gate", "on": {"pre-merge": None}, "hooks": [hook]})
        lake.refs["c1"] = {"_lakefs_actions/gate.yaml": text.encode()}
        limits = replace(limits or Limits(), webhook_addresses=allowed)
        engine = make_engine(environ=(environ or {}).get, limits=limits)
        event = Event(
            "pre-merge",
            "runs",
            "main",
            source_ref="c1",
            merge_source="run-42",
            commit_id="m1",
            commit={"message": "promote <b>&", "metadata": {"run_id": "42", "a": "é"}, "parents": ["h"]},
            committer="tester",
        )
        engine.run(event, "c1")
        return recorder.runs[-1].hook_runs[0].output.decode()

    return run


def test_the_event_is_posted_as_json_in_lakefs_order(receiver, call):
    log = call(url=receiver.url)
    (got,) = receiver.received
    assert (got.method, got.path, got.headers["Content-Type"]) == ("POST", "/hook", "application/json")
    assert got.body.decode() == (
        '{"event_type":"pre-merge","event_time":"2026-01-01T00:00:01Z","action_name":"quality gate",'
        '"hook_id":"metrics","repository_id":"runs","branch_id":"main","source_ref":"c1","commit_id":"m1",'
        '"commit_message":"promote \\u003cb\\u003e\\u0026","committer":"tester",'
        '"commit_metadata":{"a":"é","run_id":"42"},"merge_source":"run-42"}'
    )
    assert log.startswith(
        f"Request:\nPOST {receiver.url}\nQuery Params:\nHeaders:\nContent-Type: application/json\n"
    )
    assert "\nResponse:\nHTTP/1.1 200 OK\r\n" in log
    assert log.endswith("\r\n\r\nfine")


def test_fields_without_a_value_are_left_out(receiver, lake, make_engine):
    hook = {"id": "tags", "type": "webhook", "properties": {"url": receiver.url}}
    text = json.dumps({"name": "tag gate", "on": {"post-create-tag": None}, "hooks": [hook]})
    lake.refs["c1"] = {"_lakefs_actions/gate.yaml": text.encode()}
    allowed = Limits(webhook_addresses=(urlsplit(receiver.url).netloc,))
    make_engine(limits=allowed).run(Event("post-create-tag", "runs", tag_id="v1", source_ref="c1"), "c1")
    assert set(json.loads(receiver.received[0].body)) == {
        *("event_type", "event_time", "action_name", "hook_id", "repository_id", "source_ref", "tag_id"),
    }


@pytest.mark.parametrize("status", [200, 201, 204])
def test_any_2xx_is_consent(receiver, call, status):
    receiver.answer = (status, {}, b"")
    call(url=receiver.url)


@pytest.mark.parametrize("status", [199 + 101, 304, 400, 412, 500])
def test_anything_else_refuses(receiver, call, status):
    receiver.answer = (status, {}, b"")
    with pytest.raises(HookFailed) as refused:
        call(url=receiver.url)
    assert refused.value.message.endswith(
        f"action failed: webhook request failed (status code: {status})\n\n"
    )
    assert refused.value.status == 412


def test_headers_and_parameters_are_sent_and_secrets_hidden(receiver, call):
    log = call(
        url=receiver.url + "?b=2",
        headers={
            "X-Token": "Bearer {{ ENV.LAKEFSACTION_TOKEN }}",
            "X-Plain": "p",
            "X-Other": "{{ ENV.HOME }}",
        },
        query_params={"a": ["1", "{{ENV.LAKEFSACTION_TOKEN}}"], "z": "q"},
        environ={"LAKEFSACTION_TOKEN": "s3cret", "HOME": "/root"},
    )
    (got,) = receiver.received
    assert got.path == "/hook?a=1&a=s3cret&b=2&z=q"
    assert (got.headers["X-Token"], got.headers["X-Plain"]) == ("Bearer s3cret", "p")
    assert got.headers["X-Other"] == ""
    assert "a: 1\na: *******\nz: q\n" in log
    assert "X-Token: *******\nX-Plain: p\nX-Other: *******\n" in log
    assert "s3cret" not in log


def test_a_secret_parameter_stays_hidden_when_nobody_answers(call, recorder):
    with pytest.raises(HookFailed) as refused:
        call(
            url="http://127.0.0.1:9/x",
            query_params={"k": "{{ ENV.LAKEFSACTION_K }}"},
            environ={"LAKEFSACTION_K": "s3"},
        )
    assert 'Post "http://127.0.0.1:9/x?k=*******": dial tcp 127.0.0.1:9: connect: connection refused' in (
        refused.value.message
    )
    assert "s3" not in refused.value.message + recorder.runs[-1].hook_runs[0].output.decode()


def test_a_slow_answer_is_not_waited_for(receiver, call):
    receiver.held.clear()
    with pytest.raises(HookFailed, match=r"context deadline exceeded \(Client.Timeout exceeded"):
        call(url=receiver.url, timeout="100ms")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_and_refuses(receiver, call, status):
    receiver.redirects = {"/hook": (status, "/again")}
    with pytest.raises(HookFailed, match=rf"webhook request failed \(status code: {status}\)"):
        call(url=receiver.url, headers={"Authorization": "Bearer x"})
    assert [got.path for got in receiver.received] == ["/hook"]


NOT_ALLOWED = {
    "nothing": (),
    "another port": ("127.0.0.1:1",),
    "the usual ports": ("127.0.0.1",),
    "another name": ("localhost",),
}


@pytest.mark.parametrize("allowed", NOT_ALLOWED.values(), ids=NOT_ALLOWED.keys())
def test_an_address_that_is_not_allowed_is_not_reached(receiver, call, allowed):
    address = urlsplit(receiver.url).netloc
    with pytest.raises(HookFailed) as refused:
        call(url=receiver.url, allowed=allowed)
    assert (
        f'Post "{receiver.url}": {address} is not among the addresses that webhooks may reach: the lake '
        f"server has to be started with --allow-webhook {address}, or MLOPS_LAKE_WEBHOOKS"
    ) in refused.value.message
    assert receiver.received == []


@pytest.mark.parametrize(
    "url",
    [
        *("http://169.254.169.254/latest/meta-data", "http://[::1]:80/", "http://127.0.0.1.nip.io/"),
        *("http://allowed.example@127.0.0.1:22/", "https://allowed.example:22/", "http://2130706433/"),
    ],
)
def test_no_other_way_of_writing_an_address_gets_around_the_list(receiver, call, url):
    with pytest.raises(HookFailed, match="is not among the addresses that webhooks may reach"):
        call(url=url, allowed=("allowed.example",))


def test_an_address_in_capitals_is_the_same(receiver, call):
    with pytest.raises(HookFailed, match="no such host"):
        call(url="http://NOWHERE.invalid/", allowed=("nowhere.invalid",))


@pytest.mark.parametrize("url", ["http://[", "http://[::1", "http://a:99999/", "http://a:b/"])
def test_what_is_no_address_fails_the_hook(receiver, call, url):
    with pytest.raises(HookFailed, match="action failed: "):
        call(url=url)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("Hooks.example.com", "hooks.example.com"),
        ("127.0.0.1:8080", "127.0.0.1:8080"),
        ("[::1]:80", "[::1]:80"),
    ],
)
def test_addresses_in_settings(text, address):
    assert check_address(text) == address


@pytest.mark.parametrize(
    "text", ["", "*", "http://a", "a/b", "a:b", "a:99999", "u:p@a", "a b", "::1", "a?x", "*.a.org"]
)
def test_what_is_no_address_in_settings_is_refused(text):
    with pytest.raises(ValueError, match=r".+"):
        check_address(text)


def test_only_the_start_of_a_long_answer_is_kept(receiver, call):
    receiver.answer = (200, {}, b"x" * 5000)
    log = call(url=receiver.url, limits=Limits(webhook_response_bytes=100))
    assert log.endswith("\r\n\r\n" + "x" * 100)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("file:///etc/passwd", 'unsupported protocol scheme "file"'),
        ("ftp://127.0.0.1/x", 'unsupported protocol scheme "ftp"'),
        ("x", 'unsupported protocol scheme ""'),
        ("http:///x", "no Host in request URL"),
        ("http://127.0.0.1:port/", "invalid port"),
        ("::bad", "missing protocol scheme"),
    ],
)
def test_only_http_addresses_are_called(call, url, why):
    with pytest.raises(HookFailed) as refused:
        call(url=url)
    assert why in refused.value.message


@pytest.mark.parametrize("value", ["a\nb", "a\r\nX-Injected: 1"])
def test_headers_cannot_smuggle_lines(receiver, call, value):
    with pytest.raises(HookFailed, match="Invalid header value"):
        call(url=receiver.url, headers={"X-A": value})
    assert receiver.received == []

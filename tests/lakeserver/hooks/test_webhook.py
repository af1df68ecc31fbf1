"""Webhooks: what is posted, what counts as consent, what is kept in the log."""

import http.server
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from mlops.lakeserver.hooks.engine import Event, HookFailed, Limits


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
def call(lake, recorder, make_engine):
    """Runs one webhook with these properties; gives its log."""

    def run(limits: Limits | None = None, environ: dict[str, str] | None = None, **properties: Any) -> str:
        hook = {"id": "metrics", "type": "webhook", "properties": properties}
        text = json.dumps({"name": "quality gate", "on": {"pre-merge": None}, "hooks": [hook]})
        lake.refs["c1"] = {"_lakefs_actions/gate.yaml": text.encode()}
        engine = make_engine(environ=(environ or {}).get, **({"limits": limits} if limits else {}))
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
    make_engine().run(Event("post-create-tag", "runs", tag_id="v1", source_ref="c1"), "c1")
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


def test_redirects_are_followed_as_go_follows_them(receiver, call):
    receiver.redirects = {"/hook": (307, "/again"), "/again": (303, "/read")}
    call(url=receiver.url)
    assert [(got.method, got.path, bool(got.body)) for got in receiver.received] == [
        ("POST", "/hook", True),
        ("POST", "/again", True),
        ("GET", "/read", False),
    ]


def test_redirects_end(receiver, call):
    receiver.redirects = {"/hook": (308, "/hook")}
    with pytest.raises(HookFailed, match="stopped after 10 redirects"):
        call(url=receiver.url)
    assert len(receiver.received) == 10


def test_credentials_do_not_follow_to_another_host(receiver, call):
    port = receiver.url.rsplit(":", 1)[1].split("/")[0]
    receiver.redirects = {"/hook": (307, f"http://localhost:{port}/else")}
    call(url=receiver.url, headers={"Authorization": "Bearer x", "X-Keep": "k"})
    first, second = receiver.received
    assert first.headers["Authorization"] == "Bearer x"
    assert "Authorization" not in second.headers
    assert second.headers["X-Keep"] == "k"


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

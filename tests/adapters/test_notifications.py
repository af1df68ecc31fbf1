"""Notifications: what arrives at servers on loopback, and that nothing waits for them or fails with them."""

from __future__ import annotations

import hashlib
import hmac
import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from mlops import settings
from mlops.adapters.notifications.channels import SIGNATURE_HEADER, Channel, Chat, Mail, Webhook
from mlops.adapters.notifications.delivery import deliver
from mlops.adapters.notifications.events import Event, EventKind
from mlops.cli.notifying import channels_of, event_of
from mlops.runs.errors import OnHold, Unlawful, ValidationFailed

EVENT = Event(EventKind.PROMOTION, "flights", "run 4f is promotion 2: 3 < 4", 7, {"number": 2})


class _Recorder(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append((self.path, dict(self.headers), body))  # type: ignore[attr-defined]
        codes = self.server.codes  # type: ignore[attr-defined]
        self.send_response(codes.pop(0) if codes else 200)
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        return


@contextmanager
def http_server(*codes: int) -> Iterator[tuple[str, list[Any]]]:
    """Serve answers with these codes, then 200; yield the address and what was posted."""
    with HTTPServer(("127.0.0.1", 0), _Recorder) as server:
        server.seen, server.codes = [], list(codes)  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/hook", server.seen  # type: ignore[attr-defined]
        finally:
            server.shutdown()
            thread.join()


class _MailServer(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self.wfile.write(b"220 loopback\r\n")
        data = False
        for line in self.rfile:
            self.server.seen.append(line.decode().rstrip("\r\n"))  # type: ignore[attr-defined]
            if data:
                data = line != b".\r\n"
                if not data:
                    self.wfile.write(b"250 taken\r\n")
                continue
            word = line[:4].upper()
            data = word == b"DATA"
            self.wfile.write(
                b"354 go on\r\n" if data else b"221 bye\r\n" if word == b"QUIT" else b"250 fine\r\n"
            )
            if word == b"QUIT":
                return


def told(channel: Channel, **options: Any) -> list[str]:
    lines: list[str] = []
    deliver(EVENT, [channel], lines.append, **{"pause_s": 0.001, **options})
    return lines


def test_a_webhook_gets_json_with_its_hmac() -> None:
    with http_server() as (url, seen):
        assert told(Webhook(url, "secret")) == []
    ((path, headers, body),) = seen
    assert (path, json.loads(body)) == ("/hook", EVENT.document())
    digest = hmac.new(b"secret", body, hashlib.sha256).hexdigest()
    assert (
        headers[SIGNATURE_HEADER.title()] == f"sha256={digest}"
        or headers[SIGNATURE_HEADER] == f"sha256={digest}"
    )


def test_a_chat_gets_one_escaped_line() -> None:
    with http_server() as (url, seen):
        assert told(Chat(url)) == []
    assert json.loads(seen[0][2]) == {"text": "flights: run 4f is promotion 2: 3 &lt; 4"}


def test_a_mail_is_sent_by_smtp() -> None:
    with socketserver.TCPServer(("127.0.0.1", 0), _MailServer) as server:
        server.seen = []  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        mail = Mail("127.0.0.1", server.server_address[1], "a@b.example", ("c@d.example",), starttls=False)
        assert told(mail) == []
        thread.join()
        lines = server.seen  # type: ignore[attr-defined]
    assert "To: c@d.example" in lines
    assert "Subject: [flights] promotion: run 4f is promotion 2: 3 < 4" in lines
    assert "number: 2" in lines


def test_a_failure_is_tried_again() -> None:
    with http_server(500, 503) as (url, seen):
        assert told(Webhook(url)) == []
    assert len(seen) == 3


@pytest.mark.parametrize("code", [500, 302])
def test_what_is_not_taken_is_told_and_nothing_is_followed(code: int) -> None:
    with http_server(code, code, code) as (url, seen):
        (line,) = told(Webhook(url, "secret"))
    assert line.startswith("the webhook was not told of the promotion: HTTP Error")
    assert {path for path, *_ in seen} == {"/hook"}


def test_a_server_that_never_answers_is_not_waited_for() -> None:
    with socketserver.TCPServer(("127.0.0.1", 0), socketserver.BaseRequestHandler) as silent:
        url = f"http://127.0.0.1:{silent.server_address[1]}/"
        (line,) = told(Webhook(url), deadline_s=0.1)
    assert line.startswith("the webhook was not told")


def test_an_error_in_a_channel_ends_nothing() -> None:
    (line,) = told(Webhook("ftp://127.0.0.1/x"))
    assert "not http:// or https://" in line


def finding(**document: Any) -> dict[str, Any]:
    verdict = {"findings": [{"sentence": "MAE 12 against 14."}]}
    return {"run_id": "4f", "number": 2, "promoted": False, "waiting": False, "verdict": verdict, **document}


@pytest.mark.parametrize(
    ("command", "outcome", "kind"),
    [
        ("run", finding(promoted=True), "promotion"),
        ("approve", finding(promoted=True), "promotion"),
        ("run", finding(waiting=True), "review"),
        ("run", finding(), "refusal"),
        ("reject", {"run_id": "4f", "rejection": {"by": "claimed:Bob", "reason": "no"}}, "rejection"),
        ("rollback", {"changed": True, "dry_run": False, "to_number": 1, "reason": "x"}, "rollback"),
        ("rollback", {"changed": True, "dry_run": True, "to_number": 1, "reason": "x"}, None),
        ("resume", {"resumed": True, "reason": "found"}, "resume"),
        ("resume", {"resumed": False, "reason": "found"}, None),
        ("run", OnHold("promotions are on hold"), "hold"),
        ("ingest", ValidationFailed("2 of 3 hold"), "broken_delivery"),
        ("run", Unlawful("no"), None),
        ("ingest", {"ingested": []}, None),
    ],
)
def test_each_outcome_is_the_event_that_it_is(command: str, outcome: Any, kind: str | None) -> None:
    event = event_of(command, "flights", outcome, 7)
    assert (event and (str(event.kind), event.pipeline)) == (kind and (kind, "flights"))


def test_channels_follow_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    assert channels_of(settings.load()) == []
    monkeypatch.setenv("MLOPS_NOTIFY_WEBHOOK", "http://127.0.0.1:9/a")
    monkeypatch.setenv("MLOPS_NOTIFY_CHAT", "http://127.0.0.1:9/b")
    monkeypatch.setenv("MLOPS_NOTIFY_MAIL_TO", "a@b.example, c@d.example")
    monkeypatch.setenv("MLOPS_NOTIFY_SMTP", "mail.example:465")
    webhook, chat, mail = channels_of(settings.load())
    assert (webhook.name, chat.name) == ("webhook", "chat")
    assert isinstance(mail, Mail)
    assert (mail.host, mail.port, mail.sender, mail.to) == (
        "mail.example",
        465,
        "a@b.example",
        ("a@b.example", "c@d.example"),
    )

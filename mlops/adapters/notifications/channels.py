"""Ways to tell people of an event: a webhook, a Slack-compatible chat, a mail."""

from __future__ import annotations

import hashlib
import hmac
import json
import smtplib
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import EmailMessage
from http.client import HTTPResponse
from typing import Protocol, cast

from mlops.adapters.notifications.events import Event
from mlops.runs.json_values import nulled

#: Header with the HMAC-SHA256 of the body, as GitHub's webhooks write it.
SIGNATURE_HEADER = "X-Mlops-Signature-256"


class Channel(Protocol):
    """A way to tell people of an event."""

    @property
    def name(self) -> str:
        """Name for messages, without addresses and keys."""
        ...

    def send(self, event: Event, timeout_s: float) -> None:
        """Send an event; raise `OSError` or `ValueError` where it was not accepted."""
        ...


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Redirects are refused: a signed message goes to nobody else than the one named."""

    def redirect_request(self, *_: object, **__: object) -> None:
        """Follow no redirect."""
        return


def _post(url: str, body: bytes, headers: Mapping[str, str], timeout_s: float) -> None:
    if not url.startswith(("http://", "https://")):
        raise ValueError("the address is not http:// or https://")
    request = urllib.request.Request(url, body, {"Content-Type": "application/json", **headers})  # noqa: S310
    opener = urllib.request.build_opener(_NoRedirect)
    with cast("HTTPResponse", opener.open(request, timeout=timeout_s)) as answer:
        answer.read(1024)


@dataclass(frozen=True)
class Webhook:
    """Posts events as JSON.

    Attributes:
        url: Where.
        secret: Key of the HMAC in the header; without one there is no such header.
    """

    url: str = field(repr=False)
    secret: str = field(default="", repr=False)
    name: str = "webhook"

    def send(self, event: Event, timeout_s: float) -> None:
        """Post the event."""
        body = json.dumps(nulled(event.document()), separators=(",", ":"), default=str).encode()
        headers: dict[str, str] = {}
        if self.secret:
            digest = hmac.new(self.secret.encode(), body, hashlib.sha256).hexdigest()
            headers[SIGNATURE_HEADER] = f"sha256={digest}"
        _post(self.url, body, headers, timeout_s)


@dataclass(frozen=True)
class Chat:
    """Posts one line to an incoming webhook of Slack, or of a chat that takes the same."""

    url: str = field(repr=False)
    name: str = "chat"

    def send(self, event: Event, timeout_s: float) -> None:
        """Post the line."""
        text = f"{event.pipeline}: {event.sentence}"
        # Slack reads these three as markup.
        for plain, escaped in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
            text = text.replace(plain, escaped)
        _post(self.url, json.dumps({"text": text}).encode(), {}, timeout_s)


@dataclass(frozen=True)
class Mail:
    """Sends a mail by SMTP.

    Attributes:
        host: The server.
        port: Its port; at 465 the connection is encrypted from its beginning.
        sender: Address of the sender.
        to: Addresses of the receivers.
        user: Name for the server; empty for none.
        password: The password that belongs to it.
        starttls: Whether the connection is encrypted before anything is said.
    """

    host: str
    port: int
    sender: str
    to: tuple[str, ...]
    user: str = ""
    password: str = field(default="", repr=False)
    starttls: bool = True
    name: str = "mail"

    def send(self, event: Event, timeout_s: float) -> None:
        """Send the mail."""
        mail = EmailMessage()
        mail["From"], mail["To"] = self.sender, ", ".join(self.to)
        mail["Subject"] = " ".join(f"[{event.pipeline}] {event.kind}: {event.sentence}".split())[:200]
        facts = "\n".join(f"{name}: {value}" for name, value in event.facts.items())
        mail.set_content(f"{event.sentence}\n\n{facts}\n")
        kind = smtplib.SMTP_SSL if self.port == smtplib.SMTP_SSL_PORT else smtplib.SMTP
        with kind(self.host, self.port, timeout=timeout_s) as server:
            if self.starttls and kind is smtplib.SMTP:
                server.starttls()
            if self.user:
                server.login(self.user, self.password)
            server.send_message(mail)

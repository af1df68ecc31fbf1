"""Pages as a browser without JavaScript gets them."""

from __future__ import annotations

import http.client
from typing import Any
from urllib.parse import urlencode, urlsplit

KEY = {"access_key_id": "AKIATEST", "secret_access_key": "secret-of-the-test"}


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

"""Headless Chromium, driven through its DevTools protocol over a pipe."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

PATIENCE_S = 20.0
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--disable-sync",
    "--hide-scrollbars",
    "--no-first-run",
    "--no-default-browser-check",
    "--password-store=basic",
    "--remote-debugging-pipe",
)


def find() -> str | None:
    """The program on PATH, or None."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((found for name in names if (found := shutil.which(name))), None)


class ProtocolError(Exception):
    """The browser refused a command, or does not answer."""


class Chromium:
    """A browser with one page; use `started`.

    Attributes:
        messages: what the page wrote to the console or was refused, since `forget`.
    """

    def __init__(self, commands: int, answers: int) -> None:
        self._commands, self._answers = commands, answers
        self._buffer = b""
        self._number = 0
        self._session = ""
        self._events: list[dict[str, Any]] = []
        self.messages: list[str] = []

    def open_page(self) -> None:
        """A page is open, and what is said from now on goes to it."""
        target = self("Target.createTarget", url="about:blank")["targetId"]
        self._session = self("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self(f"{domain}.enable")

    def __call__(self, method: str, /, **params: Any) -> dict[str, Any]:
        """Says one command and returns the answer to it."""
        number = self._say(method, params)
        while True:
            said = self._next(method)
            if said.get("id") == number:
                if "error" in said:
                    raise ProtocolError(f"{method}: {said['error']['message']}")
                return said["result"]
            self._keep(said)

    def _say(self, method: str, params: dict[str, Any]) -> int:
        self._number += 1
        sent: dict[str, Any] = {"id": self._number, "method": method, "params": params}
        if self._session:
            sent["sessionId"] = self._session
        os.write(self._commands, json.dumps(sent).encode() + b"\0")
        return self._number

    def wait_for(self, event: str) -> dict[str, Any]:
        """The next such event that was not waited for yet."""
        while True:
            for at, said in enumerate(self._events):
                if said["method"] == event:
                    del self._events[: at + 1]
                    return said["params"]
            self._keep(self._next(event))

    def _keep(self, said: dict[str, Any]) -> None:
        match said.get("method"):
            case "Log.entryAdded":
                entry = said["params"]["entry"]
                self.messages.append(f"{entry['source']}: {entry['text']} {entry.get('url', '')}")
            case "Runtime.consoleAPICalled" | "Runtime.exceptionThrown":
                self.messages.append(json.dumps(said["params"])[:500])
            case "Page.javascriptDialogOpening":
                self.messages.append(f"dialog: {said['params']['message']}")
                # The page stands still until somebody answers.
                self._say("Page.handleJavaScriptDialog", {"accept": True})
        if "method" in said:
            self._events.append(said)

    def _next(self, awaited: str) -> dict[str, Any]:
        until = time.monotonic() + PATIENCE_S
        while b"\0" not in self._buffer:
            left = until - time.monotonic()
            ready = select.select([self._answers], [], [], max(left, 0))[0]
            chunk = os.read(self._answers, 1 << 20) if ready else b""
            if not chunk:
                raise ProtocolError(f"no answer: {awaited}")
            self._buffer += chunk
        text, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(text)

    def forget(self) -> None:
        """Messages and events until now are forgotten."""
        self.messages.clear()
        self._events.clear()

    def go(self, url: str) -> None:
        """The page at `url` is loaded."""
        self._events.clear()
        self("Page.navigate", url=url)
        self.wait_for("Page.loadEventFired")

    def look(self, *, width: int, height: int = 800, dark: bool = False) -> None:
        """The window's width and the colours asked for, from now on."""
        phone = width < 600
        self(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=phone,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self("Emulation.setEmulatedMedia", features=[scheme])

    def ask(self, expression: str) -> Any:
        """The value of a JavaScript expression on the page."""
        said = self("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in said:
            raise ProtocolError(json.dumps(said["exceptionDetails"])[:500])
        return said["result"].get("value")

    def press(self, key: str, code: int) -> None:
        """A key was pressed and let go; `code` is its Windows key code."""
        text = {"Enter": "\r"}.get(key, "")
        for kind in ("keyDown" if text else "rawKeyDown", "keyUp"):
            self(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                code=key,
                windowsVirtualKeyCode=code,
                text=text if kind == "keyDown" else "",
            )

    def type(self, text: str) -> None:
        """Text was typed into what has the focus."""
        self("Input.insertText", text=text)

    def save_picture(self, path: Path) -> None:
        """A PNG of the whole page is at `path`."""
        said = self("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(said["data"]))


@contextmanager
def started(program: str, folder: Path) -> Iterator[Chromium]:
    """A browser with one page, its profile in `folder`; it has ended when the block is left."""
    commands_in, commands_out = os.pipe()
    answers_in, answers_out = os.pipe()
    # Chromium reads from 3 and writes to 4: neither may be overwritten before it is copied.
    far = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in (commands_in, answers_out)]
    silent = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0) for fd in (0, 1, 2)]
    pid = os.posix_spawn(
        program,
        [program, *_FLAGS, f"--user-data-dir={folder}", "about:blank"],
        os.environ | {"HOME": str(folder)},
        file_actions=[*silent, (os.POSIX_SPAWN_DUP2, far[0], 3), (os.POSIX_SPAWN_DUP2, far[1], 4)],
        setpgroup=0,
    )
    for end in (commands_in, answers_out, *far):
        os.close(end)
    browser = Chromium(commands_out, answers_in)
    try:
        browser.open_page()
        yield browser
    finally:
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(commands_out)
        os.close(answers_in)

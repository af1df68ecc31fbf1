"""Open a page in this user's browser, logged in by a one-time code."""

from __future__ import annotations

import os
import secrets
import sys
import time
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from mlops.adapters.lake import credentials
from mlops.runs.errors import ConfigError

if TYPE_CHECKING:
    from mlops.settings import Settings

_FOLDER = "open"
_KEPT_S = 60.0

_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Opening {address}</title>
<form method="post" action="{address}/auth/enter"><input type="hidden" name="code" value="{code}">
<button>Open {address}</button></form><script>document.forms[0].submit()</script></html>
"""


@dataclass(frozen=True)
class Login:
    """A one-time login at the front door.

    Attributes:
        address: Address of the front door.
        code: The code; worth nothing after one use or a minute.
    """

    address: str
    code: str

    @property
    def url(self) -> str:
        """The address that logs a browser in."""
        from mlops.frontdoor.pages import ENTER

        return f"{self.address}{ENTER}?code={self.code}"


def ask_login(settings: Settings, path: str) -> Login:
    """Ask the front door for a code that logs a browser in, once and within a minute.

    Args:
        settings: Where the front door is.
        path: The page that the login leads to.

    Raises:
        ConfigError: The front door is not running, or does not take the key.
    """
    from mlops.adapters import server_process
    from mlops.frontdoor.control import NoCode, ask_code
    from mlops.servers.pages import DOOR, door_socket

    door = server_process.find(DOOR, settings.state_dir)
    if door is None:
        raise ConfigError("the front door is not running", where=str(settings.state_dir), todo="mlops up")
    key = settings.lake_credentials()
    try:
        code = ask_code(door_socket(settings), key.access_key_id, key.secret_access_key, path)
    except NoCode as error:
        raise ConfigError(str(error), where=door.address, todo="mlops down, then mlops up") from error
    return Login(door.address, code)


def open_with_code(state_dir: Path, address: str, code: str) -> bool:
    """Open a page of the front door; return whether there is a browser to open it in.

    The browser is started with the path of a private file that sends the code, not with the code itself:
    command lines are visible to every user of the machine.

    Args:
        state_dir: The state folder.
        address: The front door's address.
        code: The one-time code.
    """
    import webbrowser

    if not _may_have_browser():
        return False
    folder = state_dir.absolute() / _FOLDER
    remove_old(state_dir)
    file = folder / f"{secrets.token_hex(8)}.html"
    page = _PAGE.format(address=escape(address), code=escape(code))
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    credentials.write_private(file, page)
    try:
        return webbrowser.open(file.as_uri())
    except webbrowser.Error:
        return False


def remove_old(state_dir: Path, *, kept_s: float = _KEPT_S) -> None:
    """Remove pages whose codes are used or too old."""
    for file in (state_dir / _FOLDER).glob("*.html"):
        if time.time() - file.stat().st_mtime >= kept_s:
            file.unlink(missing_ok=True)


def _may_have_browser() -> bool:
    # Without a display, what is found may be a text browser, which would take the terminal over.
    named = ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY")
    return sys.platform in {"darwin", "win32"} or any(os.environ.get(name) for name in named)

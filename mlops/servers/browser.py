"""Opening a page in this user's browser, logged in by a one-time code."""

from __future__ import annotations

import os
import secrets
import sys
import time
from html import escape
from pathlib import Path

from mlops.adapters.lake import credentials

_FOLDER = "open"
_KEPT_S = 60.0

_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Opening {address}</title>
<form method="post" action="{address}/auth/enter"><input type="hidden" name="code" value="{code}">
<button>Open {address}</button></form><script>document.forms[0].submit()</script></html>
"""


def open_with_code(state_dir: Path, address: str, code: str) -> bool:
    """Open a page of the front door; tell whether there is a browser to open it in.

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
    """Remove pages whose codes are spent or too old."""
    for file in (state_dir / _FOLDER).glob("*.html"):
        if time.time() - file.stat().st_mtime >= kept_s:
            file.unlink(missing_ok=True)


def _may_have_browser() -> bool:
    # Without a display, what is found may be a text browser, which would take the terminal over.
    named = ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY")
    return sys.platform in {"darwin", "win32"} or any(os.environ.get(name) for name in named)

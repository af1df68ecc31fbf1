"""One-time codes for commands of the same user, over a Unix domain socket in a private folder.

One line of JSON each way. The socket is the user's alone by the folder's mode, and the key is asked for as
well: who can reach the socket and has no key of the lake gets no code.
"""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path
from typing import Any

from mlops.frontdoor.keys import LakeUnreachable
from mlops.frontdoor.login import Login

MAX_LINE_BYTES = 8 * 1024
PATIENCE_S = 15.0


class NoCode(Exception):
    """The door gives no one-time code."""


async def serve(path: str, login: Login) -> asyncio.Server:
    """Give out codes until closed; a socket that an earlier door has left is replaced.

    Args:
        path: Where the socket is.
        login: What issues codes.
    """

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                line = await reader.readline()
                writer.write(json.dumps(await _answer(line, login)).encode() + b"\n")
                await writer.drain()
        except (TimeoutError, ValueError, OSError):
            pass
        finally:
            writer.close()

    Path(path).unlink(missing_ok=True)
    server = await asyncio.start_unix_server(answer, path, limit=MAX_LINE_BYTES)
    Path(path).chmod(0o600)
    return server


async def _answer(line: bytes, login: Login) -> dict[str, str]:
    try:
        asked: Any = json.loads(line)
        given = [str(asked[name]) for name in ("access_key_id", "secret_access_key", "target")]
    except (ValueError, KeyError, TypeError, RecursionError):
        return {"error": "not a request for a code"}
    try:
        code = await login.issue_code(*given)
    except LakeUnreachable:
        return {"error": "the lake does not answer, so the key cannot be checked"}
    return {"code": code} if code else {"error": "this is not a key of the lake"}


def ask_code(path: str, access_key_id: str, secret_access_key: str, target: str) -> str:
    """Return a one-time code from the door that listens at a socket.

    Args:
        path: Where the socket is.
        access_key_id: Name of the lake's key.
        secret_access_key: The key.
        target: Path that the browser is led to.

    Raises:
        NoCode: The door does not answer, or refuses.
    """
    asked = {"access_key_id": access_key_id, "secret_access_key": secret_access_key, "target": target}
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(PATIENCE_S)
            connection.connect(path)
            connection.sendall(json.dumps(asked).encode() + b"\n")
            with connection.makefile("rb") as answers:
                answer: Any = json.loads(answers.readline(MAX_LINE_BYTES))
    except (OSError, ValueError, RecursionError) as error:
        raise NoCode(f"the front door does not answer: {error}") from None
    if not answer.get("code"):
        raise NoCode(str(answer.get("error", "the front door gives no code")))
    return str(answer["code"])

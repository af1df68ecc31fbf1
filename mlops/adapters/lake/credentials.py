"""Address and key of a lakeFS server, read from the environment or lakectl's file, and written to it."""

from __future__ import annotations

import os
import re
import secrets
import shlex
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mlops.adapters import state_folder
from mlops.adapters.policy import yaml_subset
from mlops.runs.errors import ConfigError

FILE_NAME = "lakectl.yaml"
STATE_DIR = ".mlops"

ENDPOINT_VARIABLE = "LAKECTL_SERVER_ENDPOINT_URL"
_MEND = "correct it; or, if it is in the state folder, `mlops down`, remove it and run the command again"
_KEY = "LAKECTL_CREDENTIALS_ACCESS_KEY_ID"
_SECRET = "LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY"  # noqa: S105 - the name of a variable
_TOKEN = "LAKECTL_CREDENTIALS_SESSION_TOKEN"  # noqa: S105 - the name of a variable
_FILE = "LAKECTL_CONFIG_FILE"
_KEY_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


@dataclass(frozen=True)
class Credentials:
    """A server and a key for it; neither key nor token is ever shown.

    Attributes:
        endpoint: ``http(s)://host[:port]``, without a path.
        access_key_id: Name of the key.
        secret_access_key: The key.
        session_token: Used instead of the key where it is set.
    """

    endpoint: str
    access_key_id: str = field(default="", repr=False)
    secret_access_key: str = field(default="", repr=False)
    session_token: str = field(default="", repr=False)


def generate(endpoint: str) -> Credentials:
    """Return new random credentials for a server of our own."""
    key = "AKIAJ" + "".join(secrets.choice(_KEY_ALPHABET) for _ in range(14)) + "Q"
    return Credentials(check_endpoint(endpoint), key, secrets.token_urlsafe(30))


def check_endpoint(text: str) -> str:
    """Return the address of a server in canonical form, ``http(s)://host[:port]``.

    Raises:
        ConfigError: It is not such an address, or it contains credentials.
    """
    address = text if "://" in text else f"http://{text}"
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        parts, host, port = None, None, None
    if parts is None or parts.scheme not in {"http", "https"} or not host:
        raise ConfigError(
            "not an address of a lakeFS server, e.g. http://127.0.0.1:8000", where=_redacted(text)
        )
    if parts.username or parts.password:
        raise ConfigError(
            "keys do not belong into an address",
            where=_redacted(text),
            todo=f"use {_KEY} and {_SECRET}, or a file that {_FILE} names",
        )
    if parts.path.rstrip("/") not in {"", "/api/v1"} or parts.query or parts.fragment:
        raise ConfigError("an address of a lakeFS server has no path", where=_redacted(text))
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}" + (f":{port}" if port else "")


def discover(
    environ: Mapping[str, str] | None = None, *, state_dir: Path | None = None, home: Path | None = None
) -> Credentials:
    """Return the credentials from the environment, else from a file, as lakectl does.

    The file is the one ``LAKECTL_CONFIG_FILE`` names, else ``lakectl.yaml`` in the state directory, else
    ``~/.lakectl.yaml``.

    Raises:
        ConfigError: There are none, or the file is readable by others than its owner.
    """
    env = os.environ if environ is None else environ
    found = _from_file(_file_of(env, state_dir, home))
    endpoint = env.get(ENDPOINT_VARIABLE) or (found.endpoint if found else "")
    token = env.get(_TOKEN, "")
    key, secret = env.get(_KEY, ""), env.get(_SECRET, "")
    if not (key and secret) and found:
        key, secret = found.access_key_id, found.secret_access_key
    if not endpoint or not (token or (key and secret)):
        raise ConfigError(
            "no lakeFS address or key",
            where=ENDPOINT_VARIABLE if not endpoint else _KEY,
            todo=f"set {ENDPOINT_VARIABLE}, {_KEY} and {_SECRET}, or name a lakectl file in {_FILE}",
        )
    if token:
        return Credentials(check_endpoint(endpoint), session_token=token)
    return Credentials(check_endpoint(endpoint), key, secret)


def load(file: Path) -> Credentials:
    """Return the credentials of a lakectl file.

    Raises:
        ConfigError: It is missing, incomplete, no YAML, or readable by others than its owner.
    """
    found = _from_file(file)
    if found is None or not found.endpoint or not (found.access_key_id and found.secret_access_key):
        raise ConfigError("no lakeFS address and key in it", where=str(file), todo="`mlops up` writes it")
    return Credentials(check_endpoint(found.endpoint), found.access_key_id, found.secret_access_key)


def save(credentials: Credentials, file: Path) -> None:
    """Write credentials in lakectl's format, readable by their owner alone; an older file is replaced."""
    import yaml

    text = yaml.safe_dump(
        {
            "server": {"endpoint_url": credentials.endpoint},
            "credentials": {
                "access_key_id": credentials.access_key_id,
                "secret_access_key": credentials.secret_access_key,
            },
        },
        sort_keys=False,
    )
    write_private(file, text)


def write_private(file: Path, text: str) -> None:
    """Write a file that only its owner may read, whole or not at all; an older one is replaced."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f"{file.name}.{os.getpid()}.part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    part.replace(file)


def environment(credentials: Credentials) -> dict[str, str]:
    """Return the variables by which lakectl, the SDK and lakefs-spec find a server."""
    if credentials.session_token:
        return {ENDPOINT_VARIABLE: credentials.endpoint, _TOKEN: credentials.session_token}
    return {
        ENDPOINT_VARIABLE: credentials.endpoint,
        _KEY: credentials.access_key_id,
        _SECRET: credentials.secret_access_key,
    }


def key_variables(access_key_id: str, secret_access_key: str) -> dict[str, str]:
    """Return the variables that make a key the one in use; no session token takes its place."""
    return {_KEY: access_key_id, _SECRET: secret_access_key, _TOKEN: ""}


def check_private(file: Path) -> None:
    """Raise `ConfigError` where a file with secrets can be read by others than its owner."""
    if os.name == "nt":
        return
    mode = stat.S_IMODE(file.stat().st_mode)
    if mode & 0o077:
        raise ConfigError(
            f"a file with a key must be its owner's alone (its mode is {mode:03o})",
            where=str(file),
            todo=f"chmod 600 {shlex.quote(str(file))}",
        )


def _file_of(env: Mapping[str, str], state_dir: Path | None, home: Path | None) -> Path | None:
    if env.get(_FILE):
        return Path(env[_FILE])
    own = (state_dir or Path(env.get("MLOPS_STATE_DIR") or STATE_DIR)) / FILE_NAME
    if own.is_file():
        state_folder.check_original(own.parent)
        return own
    return (home or Path.home()) / ".lakectl.yaml"


def _from_file(file: Path | None) -> Credentials | None:
    if file is None or not file.is_file():
        return None
    check_private(file)
    value = _parsed(file)
    server, keys = value.get("server") or {}, value.get("credentials") or {}
    if not isinstance(server, dict) or not isinstance(keys, dict):
        raise ConfigError("not a lakectl file", where=str(file), todo=_MEND)
    return Credentials(
        str(server.get("endpoint_url") or ""),
        str(keys.get("access_key_id") or ""),
        str(keys.get("secret_access_key") or ""),
    )


def _parsed(file: Path) -> dict[str, Any]:
    import yaml

    try:
        text = file.read_text(encoding="utf-8")
        yaml_subset.check_bounds(text)
        value = yaml.safe_load(text) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        # The parser's own text quotes the file, and with it the key.
        raise ConfigError(f"cannot be read ({type(error).__name__})", where=str(file), todo=_MEND) from None
    if not isinstance(value, dict):
        raise ConfigError("not a lakectl file", where=str(file), todo=_MEND)
    return value


def _redacted(text: str) -> str:
    return re.sub(r"//[^/@]*@", "//…@", text)

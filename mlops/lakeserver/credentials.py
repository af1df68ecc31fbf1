"""The server's access key: from the environment, a file in lakectl's form, or made at the first start."""

from __future__ import annotations

import os
import secrets
import string
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlops.lakeserver.http.auth import Credentials

KEY_VARIABLE, SECRET_VARIABLE = "LAKESERVER_ACCESS_KEY_ID", "LAKESERVER_SECRET_ACCESS_KEY"
USER_VARIABLE = "LAKESERVER_USER"
FILE_NAME = "lakectl.yaml"

# lakeFS's published quickstart credentials.
QUICKSTART = Credentials("AKIAIOSFOLQUICKSTART", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "quickstart")

_KEY_CHARS = string.ascii_uppercase + "234567"


class CredentialsUnusable(Exception):
    """The credentials are incomplete, unreadable, or readable by others."""


def find(path: Path, environ: Mapping[str, str] = os.environ, endpoint: str = "") -> Credentials:
    """Return the credentials of the environment, else of the file, which is created if it is missing.

    Raises:
        CredentialsUnusable: half of them is missing, or other users can read the file.
    """
    key, secret = environ.get(KEY_VARIABLE, ""), environ.get(SECRET_VARIABLE, "")
    user = environ.get(USER_VARIABLE, "") or "admin"
    if bool(key) != bool(secret):
        raise CredentialsUnusable(f"set both {KEY_VARIABLE} and {SECRET_VARIABLE}, or neither")
    if key:
        return Credentials(key, secret, user)
    if path.exists():
        return _read(path, user)
    made = Credentials(
        "AKIA" + "".join(secrets.choice(_KEY_CHARS) for _ in range(16)), secrets.token_urlsafe(30), user
    )
    write(path, made, endpoint)
    return made


def _read(path: Path, user: str) -> Credentials:
    import yaml

    if path.stat().st_mode & 0o077:
        raise CredentialsUnusable(f"{path} can be read by others: chmod 600 {path}")
    try:
        document: Any = yaml.safe_load(path.read_text())
        part = document["credentials"]
        return Credentials(str(part["access_key_id"]), str(part["secret_access_key"]), user)
    except (yaml.YAMLError, KeyError, TypeError, OSError) as error:
        raise CredentialsUnusable(
            f"{path} is not a lakectl configuration with credentials.access_key_id and .secret_access_key"
        ) from error


def write(path: Path, credentials: Credentials, endpoint: str = "") -> None:
    """Write the credentials to the file (mode 600), in the form that lakectl and the SDK read."""
    text = (
        "credentials:\n"
        f"  access_key_id: {credentials.access_key_id}\n"
        f"  secret_access_key: {credentials.secret_access_key}\n"
    )
    if endpoint:
        text += f"server:\n  endpoint_url: {endpoint}\n"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    temporary.replace(path)

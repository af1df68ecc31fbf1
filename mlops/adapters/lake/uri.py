"""``lakefs://<repository>/<ref>/<path>``: parsed strictly, because parts of it become local file names."""

from __future__ import annotations

import re
from typing import NamedTuple

from mlops.runs.errors import InputError

SCHEME = "lakefs"

_FORM = re.compile(
    rf"{SCHEME}://(?P<repository>[a-z0-9][a-z0-9-]{{2,62}})/(?P<ref>\w[\w.-]*)(?:/(?P<path>.*))?"
)
_UNSAFE = re.compile(r"[\x00-\x1f\x7f\\]")


class LakeUri(NamedTuple):
    """The parts of an address in a lake; ``path`` has no slash at either end and may be empty."""

    repository: str
    ref: str
    path: str

    def __str__(self) -> str:
        return f"{SCHEME}://{self.repository}/{self.ref}/{self.path}".rstrip("/")


def parse(uri: str) -> LakeUri:
    """Return the parts of an address.

    Raises:
        InputError: It has another form, or its path leaves its place.
    """
    match = _FORM.fullmatch(uri)
    if match is None:
        raise InputError("not of the form lakefs://<repository>/<ref>/<path>", where=repr(uri))
    return LakeUri(match["repository"], match["ref"], check_path((match["path"] or "").rstrip("/")))


def check_path(path: str) -> str:
    """Return a path in a lake if it can safely become a local one, relative to some folder.

    Raises:
        InputError: It is absolute, climbs out of its folder, or holds a character that no file name may.
    """
    if path and (_UNSAFE.search(path) or any(part in {"", ".", ".."} for part in path.split("/"))):
        raise InputError("not a safe path", where=repr(path))
    return path

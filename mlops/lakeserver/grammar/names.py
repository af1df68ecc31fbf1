"""Names that come from outside, and what lakeFS accepts of them."""

from __future__ import annotations

import re

from mlops.lakeserver.errors import BadRequest

MAX_PATH_BYTES = 1024

_REPOSITORY = re.compile(r"[a-z0-9][a-z0-9-]{2,62}", re.ASCII)
_BRANCH = re.compile(r"\w[-\w]*", re.ASCII)
# Unlike Git, lakeFS allows `~`, and control characters above the space.
_TAG_REFUSED = re.compile(r"[\x00-\x20^:?*\[\\/]|\.\.|@\{")
_NAMESPACE = re.compile(r"local://.*", re.DOTALL)


def check_repository(name: str, argument: str = "name") -> str:
    """`name`, which is a possible repository name.

    Raises:
        BadRequest: it is not.
    """
    if not _REPOSITORY.fullmatch(name):
        raise BadRequest(f"argument {argument}: repository id: invalid value: validation error")
    return name


def check_namespace(address: str) -> str:
    """Return `address` without a trailing slash; it names a place in the local block store.

    Raises:
        BadRequest: it names another kind of storage.
    """
    if not _NAMESPACE.fullmatch(address):
        raise BadRequest("failed to match required regex ^local://: invalid namespace")
    if address == "local://":
        raise BadRequest("failed to create repository: failed to access storage")
    return address.rstrip("/") if address.rstrip("/") != "local:" else address


def is_branch(name: str) -> bool:
    """Return whether `name` can name a branch."""
    return bool(_BRANCH.fullmatch(name))


def check_branch(name: str, argument: str = "branch") -> str:
    """`name`, which is a possible branch name.

    Raises:
        BadRequest: it is not.
    """
    if not is_branch(name):
        raise BadRequest(f"argument {argument}: branch id: invalid value: validation error")
    return name


def check_new_branch(name: str) -> str:
    """Check a branch name as `check_branch`, with lakeFS's explanation for new ones."""
    if not is_branch(name):
        raise BadRequest(
            "argument branch: branch id: invalid value: validation error: branch id must consist of letters, "
            "digits, underscores and dashes, and cannot start with a dash"
        )
    return name


def check_tag(name: str) -> str:
    """`name`, which is a possible tag name.

    Raises:
        BadRequest: it is not.
    """
    bad = not name or name == "@" or name.endswith((".", ".lock")) or _TAG_REFUSED.search(name)
    if bad:
        raise BadRequest("argument tagID: tag id: invalid value: validation error")
    return name


def check_path(path: str, argument: str = "path") -> bytes:
    """Return the object path as the key it is stored under.

    Raises:
        BadRequest: empty, too long, or not Unicode.
    """
    if not path:
        raise BadRequest(f"argument {argument}: missing path: required value: validation error")
    return check_optional_path(path, argument)


def check_optional_path(path: str, argument: str = "path") -> bytes:
    """Check a path as `check_path`, but allow an empty one."""
    try:
        key = path.encode()
    except UnicodeEncodeError:
        raise BadRequest(f"argument {argument}: invalid value: validation error: not valid UTF-8") from None
    if len(key) > MAX_PATH_BYTES:
        raise BadRequest(
            f"argument {argument}: invalid value: validation error: "
            f"{len(key)} is above maximum length ({MAX_PATH_BYTES})"
        )
    return key


def upper_bound(prefix: bytes) -> bytes | None:
    """Return the first key after all keys that start with `prefix`; None where there is none."""
    stripped = prefix.rstrip(b"\xff")
    return stripped[:-1] + bytes([stripped[-1] + 1]) if stripped else None

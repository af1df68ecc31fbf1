"""Errors of the server: a status and one sentence, the same for every client."""

from __future__ import annotations

from typing import ClassVar

MAX_MESSAGE_CHARS = 8_000


class LakeError(Exception):
    """An operation was refused; nothing of it is visible.

    Attributes:
        status: the HTTP status that clients act on.
        message: the text of the answer's body, in lakeFS's own words where lakeFS has them.
        headers: what else the answer carries.
    """

    status: ClassVar[int] = 500

    def __init__(self, message: str, headers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
        super().__init__(message)
        self.message = message[:MAX_MESSAGE_CHARS]
        self.headers = headers


class BadRequest(LakeError):
    """The request cannot be carried out as asked."""

    status = 400


class Unauthorized(LakeError):
    """The request carries no valid credentials."""

    status = 401


class Forbidden(LakeError):
    """The request is understood and refused."""

    status = 403


class MalformedRule(LakeError):
    """A branch protection rule cannot be read, so that nobody knows which branches it protects."""


class NotFound(LakeError):
    """The resource that the request names does not exist."""

    status = 404


class Conflict(LakeError):
    """The resource that the request names exists already, or conflicts with an existing one."""

    status = 409


class MergeConflict(Conflict):
    """Both sides changed the same path differently.

    Attributes:
        paths: the first few clashing paths.
    """

    def __init__(self, paths: list[str]) -> None:
        super().__init__("conflict found")
        self.paths = paths


class Gone(LakeError):
    """The object is known, its bytes are not here."""

    status = 410


class PreconditionFailed(LakeError):
    """A condition named by the request does not hold, or a hook refused."""

    status = 412


class TooLarge(LakeError):
    """The request's body is larger than this operation takes."""

    status = 413


class RangeNotSatisfiable(LakeError):
    """The asked range of bytes is not in the object."""

    status = 416


class TooManyTries(LakeError):
    """Others kept changing the branch."""

    status = 429


class NotBuilt(LakeError):
    """lakeFS has this operation or option, this server does not."""

    status = 501


class StorageFull(LakeError):
    """The disk has no room left."""

    status = 507


class StorageDamaged(LakeError):
    """Stored data differs from what was written."""

    status = 500


class HookRefused(LakeError):
    """A hook refused (412), or could not be run (500)."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status  # type: ignore[misc]  # one class for both of lakeFS's answers

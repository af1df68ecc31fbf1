"""The tree of errors of the product.

::

    MlopsError                     1   something went wrong; never raised itself
    ├── ConfigError                2   a setting, a pipeline name, a policy: the user's to correct
    ├── InputError                 3   a file or table that cannot be read or has the wrong schema
    │   ├── ModelRefused           6   a model file that could run code or crash whoever predicts
    │   └── SourceUnavailable      7   the source of a pipeline gave no answer: down, timed out (retry)
    ├── ValidationFailed           4   data broke an expectation, or a suite could not judge it
    ├── NotPromoted                5   the gate decided against the candidate; the verdict says why
    │   └── PromotionOff           8   nothing is promoted in mode dev, or a run of mode dev anywhere
    ├── ReviewPending              9   the candidate passed and waits for `mlops approve`
    ├── LakeError                 10   the lake answered with an error of its own
    │   ├── LakeUnavailable       11   no answer: down, timed out, dropped (retry)
    │   ├── LakeDenied            12   wrong or missing credentials, or a protected branch
    │   ├── NotFound              13   repository, ref or object does not exist
    │   ├── Conflict              14   it exists already, or both sides changed it
    │   ├── MainMoved             15   `main` is no longer the commit that was checked (retry)
    │   ├── Unlawful              16   the enforcer refused a merge
    │   └── LakeFull              17   the lake has no room left
    ├── TrackerUnavailable        20   MLflow cannot be reached or written
    │   └── TrackerDamaged        21   its database is damaged, or is none
    ├── RunAlive                  30   another process is working on the same run
    ├── Fenced                    31   a later attempt has taken this run over
    ├── OnHold                    32   a rollback stopped promotions until `mlops resume`
    ├── Frozen                    33   a rollback is under way (retry after `mlops reconcile`)
    ├── Corrupt                   40   bytes are not the ones that were recorded
    │   └── Untrusted             42   a record bears no signature by a trusted key
    ├── AuditFailed               41   something on `main` is not as the protocol would have left it
    ├── NotProved                 43   the audit found nothing wrong, and could not prove all
    └── ProtocolMisuse            70   the code asked for something the protocol forbids: a defect

The number is the process's exit code. Retrying is decided by ``retryable``, never by the text.
"""

from __future__ import annotations

from typing import ClassVar

MAX_TEXT = 600

#: Exit codes of a process that met no error of its own: it succeeded, its user stopped it, or nobody reads
#: its output any more. The last two are 128 plus the number of the signal, as shells have it.
SUCCESS, INTERRUPTED, BROKEN_PIPE = 0, 130, 141


def bounded(text: str, limit: int = MAX_TEXT) -> str:
    """Return ``text`` on one line and at most ``limit`` characters long, with its end marked if cut.

    Control characters, and characters that cannot be encoded, are replaced.
    """
    line = " ".join(str(text).split())
    if not line.isprintable():
        line = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line)
    return line if len(line) <= limit else line[: limit - 1] + "…"


class MlopsError(Exception):
    """Base of all errors: what went wrong, where, and what to do about it, in bounded text.

    Attributes:
        what: What happened, a sentence without its full stop.
        where: The thing it happened to: a branch, a path, an address.
        todo: The next command or correction; empty where there is none.
    """

    exit_code: ClassVar[int] = 1
    retryable: ClassVar[bool] = False

    def __init__(self, what: str, *, where: str = "", todo: str = "") -> None:
        self.what = bounded(what)
        self.where = bounded(where, 200)
        self.todo = bounded(todo, 300)
        super().__init__(self.what)

    def __str__(self) -> str:
        where = f"{self.where}: " if self.where else ""
        todo = f"; {self.todo}" if self.todo else ""
        return f"{where}{self.what}{todo}"

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.what, self.where, self.todo))

    def fields(self) -> dict[str, object]:
        """Return the error as plain values, for ``--json``."""
        return {
            "error": type(self).__name__,
            "what": self.what,
            "where": self.where,
            "todo": self.todo,
            "exit_code": self.exit_code,
            "retryable": self.retryable,
        }


def _rebuild(kind: type[MlopsError], what: str, where: str, todo: str) -> MlopsError:
    return kind(what, where=where, todo=todo)


class ConfigError(MlopsError):
    """A setting, a pipeline name or a policy is wrong."""

    exit_code = 2


class InputError(MlopsError):
    """A file or table cannot be read or has the wrong schema."""

    exit_code = 3


class ModelRefused(InputError):
    """A model file holds something that no pipeline saves: it could run code, or crash a prediction."""

    exit_code = 6


class SourceUnavailable(InputError):
    """The source of a pipeline's data gave no answer, or broke off; nothing of it was delivered."""

    exit_code = 7
    retryable = True


class ValidationFailed(MlopsError):
    """Data broke an expectation, or a suite could not judge it."""

    exit_code = 4


class NotPromoted(MlopsError):
    """The gate decided against the candidate."""

    exit_code = 5


class PromotionOff(NotPromoted):
    """Nothing is promoted in mode dev, and a run made in it nowhere; the gate itself had no objection."""

    exit_code = 8


class ReviewPending(MlopsError):
    """The candidate passed the gate and waits for a person's approval."""

    exit_code = 9


class LakeError(MlopsError):
    """The lake answered with an error that has no class of its own."""

    exit_code = 10


class LakeUnavailable(LakeError):
    """The lake gave no answer."""

    exit_code = 11
    retryable = True


class LakeDenied(LakeError):
    """The credentials are wrong, or the branch is protected."""

    exit_code = 12


class NotFound(LakeError):
    """A repository, ref or object does not exist."""

    exit_code = 13


class Conflict(LakeError):
    """A name is already taken, or both sides of a merge changed the same object."""

    exit_code = 14


class MainMoved(LakeError):
    """``main`` is no longer the commit that everything was checked against."""

    exit_code = 15
    retryable = True


class Unlawful(LakeError):
    """The enforcer on the server refused a merge."""

    exit_code = 16


class LakeFull(LakeError):
    """The lake has no room left."""

    exit_code = 17


class TrackerUnavailable(MlopsError):
    """MLflow cannot be reached or written."""

    exit_code = 20
    retryable = True


class TrackerDamaged(TrackerUnavailable):
    """MLflow's database is damaged or is not a database; trying again does not help."""

    exit_code = 21
    retryable = False


class RunAlive(MlopsError):
    """Another process is working on the same run."""

    exit_code = 30


class Fenced(MlopsError):
    """A later attempt has taken this run over."""

    exit_code = 31


class OnHold(MlopsError):
    """A rollback stopped promotions until they are resumed."""

    exit_code = 32


class Frozen(MlopsError):
    """A rollback is under way on ``main``."""

    exit_code = 33
    retryable = True


class Corrupt(MlopsError):
    """Content differs from what was recorded."""

    exit_code = 40


class Untrusted(Corrupt):
    """A record bears no signature by a trusted key."""

    exit_code = 42


class AuditFailed(MlopsError):
    """The audit found a deviation from the protocol."""

    exit_code = 41


class NotProved(MlopsError):
    """The audit found nothing wrong, but part of the evidence is missing."""

    exit_code = 43


class ProtocolMisuse(MlopsError):
    """The code asked for something the protocol forbids."""

    exit_code = 70


def system_reason(error: OSError) -> str:
    """Return the operating system's reason for an error, without number and path."""
    return error.strerror or type(error).__name__

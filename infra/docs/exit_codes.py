"""The page of exit codes, from the tree of errors."""

from __future__ import annotations

from collections.abc import Iterator

from infra.docs.markdown import code, prose, table
from mlops.runs.errors import BROKEN_PIPE, INTERRUPTED, SUCCESS, MlopsError

_INTRODUCTION = """# Exit codes

The codes of errors are generated from the tree in `mlops/runs/errors.py`. Scripts can rely on them: a code
never changes its meaning. "Retry" marks failures that the same command may survive when it is run again
unchanged.

"""

_OTHERS = [
    (str(SUCCESS), "", "The command succeeded.", ""),
    (str(INTERRUPTED), "`Interrupted`", "The user stopped the command (Ctrl-C).", ""),
    (str(BROKEN_PIPE), "", "The reader of standard output went away.", ""),
]

_END = """
Some commands use codes as answers: `mlops run`, `mlops restore`, `mlops promote` and `mlops approve` end with
5 if the gate refused the candidate, with 9 if it passed and waits for review; `mlops run` ends with 8 if the
gate would promote it and the environment is in mode dev. `mlops audit` ends with 41 if it found something,
with 43 if it only could not prove something.
`mlops lake verify` ends with 1 if the store is damaged. A mistyped command or option ends with 2.
"""


def page() -> str:
    """Return the page."""
    rows = sorted([*map(_row, kinds()), *_OTHERS], key=lambda row: int(row[0]))
    return _INTRODUCTION + table(("Code", "Error", "Meaning", "Retry"), rows) + _END


def kinds(kind: type[MlopsError] = MlopsError) -> Iterator[type[MlopsError]]:
    """Yield every kind of error of the product, the most general first."""
    if kind.__module__ == MlopsError.__module__:
        yield kind
    for child in kind.__subclasses__():
        yield from kinds(child)


def _row(kind: type[MlopsError]) -> tuple[str, str, str, str]:
    if kind is MlopsError:
        return "1", code(kind.__name__), "Something failed that has no kind of its own, or a defect.", ""
    first = (kind.__doc__ or "").split("\n\n")[0]
    return str(kind.exit_code), code(kind.__name__), prose(first), "yes" if kind.retryable else ""

"""Where the embedded server answers otherwise than lakeFS on purpose, each matched as narrowly as can be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.contract.fuzz.normalise import INVALID, Normal
from tests.contract.fuzz.wire import Operation


@dataclass(frozen=True)
class Known:
    """One documented difference.

    Attributes:
        reason: why it is there; COVERAGE.md says it to users.
        matches: tells whether answers (lakeFS's, the embedded server's) differ in just this.
        diverges: whether the two lakes hold different things from then on, so that the sequence ends.
    """

    name: str
    reason: str
    matches: Callable[[Operation, Normal, Normal], bool]
    diverges: bool = False


def _content_type(operation: Operation, real: Normal, embedded: Normal) -> bool:
    typed = any(name == "Content-Type" for name, _ in operation.headers)
    return operation.name == "uploadObject" and typed and _statuses(real, embedded) == (500, 400)


def _encoded_percent(operation: Operation, real: Normal, embedded: Normal) -> bool:
    return "%25" in operation.path


def _delimited_diff(operation: Operation, real: Normal, embedded: Normal) -> bool:
    bounded = operation.asked("delimiter") and operation.asked("after")
    listed = operation.name in {"diffBranch", "diffRefs"} and _statuses(real, embedded) == (200, 200)
    return bool(listed and bounded)


def _dirty_reset(operation: Operation, real: Normal, embedded: Normal) -> bool:
    """One is dirty for the embedded server; for lakeFS, only one whose changes it has sealed."""
    dirty = "uncommitted changes (dirty branch)" in {real.message, embedded.message}
    return operation.name == "hardResetBranch" and dirty


def _empty_path(operation: Operation, real: Normal, embedded: Normal) -> bool:
    paths = operation.field("paths")
    return operation.name == "deleteObjects" and isinstance(paths, list) and "" in paths


def _no_repository(operation: Operation, real: Normal, embedded: Normal) -> bool:
    missing = embedded.message == "repository not found"
    return operation.name == "deleteObjects" and missing and _statuses(real, embedded) == (200, 404)


def _missing_value(operation: Operation, real: Normal, embedded: Normal) -> bool:
    named = real.message == embedded.message == "validation error"
    empty = isinstance(operation.body, dict) and "" in operation.body.values()
    return named and empty and _statuses(real, embedded) == (500, 400)


def _description(operation: Operation, real: Normal, embedded: Normal) -> bool:
    if operation.name != "listPullRequests" or _statuses(real, embedded) != (200, 200):
        return False
    return real.results == [
        {key: value for key, value in row.items() if key != "description"} for row in embedded.results
    ]


def _suffix_of_nothing(operation: Operation, real: Normal, embedded: Normal) -> bool:
    suffix = any(name == "Range" and value.startswith("bytes=-") for name, value in operation.headers)
    read = operation.name in {"getObject", "headObject"}
    return read and suffix and embedded.status == 416 and embedded.headers.get("content-range") == "bytes */0"


def _size_in_head(operation: Operation, real: Normal, embedded: Normal) -> bool:
    headers = {name: value for name, value in embedded.headers.items() if name != "content-range"}
    refused = _statuses(real, embedded) == (416, 416)
    return operation.name == "headObject" and refused and headers.items() <= real.headers.items()


def _more_headers(operation: Operation, real: Normal, embedded: Normal) -> bool:
    """Some of the headers that lakeFS sends with the refusal of a range are left out."""
    refused = _statuses(real, embedded) == (416, 416) and operation.name == "getObject"
    return refused and embedded.headers.items() <= real.headers.items() and real.body == embedded.body


def _output_is_not_sniffed(operation: Operation, real: Normal, embedded: Normal) -> bool:
    more = real.headers | {"x-content-type-options": "nosniff"}
    same = (real.status, real.body) == (embedded.status, embedded.body)
    return operation.name == "getRunHookOutput" and same and embedded.headers == more


def _tree_of_nothing(operation: Operation, real: Normal, embedded: Normal) -> bool:
    return (
        operation.name == "commit"
        and operation.asked("source_metarange") is not None
        and embedded.message == "metarange not found"
        and _statuses(real, embedded) == (201, 404)
    )


def _empty_segment(operation: Operation, real: Normal, embedded: Normal) -> bool:
    empty = "//" in operation.path or operation.path.endswith("/")
    return empty and embedded.message == "invalid API endpoint" and embedded.status == 404


def _form(operation: Operation) -> bytes | None:
    is_form = any("multipart" in value for _, value in operation.headers)
    return operation.body if is_form and isinstance(operation.body, bytes) else None


def _open_form(operation: Operation, real: Normal, embedded: Normal) -> bool:
    form = _form(operation)
    is_open = form is not None and b"--B--" not in form
    return is_open and embedded.message == INVALID and _statuses(real, embedded) == (201, 400)


def _refused_before_the_form(operation: Operation, real: Normal, embedded: Normal) -> bool:
    return _form(operation) is not None and _statuses(real, embedded) in {(500, 403), (400, 403)}


def _page_of_runs(operation: Operation, real: Normal, embedded: Normal) -> bool:
    listed = operation.name == "listRepositoryRuns" and _statuses(real, embedded) == (200, 200)
    return (
        listed
        and real.body["pagination"] == embedded.body["pagination"]
        and embedded.body["pagination"]["has_more"]
    )


def _long_new_path(operation: Operation, real: Normal, embedded: Normal) -> bool:
    too_long = "above maximum length" in embedded.message and real.message == embedded.message
    return operation.name == "uploadObject" and too_long and _statuses(real, embedded) == (500, 400)


def _metadata_nowhere(operation: Operation, real: Normal, embedded: Normal) -> bool:
    missing = embedded.message == "repository not found" and _statuses(real, embedded) == (204, 404)
    return operation.name == "updateObjectUserMetadata" and missing


def _negative_parent(operation: Operation, real: Normal, embedded: Normal) -> bool:
    """No answer at all, which is taken for nothing else."""
    asked = f"{operation.path} {operation.query} {operation.body}"
    return "^-1" in asked.replace("%5E", "^") and real.status == 0 and embedded.status in {400, 500}


def _skipped(operation: Operation, real: Normal, embedded: Normal) -> bool:
    if operation.name != "listRunHooks" or _statuses(real, embedded) != (200, 200):
        return False
    pairs = zip(real.results, embedded.results, strict=True)
    return all(
        one == other
        or one == {key: value for key, value in other.items() if key != "end_time"} | {"status": "skipped"}
        for one, other in pairs
    )


def _reason_of_form(operation: Operation, real: Normal, embedded: Normal) -> bool:
    return _form(operation) is not None and real.status == embedded.status >= 400


def _dotted_link(operation: Operation, real: Normal, embedded: Normal) -> bool:
    dotted = ".." in (operation.asked("path") or "") and real.message == "bad path traversal blocked"
    return operation.name == "linkPhysicalAddress" and dotted and _statuses(real, embedded) == (500, 400)


def _negative_size(operation: Operation, real: Normal, embedded: Normal) -> bool:
    size = operation.field("size_bytes")
    return isinstance(size, int) and size < 0 and embedded.status == 400 and embedded.message == INVALID


def _cached_actions(operation: Operation, real: Normal, embedded: Normal) -> bool:
    """A hook of the action file that was just removed, or of the one that is just there again."""
    refused, done = (real, embedded) if real.status == 412 else (embedded, real)
    return refused.status == 412 and "in main chunk" in refused.message and done.status < 300


def _statuses(real: Normal, embedded: Normal) -> tuple[int, int]:
    return real.status, embedded.status


KNOWN = (
    Known("content type", "A malformed content type is the client's fault: 400, not 500.", _content_type),
    Known(
        "encoded percent sign",
        "lakeFS decodes `%2541` in an address twice, so that no name with a percent sign can be reached.",
        _encoded_percent,
        diverges=True,
    ),
    Known(
        "delimited diff",
        "A delimited diff goes on behind `after`; lakeFS skips everything that begins with it.",
        _delimited_diff,
    ),
    Known(
        "dirty hard reset",
        "A branch with uncommitted changes is not reset; lakeFS lets them stand on the new head.",
        _dirty_reset,
        diverges=True,
    ),
    Known(
        "empty path",
        "An empty path is passed over; lakeFS deletes none of the others and reports no error.",
        _empty_path,
        diverges=True,
    ),
    Known(
        "no repository",
        "Deleting in a repository that is not there is an error; lakeFS reports none.",
        _no_repository,
    ),
    Known("missing value", "An empty ref or name is the client's fault: 400, not 500.", _missing_value),
    Known("descriptions", "Lists of pull requests have what lakeFS's own client asks for.", _description),
    Known("suffix of nothing", "The last bytes of an empty object: 416, not 500 or 206.", _suffix_of_nothing),
    Known(
        "headers of a refusal", "A range that is not there: the object's headers are left out.", _more_headers
    ),
    Known("sniffing", "What a hook wrote is not to be sniffed.", _output_is_not_sniffed),
    Known(
        "tree of nothing",
        "`source_metarange` has to be the tree of a commit; lakeFS takes any text and loses the branch.",
        _tree_of_nothing,
        diverges=True,
    ),
    Known("empty segment", "An address with an empty part is none: 404, not 400.", _empty_segment),
    Known(
        "open form",
        "A form without its closing boundary may have been cut off; lakeFS stores what came.",
        _open_form,
        diverges=True,
    ),
    Known(
        "refused early",
        "An upload to a protected branch is refused before its form is read.",
        _refused_before_the_form,
    ),
    Known(
        "page of runs",
        "Runs of the same second are listed newest first, so that pages hold others.",
        _page_of_runs,
    ),
    Known("long new path", "A path that is too long is the client's fault: 400, not 500.", _long_new_path),
    Known(
        "metadata nowhere",
        "Describing an object of a repository that is not there is an error; lakeFS reports none.",
        _metadata_nowhere,
    ),
    Known("negative parent", "`main^-1` is no ref; it makes lakeFS break the connection.", _negative_parent),
    Known(
        "skipped hook",
        "A hook that was skipped shows as failed: lakeFS's own Python client reads no other word.",
        _skipped,
    ),
    Known("reason of a form", "Why a form is refused is worded otherwise.", _reason_of_form),
    Known("dotted link", "Of two things that are wrong with a link, the other is said.", _dotted_link),
    Known("negative size", "Sizes are not negative.", _negative_size),
    Known(
        "cached actions",
        "Action files hold at once; lakeFS caches them for some seconds.",
        _cached_actions,
        diverges=True,
    ),
    Known("size in HEAD", "HEAD says the object's size where a range is not in it.", _size_in_head),
)


def known(operation: Operation, real: Normal, embedded: Normal) -> Known | None:
    """Return the documented difference between two answers, or None."""
    return next((entry for entry in KNOWN if entry.matches(operation, real, embedded)), None)

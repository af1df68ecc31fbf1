"""The target of a rollback as a user names it: a promotion's number, a tag, a commit, or a date."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from mlops.runs import names
from mlops.runs.errors import InputError, NotFound
from mlops.runs.main.state import kind_of, lineage, promotions
from mlops.runs.main.versions import is_data_alone, promotion_number
from mlops.runs.ports import Commit, Lake
from mlops.runs.records import Kind

_NUMBER = re.compile(r"[1-9][0-9]{0,8}")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}([T ].*)?")


def target_number(lake: Lake, text: str) -> int:
    """Return the number of the promotion that ``text`` names.

    A date, or a time with its offset (else UTC), means the last promotion in the lineage of `main` at or
    before it; a date counts to its end.

    Raises:
        InputError: There is no such promotion.
    """
    if _NUMBER.fullmatch(text):
        return int(text)
    if _DATE.fullmatch(text):
        return _by(lake, text)
    if names.is_version_tag(text) and is_data_alone(lake):
        try:
            return promotion_number(lake, text)
        except NotFound as error:
            raise InputError(error.what, where=text, todo=error.todo) from error
    try:
        commit = lake.commit_of(text)
    except NotFound as error:
        raise InputError(
            "names no promotion", where=text, todo="give a number, a tag, a commit or a date; see `mlops log`"
        ) from error
    if kind_of(commit) is not Kind.PROMOTION:
        raise InputError(f"is a commit, but not a promotion{_last_before(lake, commit)}", where=text)
    return int(commit.metadata["number"])


def _by(lake: Lake, text: str) -> int:
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError("is neither a date nor a time", where=text, todo="write 2013-07-31") from error
    if len(text) == len("2013-07-31"):
        time += timedelta(days=1, seconds=-1)
    time = time if time.tzinfo else time.replace(tzinfo=UTC)
    for commit in promotions(lake, lake.head(names.MAIN)):
        if commit.created_at_s <= time.timestamp():
            return int(commit.metadata["number"])
    raise InputError("main has no promotion from that time or before", where=text, todo="see `mlops log`")


def _last_before(lake: Lake, commit: Commit) -> str:
    """Return a hint that names the last promotion before a commit of `main`."""
    history = [entry.id for entry in lineage(lake, lake.head(names.MAIN))]
    if commit.id not in history:
        return " that main stands on"
    before = next(promotions(lake, commit.id), None)
    return f"; the last one before it is {before.metadata['number']}" if before else ""

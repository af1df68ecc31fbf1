"""What a user names on the command line: refs by name, commit or number, and the evidence of a run."""

from __future__ import annotations

from collections.abc import Mapping

from mlops.runs import lifecycle, names
from mlops.runs.errors import InputError, NotFound
from mlops.runs.history import MainState
from mlops.runs.model import Step
from mlops.runs.ports import Commit, Lake

_MAX_NUMBER_DIGITS = 6


def resolved(lake: Lake, ref: str) -> str:
    """Return the commit id of a branch, a tag, a commit, or the number of a promotion or rollback.

    Raises:
        InputError: No promotion or rollback has this number.
        NotFound: Nothing has this name.
    """
    if ref.isdigit() and len(ref) <= _MAX_NUMBER_DIGITS:
        tags = lake.tags()
        for tag in (names.promotion_tag(int(ref)), names.rollback_tag(int(ref))):
            if tag in tags:
                return tags[tag]
        raise InputError("no promotion or rollback has this number", where=ref, todo="see `mlops log`")
    try:
        return lake.commit_of(ref).id
    except NotFound as error:
        if error.todo:
            raise  # the repository is what is missing, and the error says what to do
        raise NotFound("no such branch, tag or commit", where=ref, todo="see `mlops log`") from error


def evidence_of(lake: Lake, run: str) -> str:
    """Return the newest commit that holds a decision on a run; its branches may be gone.

    Raises:
        NotFound: No run of this id was decided on.
    """
    found = _decisions(lake, lake.tags("decision-"), run)
    if not found:
        raise NotFound("no decision on such a run is on record", where=run, todo="`mlops log` lists runs")
    return max(found, key=lambda commit: (commit.created_at_s, commit.id)).id


def is_over(lake: Lake, state: MainState, run: str) -> bool:
    """Tell whether a run came to its end: promoted, refused on record, or rolled back."""
    if state.is_revoked(run):
        return True
    attempts = lifecycle.attempts_of(lake, run)
    latest = lifecycle.load_run(lake, attempts[-1]) if attempts else None
    if latest is not None:
        return latest.step is not Step.FAILED and lifecycle.is_over(lake, state, latest)
    return bool(_decisions(lake, state.tags, run))


def _decisions(lake: Lake, tags: Mapping[str, str], run: str) -> list[Commit]:
    commits = {commit for tag, commit in tags.items() if names.parse_decision_tag(tag)}
    found = (lake.commit_of(commit) for commit in sorted(commits))
    return [commit for commit in found if commit.metadata.get("run_id") == run]

"""Look-up of refs by name, commit or number, and of the evidence of a run, for the command line."""

from __future__ import annotations

from mlops.runs import names
from mlops.runs.errors import InputError, NotFound
from mlops.runs.main.recorded_runs import Recorded
from mlops.runs.main.state import read_main
from mlops.runs.ports import Lake

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
    """Return the commit of the decision in force for a run; its branches may be gone.

    Raises:
        NotFound: No run of this id was decided on.
    """
    found = Recorded(lake, read_main(lake)).evidence(run)
    if found is None:
        raise NotFound("no decision on such a run is on record", where=run, todo="`mlops log` lists runs")
    return found.id

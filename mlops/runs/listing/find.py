"""Find one run by its id or the first digits of it, by promotion number or version, by commit or branch."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mlops.runs import names
from mlops.runs.errors import InputError, NotFound
from mlops.runs.listing.runs import Listed
from mlops.runs.main.state import MainState
from mlops.runs.main.versions import promotion_number
from mlops.runs.ports import Lake

_MAX_NUMBER_DIGITS = 6
_BEGINNING = re.compile(r"[0-9a-f]{4,12}(?:[nr0-9]*)")
_SHOWN = 3


def find_run(lake: Lake, state: MainState, listed: Sequence[Listed], name: str) -> Listed:
    """Return the run that a name means.

    Args:
        lake: The repository.
        state: `main` and its tags.
        listed: Every run.
        name: A run id or its first digits, the number of a promotion, a version such as ``v2``, a commit of
            the run or of its promotion, or a branch.

    Raises:
        InputError: The name is that of several runs, or of a rollback.
        NotFound: No run has this name.
    """
    if names.is_version_tag(name):
        return _numbered(state, listed, promotion_number(lake, name))
    begun = [run for run in listed if _BEGINNING.fullmatch(name) and run.run_id.startswith(name)]
    if name.isdigit() and len(name) <= _MAX_NUMBER_DIGITS and not (begun and _is_free(state, int(name))):
        return _numbered(state, listed, int(name))
    exact = [run for run in listed if run.run_id == name]
    found = exact or begun + [run for run in _of_commit(lake, listed, name) if run not in begun]
    if not found:
        raise NotFound(
            "no run, promotion or commit has this name", where=name, todo="`mlops runs` lists every run"
        )
    if len(found) > 1:
        shown = ", ".join(run.run_id for run in found[:_SHOWN])
        more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        raise InputError(f"could be any of {shown}{more}", where=name, todo="give more digits")
    return found[0]


def _is_free(state: MainState, number: int) -> bool:
    """Return whether no promotion and no rollback has a number yet."""
    return not 0 < number < state.next_number


def _numbered(state: MainState, listed: Sequence[Listed], number: int) -> Listed:
    found = next((run for run in listed if run.number == number), None)
    if found is not None:
        return found
    if names.rollback_tag(number) in state.tags:
        raise InputError("is a rollback, not a run", where=str(number), todo="`mlops log` describes it")
    raise NotFound("no promotion has this number", where=str(number), todo="`mlops runs` lists every run")


def _of_commit(lake: Lake, listed: Sequence[Listed], name: str) -> list[Listed]:
    """Return the run that a commit, branch or tag belongs to."""
    try:
        commit = lake.commit_of(name)
    except NotFound as error:
        if error.todo:
            raise  # the repository is what is missing, and the error says what to do
        return []
    run_id = commit.metadata.get("run_id", "")
    return [run for run in listed if run.run_id == run_id or commit.id in {run.commit, run.merge_commit}]

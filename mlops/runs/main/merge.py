"""Signed merges into `main`, on exactly the head that everything was checked against."""

from __future__ import annotations

from mlops.runs import names
from mlops.runs.errors import Frozen, LakeError, MainMoved, Unlawful
from mlops.runs.main.state import MainState
from mlops.runs.ports import Ports
from mlops.runs.record.changes import Proposal, merge_metadata

__all__ = ["Proposal", "merge_into_main"]

#: What the enforcer's sentence starts with while a rollback is under way.
FROZEN_MARK = "frozen:"


def merge_into_main(ports: Ports, state: MainState, proposal: Proposal) -> str:
    """Sign a change and merge it if `main` is still at ``state.head``; return the merge commit's id.

    Every change of `main` is made here. Its signed statement is in the metadata of the merge commit, so
    that either both are on `main` or neither.

    The enforcer runs against the head that the server read when the merge began, but sees tags as they are
    now. During a concurrent merge it may therefore object to that merge's number or hold before the server
    notices that `main` has moved. So after an objection `main` is read again: if it has moved, `MainMoved`
    is raised and the caller checks again. The same holds if the server finds nothing to merge because `main`
    has that content by now.

    Raises:
        Frozen: A rollback has moved `main` and is not completed yet.
        MainMoved: `main` is at another commit.
        Unlawful: The enforcer refused, and `main` has not moved.
        LakeError: The server refused, and `main` has not moved.
        Untrusted: `main` has signed statements, but none by a trusted key.
    """
    lake, metadata = ports.lake, merge_metadata(ports, state, proposal)
    try:
        return lake.merge(proposal.source, names.MAIN, proposal.message, metadata)
    except LakeError as refused:
        if type(refused) not in {LakeError, Unlawful}:
            raise
        head = lake.head(names.MAIN)
        if head == state.head:
            if FROZEN_MARK in refused.what:
                todo = "run `mlops reconcile` to finish it"
                raise Frozen("a rollback is under way", where=names.MAIN, todo=todo) from refused
            raise
        raise MainMoved(f"main is at {head[:12]} by now: {refused.what}", where=names.MAIN) from refused

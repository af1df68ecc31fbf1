"""Profiles and drift of arrivals on `main`, table by table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd

from mlops.runs import names
from mlops.runs.digest import document
from mlops.runs.errors import InputError, NotFound
from mlops.runs.main.state import read_main
from mlops.steps.profiles.drift import Drift, drift
from mlops.steps.profiles.page import drift_page, profile_page
from mlops.steps.profiles.profile import Profile, profile

if TYPE_CHECKING:
    from mlops.steps.workspace import Workspace


def arrival_profiles(workspace: Workspace, arrival: str) -> list[Profile]:
    """Return the profile of every table of an arrival on `main`.

    Raises:
        InputError: There is no such arrival on `main`.
    """
    return [profile(table, frame) for table, frame in _frames(workspace, arrival).items()]


def arrival_drifts(workspace: Workspace, first: str, second: str) -> dict[str, Drift]:
    """Return table to the drift from one arrival to another, for every table that both have.

    Raises:
        InputError: There is no such arrival on `main`, or they have no table in common.
    """
    one, other = _frames(workspace, first), _frames(workspace, second)
    both = [table for table in one if table in other]
    if not both:
        raise InputError("have no table in common", where=f"{first} and {second}")
    return {table: drift(one[table], other[table]) for table in both}


def champion_drifts(workspace: Workspace, arrival: str) -> dict[str, Drift]:
    """Return table to the drift from the arrivals that the champion was made of to another arrival.

    The arrival itself is left out of the former.

    Raises:
        InputError: There is no such arrival on `main`, nothing has been promoted, or the champion was made of
            this arrival alone.
    """
    champion = read_main(workspace.lake).champion
    if champion is None:
        raise InputError("nothing has been promoted yet", where=workspace.spec.name, todo="run the pipeline")
    frames, drifts = _frames(workspace, arrival), dict[str, Drift]()
    for table, frame in frames.items():
        read = workspace.frames.deliveries(champion.raw_commit, table)
        others = [rows for name, rows in read.items() if name != arrival]
        if others:
            drifts[table] = drift(pd.concat(others, ignore_index=True), frame)
    if not drifts:
        raise InputError(
            "the champion was made of this arrival alone",
            where=arrival,
            todo="compare it with another arrival",
        )
    return drifts


def profile_files(arrival: str, frames: Mapping[str, pd.DataFrame]) -> dict[str, bytes]:
    """Return path to content of what is kept beside the validation of an arrival: profiles, and a page."""
    found = {table: profile(table, frame) for table, frame in frames.items()}
    return {
        **{f"{names.PROFILES}{table}.json": document(each.to_json()) for table, each in found.items()},
        f"{names.PROFILES}README.md": pages_of({arrival: list(found.values())}),
    }


def pages_of(
    profiles: Mapping[str, list[Profile]], drifts: Mapping[str, Drift] | None = None, compared: str = ""
) -> bytes:
    """Return one Markdown page with every profile, after the drift of every table.

    Args:
        profiles: Arrival to the profiles of its tables.
        drifts: Table to its drift.
        compared: What was compared with what.
    """
    return b"\n".join(
        [
            *(drift_page(found, f"{compared}: {table}") for table, found in (drifts or {}).items()),
            *(
                profile_page(table, f"{arrival}: {table.table}")
                for arrival, tables in profiles.items()
                for table in tables
            ),
        ]
    )


def _frames(workspace: Workspace, arrival: str) -> dict[str, pd.DataFrame]:
    head = workspace.lake.head(names.MAIN)
    names.check_arrival(arrival)
    found: dict[str, pd.DataFrame] = {}
    for table in workspace.spec.tables:
        try:
            found[table] = workspace.frames.read(head, names.raw_path(table, arrival))
        except NotFound:
            continue
    if not found:
        raise InputError("no such arrival on main", where=arrival, todo="`mlops log --arrivals` lists them")
    return found

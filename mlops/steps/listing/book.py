"""Every run of a pipeline, with the results of those that are shown, sorted and filtered."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from mlops.adapters import listed_runs
from mlops.runs.errors import InputError
from mlops.runs.listing.facts import Facts, read_results
from mlops.runs.listing.runs import Listed, RunState, list_runs
from mlops.runs.main.state import read_main

if TYPE_CHECKING:
    from pathlib import Path

    from mlops.runs.main.state import MainState
    from mlops.runs.ports import Lake


@dataclass(frozen=True)
class Wanted:
    """The filters and the order of a listing.

    Attributes:
        refused: Refused runs only.
        branch: A pattern that the branch matches, e.g. ``run-4f*``; empty for every run.
        since_s: Not before this time, Unix seconds.
        params: Parameters and their values.
        sort: Metric to sort by, the smallest value first; empty for the newest first.
        limit: How many runs are returned at most.
    """

    refused: bool = False
    branch: str = ""
    since_s: int = 0
    params: Mapping[str, Any] = dataclasses.field(default_factory=dict[str, Any])
    sort: str = ""
    limit: int = 20

    def includes(self, run: Listed) -> bool:
        """Return whether a run is wanted."""
        return (
            (not self.refused or run.state is RunState.REFUSED)
            and (not self.branch or fnmatchcase(run.branch, self.branch))
            and run.at_s >= self.since_s
            and all(name in run.params and _same(run.params[name], v) for name, v in self.params.items())
        )


@dataclass(frozen=True)
class Listing:
    """Runs of a repository.

    Attributes:
        rows: The wanted runs, each with the result of its decision; None where it has none.
        more: How many further runs were wanted.
        total: How many runs the repository has.
    """

    rows: tuple[tuple[Listed, Facts | None], ...]
    more: int
    total: int


class RunBook:
    """The runs of one repository, read once.

    Args:
        lake: The repository.
        state_dir: Where what was read is kept for the next listing.
    """

    def __init__(self, lake: Lake, state_dir: Path) -> None:
        self._lake = lake
        self._state_dir = state_dir
        self._read = listed_runs.load(state_dir, lake.repository)
        self.state: MainState = read_main(lake)
        self.runs: list[Listed] = list_runs(lake, self.state, self._read.facts)

    def results(self, runs: Iterable[Listed]) -> dict[str, Facts]:
        """Return commit id to the result of its decision, for the decided ones among some runs."""
        return read_results(self._lake, [run.commit for run in runs if run.decided], self._read.results)

    def save(self) -> None:
        """Keep what was read for the next listing."""
        keep = {*self.state.tags.values(), *(run.commit for run in self.runs)}
        listed_runs.save(self._state_dir, self._lake.repository, self._read, keep)


def listing(book: RunBook, wanted: Wanted) -> Listing:
    """Return the wanted runs.

    Raises:
        InputError: No decided run has the metric to sort by.
    """
    runs: Sequence[Listed] = [run for run in book.runs if wanted.includes(run)]
    if wanted.sort:
        runs = _sorted(runs, book.results(runs), wanted.sort)
    shown = runs[: wanted.limit]
    results = book.results(shown)
    book.save()
    rows = tuple((run, results.get(run.commit) if run.decided else None) for run in shown)
    return Listing(rows, len(runs) - len(shown), len(book.runs))


def _sorted(runs: Sequence[Listed], results: Mapping[str, Facts], metric: str) -> list[Listed]:
    """Return runs by a metric, the smallest value first; those without it come last."""
    known = {name for result in results.values() for name in result["metrics"]}
    if runs and metric not in known:
        there = f"there are {', '.join(sorted(known))}" if known else "no run listed here was decided on"
        raise InputError("no run has this metric", where=metric, todo=there)

    def place(run: Listed) -> tuple[bool, float]:
        value = results.get(run.commit, {}).get("metrics", {}).get(metric) if run.decided else None
        return value is None, value or 0.0

    return sorted(runs, key=place)


def _same(found: Any, given: Any) -> bool:
    """Return whether a recorded parameter has the value that was typed; a word is compared as text."""
    text: Callable[[Any], str] = str
    return found == given or text(found) == text(given)

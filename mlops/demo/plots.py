"""The story of each pipeline as a table of scenes; `story` plays them.

A plot says what is tried, never what comes of it: every verdict is the gate's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mlops.demo.broken import Breakage, negative, renamed, some
from mlops.demo.scenes import (
    Arrive,
    Audit,
    Broken,
    Candidate,
    Chapter,
    GoBack,
    ListVersions,
    Plot,
    RaceOn,
    ReadVersion,
    Scene,
    ShowProfile,
)
from mlops.runs.errors import ConfigError

_WORSE = "A plausible candidate that is worse than the champion"
_OVERFITTED = "An overfitted candidate: excellent on its training rows"
_BROKEN = "Broken deliveries stop before main"
_BACK = "Back to the champion before: data, model and metrics together"
_AUDIT = "Everything is proved again from the stored objects"

#: The months of the story of flights.
LEAST_MONTHS, MONTHS, MOST_MONTHS = 3, 5, 12

_BROKEN_FLIGHTS = (
    Breakage("a month 13", "flights", some("month", 13)),
    Breakage("negative distances", "flights", negative("distance")),
    Breakage("a renamed column", "flights", renamed("dep_delay", "departure_delay")),
)
_OVERFITTED_TREES = {"max_iter": 100, "learning_rate": 0.5, "max_leaf_nodes": 255, "min_samples_leaf": 1}


def _flights(months: int) -> Plot:
    """Return the story of flights; after the fifth month the race's candidates have something to win."""
    names = [f"2013-{month:02d}" for month in range(1, months + 1)]
    after = f"2013-{min(months + 1, MOST_MONTHS):02d}"
    arriving: list[Scene] = [Arrive(tuple(names[:1]))]
    for name in names[1:-1]:
        arriving += [Arrive((name,)), Candidate(f"candidate after {name}")]
    # What the race trains on the newest month: the shipped parameters, and smaller trees.
    race = RaceOn(names[-1], {}, {"max_leaf_nodes": 15})
    # The usual loss of textbooks: better than the baseline, but not what the gate decides by.
    squared = Candidate("candidate that minimises squared errors", {"loss": "squared_error"})
    return (
        Chapter("Months arrive; each brings a candidate", tuple(arriving)),
        Chapter("Two processes decide against the same champion, then both promote", (race,)),
        Chapter(_WORSE, (squared,)),
        Chapter(_BROKEN, (Broken(after, _BROKEN_FLIGHTS),)),
        Chapter(_BACK, (GoBack(),)),
        Chapter(_AUDIT, (Audit(rescore=False),)),
    )


_BIKE_SHARING: Plot = (
    Chapter(
        "Two months of rentals, and a small first model",
        (Arrive(("2011-01", "2011-02")), Candidate("20 trees", {"max_iter": 20})),
    ),
    Chapter("A new month brings a candidate", (Arrive(("2011-03",)), Candidate("candidate after 2011-03"))),
    Chapter(_OVERFITTED, (Candidate("100 large trees", _OVERFITTED_TREES),)),
    Chapter(
        _BROKEN,
        (
            Broken(
                "2011-04",
                (
                    Breakage("an hour 24", "rentals", some("hour", 24)),
                    Breakage("a renamed column", "rentals", renamed("temp", "temperature")),
                ),
            ),
        ),
    ),
    Chapter(_BACK, (GoBack(),)),
    Chapter(_AUDIT, (Audit(),)),
)

_MOVIE_RATINGS: Plot = (
    Chapter(
        "Five years of films from the warehouse, and a small first model",
        (Arrive(tuple(str(year) for year in range(2005, 2010))), Candidate("5 trees", {"max_iter": 5})),
    ),
    Chapter("A new year brings a candidate", (Arrive(("2010",)), Candidate("candidate after 2010"))),
    Chapter(_OVERFITTED, (Candidate("100 large trees", _OVERFITTED_TREES),)),
    Chapter(
        _BROKEN,
        (
            Broken(
                "2011",
                (
                    Breakage("ratings of 11", "films", some("rating", 11.0)),
                    Breakage("a renamed column", "films", renamed("rating", "score")),
                ),
            ),
        ),
    ),
    Chapter(_BACK, (GoBack(),)),
    Chapter(_AUDIT, (Audit(),)),
)

_SPOTIFY_GENRE: Plot = (
    Chapter(
        "A first part of the tracks, and a small first model",
        (Arrive(("part-1",)), Candidate("5 iterations", {"max_iter": 5})),
    ),
    Chapter("New tracks bring a candidate", (Arrive(("part-2",)), Candidate("candidate after part-2"))),
    Chapter(_OVERFITTED, (Candidate("large trees", {**_OVERFITTED_TREES, "max_iter": 30}),)),
    Chapter(
        _BROKEN,
        (
            Broken(
                "part-3",
                (
                    Breakage("a seventh genre", "tracks", some("genre", "jazz")),
                    Breakage("a renamed column", "tracks", renamed("energy", "loud")),
                ),
            ),
        ),
    ),
    Chapter(_BACK, (GoBack(),)),
    Chapter(_AUDIT, (Audit(),)),
)

_SONGS: Plot = (
    Chapter(
        "A first part of the playlists, and a recommender that does not ask for artists",
        (
            Arrive(("part-1",)),
            Candidate("no artists", {"artist": 0.0}),
        ),
    ),
    Chapter("New playlists bring a candidate", (Arrive(("part-2",)), Candidate("candidate after part-2"))),
    Chapter(
        "An overfitted candidate: it trusts every pair of songs that stood together once",
        (Candidate("no shrinkage", {"shrinkage": 0.01}),),
    ),
    Chapter(
        _BROKEN,
        (
            Broken(
                "part-3",
                (
                    Breakage("an energy of 2", "tracks", some("energy", 2.0)),
                    Breakage("a renamed column", "tracks", renamed("track_id", "id")),
                ),
            ),
        ),
    ),
    Chapter(_BACK, (GoBack(),)),
    Chapter(_AUDIT, (Audit(),)),
)

_TABULAR_LAB: Plot = (
    Chapter(
        "A description of customers arrives; the first version of the rows is made from it",
        (Arrive(("design-1",)), Candidate("1,000 customers", {"rows": 1_000})),
    ),
    Chapter(
        _BROKEN,
        (
            Broken(
                "design-2",
                (
                    Breakage("a share of 2", "segments", some("share", 2.0)),
                    Breakage("a renamed column", "segments", renamed("churn", "leaving")),
                ),
            ),
        ),
    ),
    Chapter(
        "The same delivery, whole, and other parameters make two more versions",
        (
            Arrive(("design-2",)),
            Candidate("2,000 customers, half the noise", {"noise": 0.5}),
            Candidate("incomes drift", {"noise": 0.5, "drift": 2.0}),
        ),
    ),
    Chapter(
        "Rows that break the suite do not become a version",
        (
            Candidate("50 customers", {"rows": 50}),
            Candidate("40 % of the incomes are not known", {"missing": 0.4}),
        ),
    ),
    Chapter("mlops versions: each has a name, its rows and its parameters", (ListVersions(),)),
    Chapter(
        "An earlier version is read in Python, and by its address with pandas alone", (ReadVersion("v2"),)
    ),
    Chapter("Each version brings a profile of its rows", (ShowProfile("v3", "income"),)),
    Chapter("Back to v2: nothing is made again", (GoBack("v2"),)),
    Chapter(_AUDIT, (Audit(rescore=False, rebuild=True),)),
)

#: Name of a pipeline to its plot; that of flights depends on how many months arrive.
PLOTS: Mapping[str, Callable[[int], Plot]] = {
    "flights": _flights,
    "bike-sharing": lambda _months: _BIKE_SHARING,
    "movie-ratings": lambda _months: _MOVIE_RATINGS,
    "songs": lambda _months: _SONGS,
    "spotify-genre": lambda _months: _SPOTIFY_GENRE,
    "tabular-lab": lambda _months: _TABULAR_LAB,
}


def plot_of(pipeline: str, months: int | None = None) -> Plot:
    """Return the plot of a pipeline.

    Args:
        pipeline: The pipeline.
        months: How many months of flights arrive, 3 to 12; only flights take it.

    Raises:
        ConfigError: There is no such plot, or the number is out of range.
    """
    if pipeline not in PLOTS:
        raise ConfigError(f"has no demo; there are {', '.join(sorted(PLOTS))}", where=pipeline)
    if months is not None and pipeline != "flights":
        raise ConfigError("only the demo of flights takes a number of months", where=f"--months {months}")
    number = MONTHS if months is None else months
    if not LEAST_MONTHS <= number <= MOST_MONTHS:
        raise ConfigError("between 3 and 12 months can arrive", where=f"--months {number}")
    return PLOTS[pipeline](number)

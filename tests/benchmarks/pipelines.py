"""Runs of the other built-in pipelines with a model beside a plain script of the same work."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.benchmarks.measuring import interleaved, medians
from tests.benchmarks.report import Row
from tests.benchmarks.runs import Compared, Subject, warm_up
from tests.benchmarks.scale import Scale
from tests.benchmarks.servers import scratch_server


def _policy(metric: str) -> bytes:
    """Return a policy by which every repetition beats the poor first champion."""
    return (
        f"metric: {metric}\nmin_gain: 0\nalpha: 0.5\nmin_clusters: 20\nmust_beat_baseline: false\n".encode()
    )


def _nearly(**shipped: float) -> Callable[[int], Mapping[str, Any]]:
    """Return the shipped parameters but for the last digits: every repetition is another run."""
    return lambda repetition: {name: value + (repetition + 2) * 1e-9 for name, value in shipped.items()}


SUBJECTS = (
    Subject("bike-sharing", 12, {"max_iter": 25}, _policy("mae"), _nearly(l2_regularization=5.0)),
    Subject("movie-ratings", 12, {"max_iter": 15}, _policy("mae"), _nearly(learning_rate=0.08)),
    Subject("spotify-genre", 4, {"max_iter": 15}, _policy("log_loss"), _nearly(l2_regularization=10.0)),
    Subject(
        "songs",
        4,
        {"artist": 5.0},
        _policy("one_minus_ndcg_at_10"),
        _nearly(shrinkage=2.0),
    ),
)


def measure(folder: Path, scale: Scale, tell: Callable[[str], None]) -> list[Row]:
    """Return one row for each pipeline, for information: small data is fitted before a lake is written to."""
    warm_up()
    for name in ("alembic", "dagster", "great_expectations", "mlflow", "urllib3"):
        logging.getLogger(name).setLevel(logging.ERROR)
    rows: list[Row] = []
    for subject in SUBJECTS:
        own = folder / subject.pipeline
        own.mkdir()
        with warnings.catch_warnings(), scratch_server("embedded", own) as server:
            warnings.simplefilter("ignore")
            compared = Compared(server.state_dir, own / "plain", tell, subject)
            sides = {"ours": compared.ours, "other": compared.plain}
            tell(f"{subject.pipeline}: one run of each to warm up, then {scale.repetitions}, taking turns")
            interleaved(1, sides, first=-1)
            figures = medians(interleaved(scale.repetitions, sides))
            compared.check_equal()
        name = f"run of {subject.pipeline} against a plain script"
        rows.append(Row(name, figures["ours"], "s", figures["other"]))
    return rows

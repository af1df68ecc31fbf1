"""Checks that no model was trained on what judges it: row keys, and times of training and holdout."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise

from mlops.runs.decisions import Reason
from mlops.runs.errors import bounded
from mlops.runs.evidence import Contender, Paired


def leaks(paired: Paired) -> Iterator[tuple[Reason, str]]:
    """Yield why rows of the holdout may have been trained on, each with its reason code."""
    if paired.train_overlap:
        rows = counted(paired.train_overlap, "row")
        yield Reason.HOLDOUT_LEAKED, f"{rows} of the holdout can be found in the training rows of a model."
    if not paired.holdout_from:
        return
    yield from _leaks_of_folds(paired)
    trained = {Contender.CANDIDATE: paired.candidate_trained_until}
    if paired.has_champion:
        trained[Contender.CHAMPION] = paired.champion_trained_until
    holdout_from = _time(paired.holdout_from)
    for contender, until in trained.items():
        trained_until = _time(until)
        if trained_until is None or holdout_from is None:
            yield (
                Reason.MISSING_EVIDENCE,
                f"The times '{bounded(until, 40)}' and '{bounded(paired.holdout_from, 40)}' do not tell "
                f"whether the {contender} was trained before the holdout begins.",
            )
        elif trained_until >= holdout_from:
            yield (
                Reason.HOLDOUT_LEAKED,
                f"The {contender} was trained until {bounded(until, 40)}; the holdout begins at "
                f"{bounded(paired.holdout_from, 40)}.",
            )


def _leaks_of_folds(paired: Paired) -> Iterator[tuple[Reason, str]]:
    """Yield periods that judged a model which was not trained before them, or that are not the holdout."""
    if not paired.folds:
        return
    begins = [_time(fold.begins) for fold in paired.folds]
    ordered = all(a is not None and b is not None and a < b for a, b in pairwise(begins))
    if not ordered or begins[-1] is None or begins[-1] != _time(paired.holdout_from):
        yield Reason.MISSING_EVIDENCE, "The periods of the holdout are not in order, up to where it begins."
    if sum(fold.rows for fold in paired.folds) != paired.rows:
        yield Reason.MISSING_EVIDENCE, f"The periods do not cover {counted(paired.rows, 'row')}."
    for fold in paired.folds:
        trained = {Contender.CANDIDATE: fold.candidate_trained_until}
        if paired.has_champion:
            trained[Contender.CHAMPION] = fold.champion_trained_until
        for contender, until in trained.items():
            ended, began = _time(until), _time(fold.begins)
            if ended is None or began is None or ended >= began:
                yield (
                    Reason.HOLDOUT_LEAKED,
                    f"The {contender} of the period from {bounded(fold.begins, 40)} was trained until "
                    f"{bounded(until, 40)}.",
                )


def _time(text: str) -> datetime | None:
    """Return an ISO 8601 time, as UTC where it names no offset; None if it is not one."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def counted(count: int, noun: str) -> str:
    """Return a number with its noun, which has an s unless the number is 1."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"

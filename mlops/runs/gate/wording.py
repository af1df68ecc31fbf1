"""The verdict in words: one sentence for each reason, with its numbers, without units."""

from __future__ import annotations

import math
from collections.abc import Mapping

from mlops.runs.decisions import Interval, Power
from mlops.runs.errors import bounded
from mlops.runs.evidence import ALL_ROWS, Metric
from mlops.runs.gate.checks import Comparison
from mlops.runs.gate.power import MOST_CLUSTERS

_TITLES: Mapping[str, str] = {Metric.MAE: "MAE", Metric.RMSE: "RMSE", Metric.BIAS: "Absolute bias"}


def gain(comparison: Comparison, interval: Interval) -> str:
    """Return a gain and its interval as a sentence without its full stop."""
    return (
        f"{_measured(comparison, interval)}: gain {_number(interval.difference, interval)}, "
        f"{_percent(interval.level)} interval {_number(interval.lower, interval)} "
        f"to {_number(interval.upper, interval)}"
    )


def no_gain(comparison: Comparison, interval: Interval) -> str:
    """Return the reason for refusing a tie or a loss."""
    return (
        f"{gain(comparison, interval)}; it must be better than the {interval.against}, a tie is not enough."
    )


def gain_too_small(comparison: Comparison, interval: Interval) -> str:
    """Return the reason for refusing a gain below the least gain."""
    return f"{gain(comparison, interval)}; the gain must be above {interval.bound:g}."


def not_significant(comparison: Comparison, interval: Interval, power: Power) -> str:
    """Return the reason for refusing a gain that may be chance, with what it would take to show it."""
    share = f"{100 * power.power:g} % power"
    further = f"{power.further_clusters:,} further cluster{'' if power.further_clusters == 1 else 's'}"
    if power.further_clusters >= MOST_CLUSTERS:
        further = f"more than {MOST_CLUSTERS:,} further clusters"
    return (
        f"{gain(comparison, interval)}; the interval does not lie above zero, so the gain may be chance. "
        f"The smallest gain that this holdout shows with {share} is "
        f"{_number(power.smallest_gain, interval)}; to show the one seen it takes {further}."
    )


def beats(comparison: Comparison, interval: Interval, remark: str) -> str:
    """Return the sentence for a sufficient gain."""
    return f"{gain(comparison, interval)}{remark}."


def suites_hold(rows: int) -> str:
    """Return the sentence for data that its suites accept."""
    return f"The suites hold on {rows:,} {'row' if rows == 1 else 'rows'}; there is no model to compare."


def suite_changed() -> str:
    """Return the reason for refusing data that another suite accepted than the one in force."""
    return "The suite of the processed rows on main has changed since the run forked; a new run is needed."


def guard_failed(comparison: Comparison, interval: Interval) -> str:
    """Return the reason for refusing an increase."""
    increase, upper = _number(interval.difference, interval), _number(interval.upper, interval)
    return (
        f"{_measured(comparison, interval)}: increase {increase}, {_percent(interval.level)} interval up to "
        f"{upper}, which must stay below {interval.bound:g}."
    )


def not_computable(comparison: Comparison) -> str:
    """Return the reason for refusing numbers outside the range of floating point."""
    return (
        f"The interval of the {bounded(comparison.name, 80)} cannot be computed: its numbers are too large."
    )


def _measured(comparison: Comparison, interval: Interval) -> str:
    where = "" if comparison.slice == ALL_ROWS else f" where {bounded(comparison.slice, 80)}"
    candidate, other = _number(interval.candidate, interval), _number(interval.other, interval)
    return (
        f"{_title(comparison.metric)} {candidate} against the {interval.against}'s {other} "
        f"on {interval.rows:,} rows of {interval.clusters} clusters{where}"
    )


def _title(metric: str) -> str:
    return _TITLES.get(metric) or metric.replace("_", " ").capitalize()


def _number(value: float, interval: Interval) -> str:
    """Return a number of an interval with the decimals at which its difference shows two digits."""
    size = max(abs(interval.candidate), abs(interval.other))
    finest = abs(interval.difference) or interval.std_error or size or 1.0
    decimals = max(2, 1 - math.floor(math.log10(finest)))
    if decimals > 12 or size >= 1e12:
        return f"{value:.6g}"
    text = f"{value:,.{decimals}f}"
    return text.lstrip("-") if float(text.replace(",", "")) == 0 else text


def _percent(level: float) -> str:
    """Return the confidence of an error level, with enough decimals not to read 100 %."""
    decimals = min(12, max(1, 1 - math.floor(math.log10(100 * level))))
    return f"{100 - 100 * level:.{decimals}f}".rstrip("0").rstrip(".") + " %"

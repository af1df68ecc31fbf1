# matplotlib ships no precise types.
# pyright: reportUnknownMemberType=false

"""The plots of a report: each with a description and the table of its numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mlops.adapters.svg_plots import BAD, CANDIDATE, CHAMPION, FAINT, GOOD, INK, to_svg
from mlops.adapters.svg_plots import axes as plotted
from mlops.runs.decisions import Interval
from mlops.steps.report.importance import Importance
from mlops.steps.report.numbers import Calibrated, Guarded, Histograms, Paired, ResidualPart

_WIDE = 5.6
_NARROW = 4.6
#: Guards that are drawn, at most; the table has all.
MOST_GUARDS = 24
#: Columns whose importance is drawn, at most; the table has all.
MOST_COLUMNS = 15
_COLORS = {"candidate": CANDIDATE, "champion": CHAMPION, "baseline": CHAMPION}


@dataclass(frozen=True)
class Plot:
    """A plot.

    Attributes:
        svg: The drawing, as an element of the page.
        headings: Headings of the table of its numbers.
        rows: Rows of the table.
    """

    svg: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def gain(intervals: Sequence[Interval], unit: str) -> Plot:
    """Draw the intervals of the deciding metric; everything right of zero and of the bound is good."""
    with plotted(_WIDE, 0.75 + 0.5 * len(intervals), left_in=1.25) as axes:
        for place, interval in enumerate(intervals):
            color = GOOD if interval.holds else BAD
            axes.plot([interval.lower, interval.upper], [place, place], color=color, linewidth=3)
            axes.plot([interval.difference], [place], "o", color=color, markersize=8)
            if interval.bound:
                axes.plot([interval.bound] * 2, [place - 0.3, place + 0.3], color=INK, linewidth=1.4)
                axes.text(
                    interval.bound, place + 0.33, f"min. gain {interval.bound:g}", ha="left", va="top", size=8
                )
        _zero_line(axes)
        _rows_axis(axes, [f"over the {interval.against}" for interval in intervals])
        axes.set_xlabel(f"gain in {intervals[0].name}{_in(unit)}; right is better")
        first = intervals[0]
        told = (
            f"Gain over the {first.against}: {first.difference:.4g}, interval {first.lower:.4g} to "
            f"{first.upper:.4g}. It has to lie above zero, and the gain above {first.bound:g}."
        )
        svg = to_svg(axes, "gain", "The interval that decides", told)
    return Plot(
        svg, ("over", "gain", "lower end", "upper end", "least gain", "holds"), _interval_rows(intervals)
    )


def _interval_rows(intervals: Sequence[Interval]) -> tuple[tuple[str, ...], ...]:
    return tuple(
        (i.against, *(f"{v:,.4g}" for v in (i.difference, i.lower, i.upper, i.bound)), _yes(i.holds))
        for i in intervals
    )


def guards(found: Sequence[Guarded]) -> Plot:
    """Draw guards as a forest plot, in tolerances: right is better, and all of it must be right of -1."""
    drawn_ones = sorted(found, key=lambda guard: guard.lower)[:MOST_GUARDS]
    with plotted(_WIDE, 0.9 + 0.3 * len(drawn_ones), left_in=_label_in(drawn_ones), bottom_in=0.62) as axes:
        for place, guard in enumerate(drawn_ones):
            color = GOOD if guard.interval.holds else BAD
            axes.plot([guard.lower, guard.upper], [place, place], color=color, linewidth=2.4)
            axes.plot([guard.change], [place], "o", color=color, markersize=6)
        _zero_line(axes)
        axes.axvline(-1, color=INK, linewidth=1.4, linestyle=(0, (4, 2)))
        _rows_axis(axes, [_short(guard.interval.name) for guard in drawn_ones])
        axes.set_xlabel("improvement over the champion, in tolerances\ndashed: limit; right is better")
        failed = sum(not guard.interval.holds for guard in found)
        told = f"{len(found) - failed} of {len(found)} guards hold: their intervals lie right of the limit."
        svg = to_svg(axes, "guards", "Guards against getting worse", told)
    rows = tuple(
        (
            g.interval.name,
            *(f"{v:,.4g}" for v in (g.interval.candidate, g.interval.other)),
            f"{0.0 - g.interval.difference:+,.4g}",
            f"{0.0 - g.interval.upper:+,.4g} to {0.0 - g.interval.lower:+,.4g}",
            f"{-g.interval.bound:,.4g}",
            _yes(g.interval.holds),
        )
        for g in found
    )
    headings = ("guard", "candidate", "champion", "improvement", "interval", "limit", "holds")
    return Plot(svg, headings, rows)


def importance(found: Sequence[Importance], metric: str, unit: str) -> Plot:
    """Draw how much worse the candidate becomes without each column, the most important one on top."""
    drawn = list(found[:MOST_COLUMNS])
    with plotted(_WIDE, 0.75 + 0.26 * len(drawn), left_in=1.9) as axes:
        for place, each in enumerate(drawn):
            axes.plot([each.lower, each.upper], [place, place], color=CANDIDATE, linewidth=2.4)
            axes.plot([each.value], [place], "o", color=CANDIDATE, markersize=6)
        _zero_line(axes)
        _rows_axis(axes, [_short(each.column) for each in drawn])
        axes.set_xlabel(f"growth of {metric}{_in(unit)}; zero: not needed")
        told = f"The column that the candidate needs most is {drawn[0].column}."
        svg = to_svg(axes, "importance", "Permutation importance", told)
    rows = tuple((e.column, *(f"{v:+,.3g}" for v in (e.value, e.lower, e.upper))) for e in found)
    return Plot(svg, ("column", "growth", "lower end", "upper end"), rows)


def clusters(found: Paired, unit: str) -> Plot:
    """Draw the gain of every cluster, over time where clusters are times."""
    times = _times(found.clusters)
    with plotted(_WIDE, 2.5) as axes:
        order = sorted(range(len(found.gains)), key=lambda i: found.gains[i])
        ranks = {cluster: rank for rank, cluster in enumerate(order)}
        places: Sequence[Any] = times or [ranks[i] for i in range(len(found.gains))]
        colors = [GOOD if value > 0 else BAD for value in found.gains]
        axes.vlines(places, [0.0] * len(places), found.gains, colors=colors, linewidth=1.6)
        axes.scatter(places, found.gains, c=colors, s=14)
        axes.axhline(0, color=INK, linewidth=1)
        axes.set_ylabel(f"gain{_in(unit)}")
        axes.set_xlabel("" if times else "clusters, by gain")
        if times:
            _date_axis(axes)
        better = sum(value > 0 for value in found.gains)
        told = f"The candidate is better in {better} of {len(found.gains)} clusters; above zero is better."
        svg = to_svg(axes, "clusters", f"Gain over the {found.against} in each cluster", told)
    rows = tuple(
        (cluster, f"{rows:,}", f"{value:+,.4g}")
        for cluster, rows, value in zip(found.clusters, found.rows, found.gains, strict=True)
    )
    return Plot(svg, ("cluster", "rows", "gain"), rows)


def losses(found: Histograms, loss: str) -> Plot:
    """Draw how the loss is distributed, for both models."""
    with plotted(_NARROW, 2.6, left_in=0.75) as axes:
        for who, counts in found.counts.items():
            axes.stairs(counts, found.edges, color=_COLORS[who], linewidth=1.6)
        axes.set_xlabel(loss)
        axes.set_ylabel("rows")
        told = f"Rows by {loss}; {found.beyond:,} larger values are not drawn. Further left is better."
        svg = to_svg(axes, "losses", "Distribution of the errors of both models", told)
    rows = tuple(
        (f"{low:,.4g} to {high:,.4g}", *(f"{counts[i]:,}" for counts in found.counts.values()))
        for i, (low, high) in enumerate(zip(found.edges, found.edges[1:], strict=False))
    )
    return Plot(svg, (loss, *found.counts), rows)


def residuals(found: Mapping[str, Sequence[ResidualPart]], unit: str) -> Plot:
    """Draw target less prediction against the prediction: the mean, and the middle half."""
    with plotted(_NARROW, 2.6) as axes:
        for who, parts in found.items():
            places = [part.predicted for part in parts]
            axes.fill_between(
                places,
                [p.low for p in parts],
                [p.high for p in parts],
                color=_COLORS[who],
                alpha=0.15,
                linewidth=0,
            )
            axes.plot(places, [p.mean for p in parts], "o-", color=_COLORS[who], markersize=4)
        axes.axhline(0, color=INK, linewidth=1)
        axes.set_xlabel(f"prediction{_in(unit)}")
        axes.set_ylabel(f"target less prediction{_in(unit)}")
        told = "Mean residual of each tenth of the predictions, with the middle half; at zero is best."
        svg = to_svg(axes, "residuals", "Residuals against prediction", told)
    rows = tuple(
        (who, *(f"{v:,.4g}" for v in (p.predicted, p.mean, p.low, p.high)), f"{p.rows:,}")
        for who, parts in found.items()
        for p in parts
    )
    return Plot(
        svg, ("model", "mean prediction", "mean residual", "lower quarter", "upper quarter", "rows"), rows
    )


def calibration(found: Mapping[str, Sequence[Calibrated]]) -> Plot:
    """Draw how often came true what was given a probability."""
    with plotted(_NARROW, 2.9) as axes:
        axes.plot([0, 1], [0, 1], color=INK, linewidth=1)
        for who, parts in found.items():
            axes.plot([p.given for p in parts], [p.right for p in parts], "o-", color=_COLORS[who])
        axes.set_xlabel("probability that was given")
        axes.set_ylabel("share that came true")
        told = "Probabilities against how often they came true; on the diagonal is best."
        svg = to_svg(axes, "calibration", "Calibration", told)
    rows = tuple(
        (who, f"{p.given:.3f}", f"{p.right:.3f}", f"{p.rows:,}")
        for who, parts in found.items()
        for p in parts
    )
    return Plot(svg, ("model", "given", "came true", "rows"), rows)


def drift(name: str, column: str, labels: Sequence[str], old: Sequence[float], new: Sequence[float]) -> Plot:
    """Draw the shares of rows with each value in the champion's and the candidate's data."""
    with plotted(2.7, 1.6, left_in=0.5, bottom_in=0.25) as axes:
        edges = list(range(len(labels) + 1))
        for values, color in ((old, CHAMPION), (new, CANDIDATE)):
            axes.stairs([100 * value for value in values], edges, color=color, linewidth=1.4)
        shown = sorted({0, len(labels) // 2, len(labels) - 1})
        axes.set_xticks([i + 0.5 for i in shown], [_short(labels[i], 9) for i in shown])
        axes.set_title(_short(column), loc="left")
        axes.set_ylabel("% of rows")
        told = f"Shares of rows by {column}, in the champion's data and in the candidate's."
        svg = to_svg(axes, name, f"Drift of {column}", told)
    rows = tuple((label, f"{a:.2%}", f"{b:.2%}") for label, a, b in zip(labels, old, new, strict=True))
    return Plot(svg, (column, "champion's data", "candidate's data"), rows)


def _label_in(guards: Sequence[Guarded]) -> float:
    """Return the width of the labels of guards, inches."""
    return 0.35 + 0.075 * max((len(_short(guard.interval.name)) for guard in guards), default=0)


def _zero_line(axes: Any) -> None:
    axes.axvline(0, color=INK, linewidth=1)
    axes.grid(axis="x")
    axes.margins(x=0.08)


def _rows_axis(axes: Any, labels: Sequence[str]) -> None:
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_color(FAINT)


def _times(names: Sequence[str]) -> list[datetime]:
    """Return the times that names are; empty where one is none."""
    try:
        found = [datetime.fromisoformat(name) for name in names]
    except ValueError:
        return []
    return [time.replace(tzinfo=None) for time in found] if not all(map(str.isdigit, names)) else []


def _date_axis(axes: Any) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(minticks=3, maxticks=7)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))


def _in(unit: str) -> str:
    return f", {unit}" if unit else ""


def _yes(holds: bool) -> str:
    return "yes" if holds else "NO"


def _short(text: str, most: int = 26) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"

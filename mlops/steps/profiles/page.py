"""Profiles and drift as Markdown: a table of columns; a profile also has a histogram of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mlops.steps.profiles.drift import LEVEL, ColumnDrift, Drift
from mlops.steps.profiles.profile import ColumnProfile, Histogram, Profile, Value

_WIDTH = 40
_FULL = "█"
_PARTS = " ▏▎▍▌▋▊▉"


def profile_page(profile: Profile, title: str) -> bytes:
    """Return the page of a profile.

    Args:
        profile: The profile.
        title: Heading of the page.
    """
    lines = [
        f"# {_text(title)}",
        "",
        f"{profile.rows:,} rows, {len(profile.columns)} columns, {profile.missing:,} missing values, "
        f"{profile.duplicates:,} rows that repeat an earlier one.",
        "",
        "| column | kind | missing | distinct | smallest | median | largest |",
        "|---|---|---:|---:|---:|---:|---:|",
        *(_row(column, profile.rows) for column in profile.columns),
        "",
    ]
    for column in profile.columns:
        lines += _section(column, profile.rows)
    return "\n".join(lines).encode()


def drift_page(found: Drift, title: str) -> bytes:
    """Return the page of a drift: one row per column, and what only one of the tables has.

    Args:
        found: The drift.
        title: Heading of the page.
    """
    lines = [
        f"# {_text(title)}",
        "",
        f"Columns whose corrected p-value is below {LEVEL:g} have drifted. A population stability index "
        "(PSI) below 0.1 is usually called stable, from 0.25 on a shift.",
        "",
        "| column | kind | missing before | missing now | PSI | test | statistic | p, corrected | drifted |",
        "|---|---|---:|---:|---:|---|---:|---:|---|",
        *(_drift_row(column) for column in found.columns),
        "",
    ]
    for what, columns in (("Added", found.added), ("Removed", found.removed), ("Retyped", found.retyped)):
        lines += [f"{what}: {', '.join(map(_text, columns))}.", ""] if columns else []
    return "\n".join(lines).encode()


def _drift_row(column: ColumnDrift) -> str:
    cells = (
        f"`{_text(column.name)}`",
        column.kind,
        *(f"{share:.1%}" for share in column.missing),
        "" if column.psi is None else f"{column.psi:.4f}",
        column.test,
        _value(column.statistic),
        "" if column.corrected is None else f"{column.corrected:.3g}",
        "**yes**" if column.drifted else "no",
    )
    return f"| {' | '.join(cells)} |"


def _row(column: ColumnProfile, rows: int) -> str:
    cells = (
        f"`{_text(column.name)}`",
        column.kind,
        _share(column.missing, rows),
        f"{column.distinct:,}",
        _value(column.minimum),
        _value(column.quantiles.get("0.5")),
        _value(column.maximum),
    )
    return f"| {' | '.join(cells)} |"


def _section(column: ColumnProfile, rows: int) -> Iterator[str]:
    yield f"## {_text(column.name)}"
    yield ""
    yield f"{column.kind} (`{_text(column.dtype)}`), {_share(column.missing, rows)} missing" + (
        f", {column.infinite:,} infinite" if column.infinite else ""
    )
    yield ""
    if column.mean is not None:
        spread = f", standard deviation {_value(column.std)}" if column.std is not None else ""
        yield f"Mean {_value(column.mean)}{spread}."
        yield ""
    if column.quantiles:
        yield f"| {' | '.join(f'{float(level):.0%}' for level in column.quantiles)} |"
        yield "|" + "---:|" * len(column.quantiles)
        yield f"| {' | '.join(_value(value) for value in column.quantiles.values())} |"
        yield ""
    if column.histogram is not None:
        yield from _bars(_bins(column.histogram), column.histogram.counts, "from")
    elif column.top:
        values, counts = zip(*column.top, strict=True)
        yield from _bars(values, counts, "value")


def _bins(histogram: Histogram) -> list[str]:
    return [_value(edge) for edge in histogram.edges[:-1]]


def _bars(labels: Sequence[str], counts: Sequence[int], heading: str) -> Iterator[str]:
    most = max(counts, default=0)
    yield f"| {heading} | rows | |"
    yield "|---|---:|---|"
    for label, count in zip(labels, counts, strict=True):
        yield f"| {_text(label)} | {count:,} | {bar(count, most)} |"
    yield ""


def bar(count: int, most: int) -> str:
    """Return a bar whose length is in proportion to ``count``; at ``most`` it is as long as bars can be."""
    eighths = round(count / most * _WIDTH * 8) if most else 0
    rest = _PARTS[eighths % 8].strip()
    return _FULL * (eighths // 8) + rest or ("▏" if count else "")


def _share(count: int, rows: int) -> str:
    return f"{count:,} ({count / rows:.1%})" if count and rows else f"{count:,}"


def _value(value: Value | None) -> str:
    if value is None:
        return ""
    return _text(value) if isinstance(value, str) else f"{value:,.6g}"


def _text(text: str) -> str:
    """Return a text on one line that no table or heading is broken by."""
    flat = " ".join(text.split())
    return flat.replace("\\", "\\\\").replace("|", "\\|").replace("`", "'").replace("<", "&lt;")

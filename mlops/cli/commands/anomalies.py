"""Declare and run ``mlops anomalies``."""

from __future__ import annotations

import dataclasses
import textwrap
import time
from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlops.cli.options import Json
from mlops.cli.output.results import Result, StoppedHalfway
from mlops.cli.output.text import columns
from mlops.cli.session import Session
from mlops.runs.errors import AuditFailed, ConfigError

if TYPE_CHECKING:
    from mlops.anomalies.model import Act, Anomaly, Shown

_HEADINGS = ("anomaly", "without the guard", "with it", "stopped or found by")
#: Width of each column, characters.
_WIDTHS = (32, 34, 8, 30)


Only = Annotated[
    list[str] | None,
    typer.Option(
        "--only", metavar="NAME", help="Only play anomalies whose name starts with this; may be repeated."
    ),
]
OnlyList = Annotated[bool, typer.Option("--list", help="Only list the anomalies.")]


def anomalies(
    context: typer.Context, only: Only = None, list_: OnlyList = False, json: Json = False
) -> Result:
    """Show what each guard stops, on scratch repositories.

    Each anomaly is played without its guard first, then with it. Exit code 41: a guard neither stopped nor
    found its anomaly.
    """
    session: Session = context.obj
    settings = session.settings
    if settings.lake == "external":
        raise ConfigError("the gallery always uses a scratch store of its own", where="--lake external")
    session.report("loading libraries")
    from mlops.anomalies.gallery import chosen, gallery

    wanted = chosen(only or [])
    if list_:
        return _listed(wanted)
    started, shown = time.perf_counter(), []
    with closing(gallery(wanted, settings.state_dir / "anomalies", settings.lake)) as plays:
        for place, anomaly in enumerate(wanted, 1):
            session.report(f"{place} of {len(wanted)}  {anomaly.name}: {anomaly.story}")
            shown.append(next(plays))
            session.report(f"        {_line(shown[-1])}")
    return _result(shown, time.perf_counter() - started)


def _line(one: Shown) -> str:
    by = one.by
    return one.complaint or (f"{by.who}, {by.code}" if by else "")


def _listed(wanted: Sequence[Anomaly]) -> Result:
    document = {"anomalies": [_described(anomaly) for anomaly in wanted]}
    return Result(document, columns([(a.name, a.story) for a in wanted], indent=""))


def _described(anomaly: Anomaly) -> dict[str, Any]:
    return {"name": anomaly.name, "story": anomaly.story, "guard": anomaly.guard.name}


def _result(shown: Sequence[Shown], elapsed_s: float) -> Result:
    document = {"anomalies": [_row(one) for one in shown], "elapsed_s": round(elapsed_s, 1)}
    failed = [one for one in shown if one.complaint]
    stopped = sum(one.guarded.stopped is not None for one in shown)
    lines = [
        *_table(shown),
        f"{len(shown)} anomalies, each of which happens without its guard: with it {stopped} are stopped, "
        f"{len(shown) - stopped} found ({elapsed_s:.0f} s)",
    ]
    if not failed:
        return Result(document, lines)
    what = f"{failed[0].complaint}{f'; and {len(failed) - 1} more' if len(failed) > 1 else ''}"
    error = AuditFailed(
        what, where=failed[0].anomaly.name, todo="fix this guard: it neither stopped nor found the anomaly"
    )
    raise StoppedHalfway(error, Result(document, lines[:-1]))


def _row(one: Shown) -> dict[str, Any]:
    by = one.by
    return {
        **_described(one.anomaly),
        "without": _act(one.without),
        "guarded": _act(one.guarded),
        "by": dataclasses.asdict(by) if by else None,
        "complaint": one.complaint,
    }


def _act(act: Act) -> dict[str, Any]:
    return {
        "happened": act.happened,
        "stopped": dataclasses.asdict(act.stopped) if act.stopped else None,
        "found": [dataclasses.asdict(answer) for answer in act.found],
        "elapsed_s": round(act.elapsed_s, 2),
    }


def _table(shown: Sequence[Shown]) -> list[str]:
    """Return the table, its cells wrapped, with a line between two anomalies."""
    rows = [*_wrapped(_HEADINGS), ["-" * width for width in _WIDTHS]]
    for one in shown:
        rows += [*_wrapped(_cells(one)), [""] * len(_WIDTHS)]
    return columns(rows, indent="")


def _cells(one: Shown) -> tuple[str, ...]:
    return (f"{one.anomaly.name}\n{one.anomaly.story}", _without(one), _with(one), _by(one))


def _without(one: Shown) -> str:
    found = ", ".join(dict.fromkeys(answer.code for answer in one.without.found))
    unseen = " (nobody notices)" if one.anomaly.guard.audits else ""
    later = f" (the audit finds it: {found})" if found else unseen
    happened = f"{one.without.happened}{later}" if one.without.happened else one.complaint
    return f"[{one.anomaly.guard.name}]\n{happened}"


def _with(one: Shown) -> str:
    return "happens" if one.guarded.happened else "does not happen"


def _by(one: Shown) -> str:
    by = one.by
    return f"{by.who}, {by.code}\n{textwrap.shorten(by.words, 90, placeholder=' …')}" if by else "nobody"


def _wrapped(cells: Sequence[str]) -> list[list[str]]:
    """Return the lines of a row, each as long as the longest cell needs."""
    parts = [
        [line for part in cell.split("\n") for line in textwrap.wrap(part, width)]
        for cell, width in zip(cells, _WIDTHS, strict=True)
    ]
    height = max(map(len, parts))
    return [[part[i] if i < len(part) else "" for part in parts] for i in range(height)]

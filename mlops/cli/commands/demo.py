"""``demo``: the main job on real data, told as it happens."""

from __future__ import annotations

from typing import Any

from mlops.cli.output.results import Result
from mlops.cli.output.text import columns, metrics, short
from mlops.cli.session import Session

_HEADINGS = ("no.", "kind", "run", "commit", "where", "metrics")


def demo(session: Session, months: int) -> Result:
    """Tell the story in a scratch store below the state folder; its lake goes on, so that the links open."""
    from mlops.demo import show

    settings = session.settings
    folder = settings.state_dir / "demo"
    # With --json standard output is the document's alone, and what is printed here goes to standard error.
    told = show.demo(_say, folder, months=months, lake=settings.lake)
    lines = ["", *columns([_HEADINGS, *map(_row, told["promotions"])], right=(0,), indent=""), ""]
    lines += [f"{label}: {address}" for label, address in told["links"].items()]
    lines += [
        f"log in there with the key in {settings.lakectl_file.name} in {folder}",
        f"{told['elapsed_s_total']:.0f} s; everything is in {folder}",
        f"look around: mlops --state-dir {folder} status flights  (or log, diff, up)",
        f"stop the lake server: mlops --state-dir {folder} down",
    ]
    return Result(told, lines)


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - the story is the output


def _row(row: dict[str, Any]) -> tuple[str, ...]:
    where = "champion" if row["champion"] else "on main" if row["on_main"] else ""
    if row["kind"] == "promotion" and not where:
        where = "dropped"
    return (str(row["number"]), row["kind"], row["run"], short(row["commit"]), where, metrics(row["metrics"]))

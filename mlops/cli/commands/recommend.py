"""Declare and run ``mlops recommend``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlops.cli.options import Json, Pipeline
from mlops.cli.output.results import Result, place_of
from mlops.cli.output.text import columns, count, short
from mlops.cli.session import Session

if TYPE_CHECKING:
    from mlops.steps.recommend import Item, Recommendations
    from mlops.steps.workspace import Workspace

_MOST_NAMED = 10

Playlist = Annotated[
    Path,
    typer.Option(
        "--playlist",
        metavar="FILE",
        help="One id or title a line, or a CSV file with a column of ids or titles.",
        show_default=False,
    ),
]
Number = Annotated[int, typer.Option("-n", "--number", min=1, max=200, help="Number of recommended items.")]


def recommend(
    context: typer.Context, pipeline: Pipeline, playlist: Playlist, number: Number = 20, json: Json = False
) -> Result:
    """Recommend items that go with a list.

    Asks the champion of a ranking pipeline. Items are named by id, by title, or by title and artist
    (`One Dance - Drake`). Those that the promoted data lacks are named and left out.
    """
    session: Session = context.obj
    from mlops.pipelines import pipeline as specification
    from mlops.steps.recommend import ranking_of, read_list
    from mlops.steps.recommend import recommend as recommend_items

    # Before a server is started for a list that cannot be read.
    wanted = read_list(playlist, ranking_of(specification(pipeline)))
    workspace = session.workspace(pipeline)
    return _result(workspace, recommend_items(workspace, wanted, number), number)


def _result(workspace: Workspace, found: Recommendations, asked: int) -> Result:
    document = {
        **place_of(workspace),
        "number": found.number,
        "commit": found.commit,
        "known": [_item(item) for item in found.known],
        "unknown": list(found.unknown),
        "ambiguous": list(found.ambiguous),
        "recommended": [{"rank": rank, **_item(item)} for rank, item in enumerate(found.items, 1)],
    }
    rows = [(str(rank), *item.titles.values(), item.id) for rank, item in enumerate(found.items, 1)]
    lines = [
        f"promotion {found.number} ({short(found.commit)}) recommends {count(len(found.items), 'item')} "
        f"beside {count(len(found.known), 'known item')}",
        *_named("unknown", found.unknown),
        *_named("several items are called so; add the rest of the title", found.ambiguous),
        *columns(rows, right=(0,)),
    ]
    if len(found.items) < asked:
        lines.append(f"the model recommends no more than these, of the {asked} that were asked for")
    return Result(document, lines)


def _item(item: Item) -> dict[str, Any]:
    return {"id": item.id, **item.titles}


def _named(what: str, lines: tuple[str, ...]) -> list[str]:
    """Return one line that names what was left out of a list, if anything was."""
    if not lines:
        return []
    more = f" and {len(lines) - _MOST_NAMED} more" if len(lines) > _MOST_NAMED else ""
    return [f"{what}: {', '.join(lines[:_MOST_NAMED])}{more}"]

"""What can be typed after ``mlops lake``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlops.cli.options import Json
from mlops.cli.output.results import Result

lake_app = typer.Typer(rich_markup_mode=None, add_completion=False, help="The embedded lake server.")

StoreFolder = Annotated[
    Path | None, typer.Option("--data", metavar="FOLDER", help="Another store than the state folder's.")
]


@lake_app.callback()
def _lake(context: typer.Context) -> None:
    context.obj.command = f"lake {context.invoked_subcommand or ''}".strip()


@lake_app.command()
def serve(
    context: typer.Context,
    listen: Annotated[
        str, typer.Option("--listen", metavar="HOST:PORT", help="Loopback address; port 0 for a free one.")
    ] = "",
    data: StoreFolder = None,
    json: Json = False,
) -> Result:
    """Run the embedded lake server in the foreground, until Ctrl-C."""
    from mlops.cli.commands import servers

    return servers.serve(context.obj, data, listen)


@lake_app.command("verify")
def lake_verify(context: typer.Context, data: StoreFolder = None, json: Json = False) -> Result:
    """Check every hash and reference of the store.

    Exit code 1: something is wrong, and named.
    """
    from mlops.cli.commands import lake_upkeep

    return lake_upkeep.verify(context.obj, data)


@lake_app.command("gc")
def lake_gc(
    context: typer.Context,
    data: StoreFolder = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would go.")] = False,
    json: Json = False,
) -> Result:
    """Remove from the store what nothing in it refers to.

    Kept is what a branch, a tag or an uncommitted object leads to.
    """
    from mlops.cli.commands import lake_upkeep

    return lake_upkeep.collect(context.obj, data, dry_run=dry_run)


@lake_app.command("dump")
def lake_dump(
    context: typer.Context,
    repository: Annotated[
        str, typer.Argument(metavar="REPO", help="Name of the repository.", show_default=False)
    ],
    place: Annotated[
        Path,
        typer.Argument(
            metavar="DIR|FILE", help="A new folder, or a file that ends in .zip.", show_default=False
        ),
    ],
    data: StoreFolder = None,
    json: Json = False,
) -> Result:
    """Write a repository of any lake to a folder or file.

    With history, branches, tags, metadata, rules and objects.

    Stopped halfway, it goes on where it was when it is run again.
    """
    from mlops.cli.commands import lake_moves

    return lake_moves.dump(context.obj, repository, place, data)


@lake_app.command("restore")
def lake_restore(
    context: typer.Context,
    place: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="What `mlops lake dump` wrote.", show_default=False),
    ],
    repository: Annotated[
        str, typer.Argument(metavar="REPO", help="Name of the repository to make.", show_default=False)
    ],
    data: StoreFolder = None,
    storage: Annotated[
        str,
        typer.Option(
            "--storage",
            metavar="URI",
            help="Where its objects shall lie, as s3://bucket/folder; else a new place.",
        ),
    ] = "",
    json: Json = False,
) -> Result:
    """Make a repository of a dump, on any lake.

    One that exists is refused.

    Commits keep times, authors and parents. Stopped halfway, it goes on with the commit it was at when it is
    run again.
    """
    from mlops.cli.commands import lake_moves

    return lake_moves.restore(context.obj, place, repository, data, storage)

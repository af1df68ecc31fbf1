"""Declare and run ``mlops lake restore``."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Annotated

import typer

from mlops.cli.options import Json, StoreFolder
from mlops.cli.output.results import Result
from mlops.cli.output.transfers import transfer_result
from mlops.cli.session import Session

Dumped = Annotated[
    Path,
    typer.Argument(metavar="FILE", help="Folder or file that `mlops lake dump` wrote.", show_default=False),
]
NewRepository = Annotated[
    str, typer.Argument(metavar="REPO", help="Name of the new repository.", show_default=False)
]
Storage = Annotated[
    str,
    typer.Option(
        "--storage",
        metavar="URI",
        help="Where to store its objects, e.g. s3://bucket/folder; a new place by default.",
    ),
]


def restore(
    context: typer.Context,
    place: Dumped,
    repository: NewRepository,
    data: StoreFolder = None,
    storage: Storage = "",
    json: Json = False,
) -> Result:
    """Create a repository from a dump, on any lake.

    A repository that exists already is refused. Commits keep their times, authors and parents. An interrupted
    restore continues when the command is run again.
    """
    from mlops.lake_transfer.archive import Reading
    from mlops.lake_transfer.restore import Outside
    from mlops.lake_transfer.restore import restore as restore_dump

    session: Session = context.obj
    archive = Reading(place)
    with contextlib.closing(archive), session.connection(data) as connection:
        session.report(f"restoring {place} to repository {repository} at {connection.endpoint}")
        moved, changed = restore_dump(connection, archive, repository, Outside(session.report), storage)
    document = {"repository": repository, "place": str(place), "new_commit_ids": changed}
    return transfer_result(document, moved, f"restored to repository {repository}")

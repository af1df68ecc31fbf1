"""Declare and run ``mlops lake dump``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlops.cli.options import Json, StoreFolder
from mlops.cli.output.results import Result
from mlops.cli.output.transfers import transfer_result
from mlops.cli.session import Session

Repository = Annotated[
    str, typer.Argument(metavar="REPO", help="Name of the repository.", show_default=False)
]
NewPlace = Annotated[
    Path,
    typer.Argument(
        metavar="DIR|FILE", help="New folder, or new file whose name ends in .zip.", show_default=False
    ),
]


def dump(
    context: typer.Context,
    repository: Repository,
    place: NewPlace,
    data: StoreFolder = None,
    json: Json = False,
) -> Result:
    """Write a repository of any lake to a folder or file.

    The dump holds history, branches, tags, metadata, rules and objects. An interrupted dump continues when
    the command is run again.
    """
    from mlops.lake_transfer.dump import dump as dump_repository
    from mlops.servers.store_upkeep import check_store

    session: Session = context.obj
    if data is not None:
        check_store(data)
    with session.connection(data) as connection:
        session.report(f"dumping repository {repository} at {connection.endpoint} to {place}")
        moved = dump_repository(connection, repository, place, tell=session.report)
    return transfer_result({"repository": repository, "place": str(place)}, moved, f"dumped to {place}")

"""``lake dump`` and ``lake restore``."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.cli.output.results import Result
from mlops.cli.output.text import count
from mlops.cli.session import Session

if TYPE_CHECKING:
    from mlops.adapters.lake.connection import Connection
    from mlops.lake_transfer.dump import Moved


def dump(session: Session, repository: str, place: Path, data: Path | None) -> Result:
    """Write a repository to a folder or a zip file."""
    from mlops.lake_transfer.dump import dump as write
    from mlops.servers.store_upkeep import check_store

    if data is not None:
        check_store(data)
    with _connected(session, data) as connection:
        session.tell(f"dumping repository {repository} at {connection.endpoint} to {place}")
        moved = write(connection, repository, place, tell=session.tell)
    return _result({"repository": repository, "place": str(place)}, moved, "dumped to", str(place))


def restore(
    session: Session, place: Path, repository: str, data: Path | None, storage_namespace: str
) -> Result:
    """Make a repository of a dump."""
    from mlops.lake_transfer.archive import Reading
    from mlops.lake_transfer.restore import Outside
    from mlops.lake_transfer.restore import restore as bring

    archive = Reading(place)
    with contextlib.closing(archive), _connected(session, data) as connection:
        session.tell(f"restoring {place} to repository {repository} at {connection.endpoint}")
        moved, changed = bring(connection, archive, repository, Outside(session.tell), storage_namespace)
    document = {"repository": repository, "place": str(place), "new_commit_ids": changed}
    return _result(document, moved, "restored to", f"repository {repository}")


def _result(document: dict[str, Any], moved: Moved, verb: str, target: str) -> Result:
    parts = [
        count(moved.commits, "commit"),
        count(moved.branches, "branch"),
        count(moved.tags, "tag"),
        count(moved.objects, "object"),
    ]
    line = f"{', '.join(parts)}, {moved.size_bytes / 1_000_000:,.1f} MB {verb} {target}"
    return Result(
        {**document, **dataclasses.asdict(moved)}, [line, *(f"note: {note}" for note in moved.notes)]
    )


@contextlib.contextmanager
def _connected(session: Session, data: Path | None) -> Iterator[Connection]:
    """Connect to the lake of the settings, or to a server of this process over the store in ``data``."""
    from mlops.adapters.lake.connection import connect

    timeout_s = session.settings.lake_timeout_s
    if data is None:
        yield connect(session.credentials(), timeout_s=timeout_s)
        return
    from mlops.servers.store_upkeep import serving

    with serving(data) as credentials:
        yield connect(credentials, timeout_s=timeout_s)

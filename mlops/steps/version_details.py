"""Details of a version of the data: rows, digest, parameters, and where the rows are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops.runs import names
from mlops.runs.digest import tree_digest
from mlops.runs.errors import Corrupt, NotFound
from mlops.runs.promotion.attempts import run_of

if TYPE_CHECKING:
    from mlops.runs.main.event_log import Promoted
    from mlops.runs.ports import Lake


@dataclass(frozen=True)
class VersionDetails:
    """Details of a version.

    Attributes:
        rows: Number of rows; None where the promotion does not record it.
        digest: SHA-256 of the rows' file, or of the list of files where there are several.
        parameters: Parameters of its run; empty where its evidence is gone.
        paths: Paths of its rows.
    """

    rows: int | None
    digest: str
    parameters: Mapping[str, Any]
    paths: tuple[str, ...]


def details_of(lake: Lake, event: Promoted) -> VersionDetails:
    """Return the details of a promotion."""
    objects = {o.path: o.sha256 for o in event.champion.objects if o.path.startswith(names.PROCESSED)}
    digest = next(iter(objects.values())) if len(objects) == 1 else tree_digest(objects.items())
    rows = event.champion.metrics.get("rows")
    try:
        inputs = run_of(lake.commit_of(event.champion.evidence_commit)).inputs
        parameters = dict(inputs.params)
    except (NotFound, Corrupt):
        parameters = {}
    return VersionDetails(None if rows is None else int(rows), digest, parameters, tuple(objects))

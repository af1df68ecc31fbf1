"""Versions of data for people: their list, the rows of one read in two ways, and its profile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import mlops
from mlops.runs import names
from mlops.runs.errors import Corrupt, NotFound
from mlops.runs.main.event_log import Promoted
from mlops.runs.main.state import read_json
from mlops.runs.main.versions import versions
from mlops.steps.arrivals.source_options import lake_storage
from mlops.steps.profiles.page import bar
from mlops.steps.profiles.profile import Profile
from mlops.steps.version_details import details_of

if TYPE_CHECKING:
    from mlops.runs.ports import Lake
    from mlops.settings import Settings


def listed(lake: Lake) -> list[dict[str, Any]]:
    """Return name, number, place, rows, digest and parameters of each version that is not forgotten."""
    found: list[dict[str, Any]] = []
    for version in versions(lake):
        if not isinstance(version.event, Promoted):
            continue
        details = details_of(lake, version.event)
        found.append(
            {
                "version": version.name,
                "number": version.event.number,
                "commit": version.event.commit,
                "on_main": version.event.on_main,
                "rows": details.rows,
                "digest": details.digest,
                "parameters": dict(details.parameters),
            }
        )
    return found


def line_of(entry: Mapping[str, Any]) -> str:
    """Return a listed version as a line for people."""
    params = ", ".join(f"{name}={value}" for name, value in sorted(entry["parameters"].items()))
    return f"{entry['version']}  {entry['rows']:>5,} rows  digest {entry['digest'][:12]}  {params}"


def read_twice(settings: Settings, name: str, version: str) -> dict[str, Any]:
    """Read a version by `mlops.load` and by its address with pandas alone, and return what was read.

    Raises:
        Corrupt: The rows are not the same.
    """
    import pandas as pd

    rows = mlops.load(name, version, settings=settings)
    address = f"lakefs://{name}/{version}/{names.ROWS}"
    options = lake_storage(settings.lake_credentials())["lakefs"]
    if not pd.read_parquet(address, storage_options=options).equals(rows):
        raise Corrupt("pandas reads other rows than mlops.load", where=address)
    return {"version": version, "rows": len(rows), "columns": list(rows.columns), "uri": address}


def profile_of(lake: Lake, version: str) -> Profile:
    """Return the profile that the promotion of a version brought."""
    return Profile.from_json(read_json(lake, version, names.PROFILE), where=f"{version}:{names.PROFILE}")


def profile_lines(profile: Profile, column: str, *, key: Sequence[str]) -> Iterator[str]:
    """Yield the numeric columns of a profile, and the histogram of one of them, as lines for people.

    Args:
        profile: The profile.
        column: Column whose histogram is shown.
        key: Columns that identify a row; their means say nothing.

    Raises:
        NotFound: There is no such column with a histogram.
    """
    yield f"{profile.rows:,} rows, {len(profile.columns)} columns, {profile.missing:,} missing values"
    for each in profile.columns:
        if each.name not in key and each.mean is not None and each.std is not None:
            yield f"{each.name:>10}: mean {each.mean:,.1f}, standard deviation {each.std:,.1f}"
    bins = next((each.histogram for each in profile.columns if each.name == column), None)
    if bins is None:
        raise NotFound("has no histogram in the profile", where=column)
    yield f"histogram of {column}:"
    most = max(bins.counts)
    for edge, count in zip(bins.edges, bins.counts, strict=False):
        yield f"{_edge(edge):>10} {count:>5,} {bar(count, most)}".rstrip()


def _edge(edge: float | str) -> str:
    return edge if isinstance(edge, str) else f"{edge:,.0f}"

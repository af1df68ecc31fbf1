"""Describing and listing objects of a large repository."""

from __future__ import annotations

import random
from collections.abc import Callable
from urllib.parse import quote

from tests.benchmarks.lake.comparing import Sides, measured, row
from tests.benchmarks.lake.filling import path_of
from tests.benchmarks.lake.scale import Scale
from tests.benchmarks.lake.sides import OURS, THEIRS, LakeSide, name_of
from tests.benchmarks.measuring import Side, seconds
from tests.benchmarks.report import Row

_COUNT = 1_000


def measure(sides: Sides, scale: Scale, tell: Callable[[str], None]) -> list[Row]:
    """Return the rows of stat and list."""
    size = scale.sizes[1]
    kept = {key: side for key, side in sides.items() if key in (OURS, THEIRS)}
    rows: list[Row] = []
    for client in ("raw client", "SDK"):
        of = f"{_COUNT:,} of {size:,} objects, {client}"
        tell(f"stat and list {of}")
        stats = {key: _stat(side, size, client) for key, side in kept.items()}
        lists = {key: _list(side, size, client) for key, side in kept.items()}
        rows.append(row(f"stat {of}", "ms", measured(scale, stats)))
        rows.append(row(f"list {of}", "ms", measured(scale, lists)))
    return rows


def _stat(side: LakeSide, size: int, client: str) -> Side:
    name = name_of(size)

    def turn(repetition: int) -> float:
        paths = [path_of(number) for number in random.Random(repetition).sample(range(size), _COUNT)]
        if client == "SDK":
            api = _sdk(side)
            return 1e3 * seconds(lambda: [api.stat_object(name, "main", path) for path in paths])
        with side.client(name) as raw:
            targets = [f"/refs/main/objects/stat?path={quote(path, safe='')}" for path in paths]
            return 1e3 * seconds(lambda: [raw.call("GET", target) for target in targets])

    return turn


def _list(side: LakeSide, size: int, client: str) -> Side:
    name = name_of(size)

    def turn(repetition: int) -> float:
        after = path_of(random.Random(repetition).randrange(size - _COUNT - 1))
        if client == "SDK":
            api = _sdk(side)
            # The first call opens the connection.
            api.list_objects(name, "main", amount=1)
            return 1e3 * seconds(lambda: api.list_objects(name, "main", after=after, amount=_COUNT))
        with side.client(name) as raw:
            raw.call("GET", "/refs/main/objects/ls", amount=1)
            return 1e3 * seconds(lambda: raw.call("GET", "/refs/main/objects/ls", after=after, amount=_COUNT))

    return turn


def _sdk(side: LakeSide):
    from lakefs import Client

    key = side.credentials
    client = Client(host=key.endpoint, username=key.access_key_id, password=key.secret_access_key)
    return client.sdk_client.objects_api

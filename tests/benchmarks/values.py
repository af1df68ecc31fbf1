"""(i) What the IO managers cost beside direct writes and reads of the same bytes."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from mlops.adapters.lake.credentials import Credentials
from tests.benchmarks.measuring import MIB, Side, interleaved, medians, seconds
from tests.benchmarks.report import Row
from tests.benchmarks.scale import Scale
from tests.benchmarks.servers import scratch_server

RATIO = 1.15
REPOSITORY = "values"


def measure(folder: Path, scale: Scale, tell: Callable[[str], None]) -> list[Row]:
    """Return a row for a folder and one for the embedded server: a table written once and read once."""
    frame, repetitions = _frame(scale.table_rows), 3 * scale.repetitions
    rows: list[Row] = []
    with scratch_server("embedded", folder) as server, _variables(server.connection.credentials):
        server.connection.create_repository(REPOSITORY)
        for place, location in (("a folder", str(folder / "data")), ("a lake", f"lakefs://{REPOSITORY}")):
            tell(f"{repetitions} times a table of {scale.table_rows:,} rows, by IO manager and by hand")
            direct = _in_folder(folder / "direct", frame) if place == "a folder" else _in_lake(frame)
            sides = {"managed": _managed(location, frame), "direct": direct}
            interleaved(1, sides, first=1000)  # imports, connections
            figures = medians(interleaved(repetitions, sides))
            size = f"{_size_bytes(frame) / MIB:.0f} MiB"
            name = f"(i) write and read {size} of Parquet in {place} by IO manager, against doing it directly"
            rows.append(Row(name, figures["managed"], "s", figures["direct"], RATIO))
    return rows


def _managed(location: str, frame: Any) -> Side:
    """Return the side that goes through the IO manager: as a run of its own, branch and record included."""
    import dagster as dg
    import pandas as pd

    from mlops.orchestration.lake import DataStore, LakeFSResource, ParquetIOManager, chains, managers

    store = DataStore(location=location, lakefs=LakeFSResource())
    manager = ParquetIOManager(store=store)
    kind = dg.PythonObjectDagsterType(pd.DataFrame)

    def side(repetition: int) -> float:
        run, key = chains.alone(f"run-{repetition}"), dg.AssetKey(["table"])
        # Dagster opens an instance for each of these; in a run they are there already.
        with (
            dg.build_output_context(asset_key=key, step_key="table") as written,
            dg.build_input_context(asset_key=key, dagster_type=kind) as loading,
            mock.patch.object(managers, "_run", return_value=run),
        ):

            def both() -> None:
                manager.handle_output(written, frame)
                _same(manager.load_input(loading), frame)

            return seconds(both)

    return side


def _in_folder(folder: Path, frame: Any) -> Side:
    """Return the side that writes a file, waits for the disk as the other side does, and reads it."""
    import pandas as pd

    def side(repetition: int) -> float:
        folder.mkdir(exist_ok=True)
        file = folder / f"{repetition}.parquet"

        def both() -> None:
            with file.open("wb") as opened:
                frame.to_parquet(opened, compression="zstd")
                os.fsync(opened.fileno())
            _same(pd.read_parquet(file), frame)

        return seconds(both)

    return side


def _in_lake(frame: Any) -> Side:
    """Return the side that writes to a branch that is there already, commits and reads, by the clients."""
    import pandas as pd

    from mlops.orchestration.lake import LakeFSResource

    lakefs = LakeFSResource()
    fs, branch = lakefs.fs(), lakefs.repository(REPOSITORY).branch("by-hand").create("main")

    def side(repetition: int) -> float:
        path = f"lakefs://{REPOSITORY}/by-hand/{repetition}.parquet"

        def both() -> None:
            with fs.open(path, "wb") as file:
                frame.to_parquet(file, compression="zstd")
            branch.commit("Write a table", {})
            _same(pd.read_parquet(io.BytesIO(fs.cat_file(path))), frame)

        return seconds(both)

    return side


def _frame(rows: int) -> Any:
    import numpy as np
    import pandas as pd

    random = np.random.default_rng(7)
    numbers = {f"x{n}": random.normal(size=rows) for n in range(8)}
    words = {f"word{n}": random.choice(["north", "south", "east", "west"], rows) for n in range(3)}
    return pd.DataFrame({"id": np.arange(rows), **numbers, **words})


def _size_bytes(frame: Any) -> int:
    buffer = io.BytesIO()
    frame.to_parquet(buffer, compression="zstd")
    return buffer.getbuffer().nbytes


def _same(read: Any, frame: Any) -> None:
    if read.shape != frame.shape:
        raise RuntimeError("what was read is not what was written")


@contextmanager
def _variables(credentials: Credentials) -> Iterator[None]:
    """Set lakectl's variables, by which the resource finds the server."""
    from mlops.orchestration.lake.lakefs_resource import ENDPOINT, KEY_ID, SECRET

    values = (credentials.endpoint, credentials.access_key_id, credentials.secret_access_key)
    with mock.patch.dict(os.environ, dict(zip((ENDPOINT, KEY_ID, SECRET), values, strict=True))):
        yield

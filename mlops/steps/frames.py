"""Frames of a run: Parquet objects of the lake, kept in memory by what they contain, and a run's rows."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops.adapters import tables
from mlops.runs import names
from mlops.runs.digest import sha256

if TYPE_CHECKING:
    import pandas as pd

    from mlops.adapters.lake.lake import LakeFSLake
    from mlops.pipelines.spec import Deliveries
    from mlops.runs.records import HoldoutRule

#: A run reads its training and holdout rows in several steps; raw deliveries are read once.
_KEPT = 4
#: How many deliveries are read at the same time.
READERS = 4


@dataclass(frozen=True)
class RawRows:
    """The data and settings that the rows of a run are made of.

    Attributes:
        deliveries: Returns table to arrival to frame.
        rule: Returns the rule that selects the holdout.
        params: The run's parameters.
        seed: The seed of the run's model.
    """

    deliveries: Callable[[], Mapping[str, Deliveries]]
    rule: Callable[[], HoldoutRule]
    params: Any
    seed: int


@dataclass(frozen=True)
class ProcessedRows:
    """The rows that a run processes.

    Attributes:
        frames: Path to the rows that are written there.
        counts: Numbers for the report, such as rows read per table.
        dropped: Reason to number of rows left out.
        params: The run's parameters.
        seed: The seed of the run's model.
    """

    frames: Mapping[str, pd.DataFrame]
    counts: Mapping[str, int]
    dropped: Mapping[str, int]
    params: Any
    seed: int


class Frames:
    """Frames of one lake; the last few are kept by their checksum, so a later step reads them from memory.

    A frame handed out is shared: whoever wants to change it copies it.
    """

    def __init__(self, lake: LakeFSLake) -> None:
        self._lake = lake
        self._kept: OrderedDict[str, pd.DataFrame] = OrderedDict()

    def read(self, ref: str, path: str) -> pd.DataFrame:
        """Return the frame at a path of a commit.

        Raises:
            NotFound: There is no such object.
            InputError: It is not Parquet.
        """
        checksum = self._lake.stat(ref, path).checksum
        if checksum in self._kept:
            self._kept.move_to_end(checksum)
            return self._kept[checksum]
        frame = self._parsed(ref, path)
        self._keep(checksum, frame)
        return frame

    def write(self, branch: str, path: str, frame: pd.DataFrame) -> str:
        """Stage a frame on a branch as Parquet, equal frames with equal bytes; return their SHA-256."""
        data = tables.to_parquet(frame)
        self._lake.write(branch, path, data)
        self._keep(self._lake.stat(branch, path).checksum, frame)
        return sha256(data)

    def deliveries(self, ref: str, table: str) -> dict[str, pd.DataFrame]:
        """Return arrival to frame for all deliveries of a table in a commit, ascending by arrival."""
        paths = [stat.path for stat in self._lake.list(ref, f"{names.RAW}{table}/")]
        arrivals = {path: parsed.arrival for path in paths if (parsed := names.parse_raw_path(path))}
        frames = self._parsed_all(ref, list(arrivals))
        return dict(sorted(zip(arrivals.values(), frames, strict=True)))

    def _parsed_all(self, ref: str, paths: list[str]) -> list[pd.DataFrame]:
        if READERS == 1:
            return [self._parsed(ref, path) for path in paths]
        # Years of arrivals are many small objects: the next ones are on their way while one is parsed.
        with ThreadPoolExecutor(READERS) as readers:
            return list(readers.map(lambda path: self._parsed(ref, path), paths))

    def _parsed(self, ref: str, path: str) -> pd.DataFrame:
        with self._lake.open_read(ref, path) as file:
            return tables.read_parquet(file, where=f"{ref[:12]}:{path}")

    def _keep(self, checksum: str, frame: pd.DataFrame) -> None:
        self._kept[checksum] = frame
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)

"""The champion of one pipeline in memory: loaded, tried on sample rows, exchanged when `main` changes."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.runs import names
from mlops.runs.errors import InputError, MlopsError, NotFound, bounded
from mlops.serving.package import Package, check_servable, fetch, last_served, note_current

if TYPE_CHECKING:
    import pandas as pd

    from mlops.adapters.lake.lake import LakeFSLake
    from mlops.pipelines.spec import PipelineSpec
    from mlops.runs.promotion.promoted import Verify
    from mlops.serving.request_schema import RequestSchema

#: Returns a pipeline's repository and what vouches for its promotions; asked again after each failure,
#: because the server may have come back at another address.
OpenLake = Callable[[], tuple["LakeFSLake", "Verify"]]


_ALARM = 300


@dataclass(frozen=True)
class Served:
    """A promoted model in memory.

    Attributes:
        name: The pipeline.
        number: The promotion's number.
        commit: The commit of `main`.
        loaded_at_s: When it began to answer, Unix seconds.
        schema: The columns of requests.
        model: The fitted estimator.
    """

    name: str
    number: int
    commit: str
    loaded_at_s: float
    schema: RequestSchema
    model: Any

    def predict(self, columns: Mapping[str, Sequence[Any]]) -> list[Any]:
        """Return what the model predicts for checked columns: a plain value for each row.

        Raises:
            InputError: The model does not answer as it should.
        """
        return _predictions(self.model, self.schema.frame(columns))


@dataclass(frozen=True)
class Alarm:
    """Trouble that leaves the old model serving.

    Attributes:
        what: The error in one line.
        since_s: When it was first met, Unix seconds.
    """

    what: str
    since_s: float


class Service:
    """One pipeline's champion.

    Args:
        spec: The pipeline.
        open_lake: Opens its repository.
        root: Folder for the files of what is served.
        report: Called with a line about each exchange and each trouble.
        clock: Returns Unix seconds.

    Raises:
        ConfigError: The pipeline's champion cannot answer single rows.
    """

    def __init__(
        self,
        spec: PipelineSpec,
        open_lake: OpenLake,
        root: Path,
        report: Callable[[str], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        check_servable(spec)
        self._spec = spec
        self._open_lake = open_lake
        self._root = root
        self._report = report
        self._clock = clock
        self._lake: tuple[LakeFSLake, Verify] | None = None
        self._head = ""
        self._served: Served | None = None
        self._refreshing = threading.Lock()
        self.alarm: Alarm | None = None

    @property
    def name(self) -> str:
        """Return the name of the pipeline."""
        return self._spec.name

    @property
    def served(self) -> Served:
        """Return the model that answers now.

        Raises:
            NotFound: None was loaded yet.
        """
        if self._served is None:
            raise NotFound("no champion is served yet", where=self.name)
        return self._served

    def start(self) -> Served:
        """Load the champion, or where the lake does not answer the one that was served last.

        Raises:
            MlopsError: Neither can be loaded; the error is that of the lake.
        """
        if self.refresh():
            return self.served
        error = self.alarm
        try:
            self._take(last_served(self._root, self.name))
        except MlopsError as other:
            what = error.what if error else str(other)
            raise NotFound(f"no champion can be served: {what}", where=self.name) from other
        return self.served

    def refresh(self) -> bool:
        """Serve the champion of `main` if it is another one now; return whether it is served.

        A model that cannot be loaded or does not answer leaves the old one serving and sets `alarm`.
        """
        with self._refreshing:
            try:
                self._follow_main()
            except MlopsError as error:
                self._lake = None
                self._alarmed(str(error))
                return False
            # A full disk, or anything else that nobody thought of, must not end the watching of main.
            except Exception as error:
                self._lake = None
                self._alarmed(bounded(f"cannot follow main: {type(error).__name__}: {error}", _ALARM))
                return False
            if self.alarm is not None:
                self._report(f"{self.name}: serving follows main again")
            self.alarm = None
            return True

    def _follow_main(self) -> None:
        if self._lake is None:
            self._lake = self._open_lake()
        lake, verify = self._lake
        head = lake.head(names.MAIN)
        if head == self._head and self._served is not None:
            return
        package = fetch(lake, verify, self._spec, self._root)
        if self._served is None or self._served.commit != package.commit:
            self._take(package)
            note_current(self._root, package)
        self._head = head

    def _take(self, package: Package) -> None:
        """Load a package beside the model that serves, try it, and let it serve."""
        model = package.model(self._spec)
        sample = package.sample()
        _predictions(model, sample)
        now_s = self._clock()
        self._served = Served(self.name, package.number, package.commit, now_s, package.schema(), model)
        self._report(f"{self.name}: promotion {package.number} ({package.commit[:12]}) is loaded")

    def _alarmed(self, what: str) -> None:
        if self.alarm is None or self.alarm.what != what:
            self.alarm = Alarm(what, self._clock())
            self._report(f"{self.name}: {what}")


def _predictions(model: Any, rows: pd.DataFrame) -> list[Any]:
    try:
        found = model.predict(rows)
    # A model is a stranger's code: whatever it raises is about these rows.
    except Exception as error:
        raise InputError(f"the model does not take these rows: {type(error).__name__}: {error}") from error
    values = found.tolist() if hasattr(found, "tolist") else list(found)
    if len(values) != len(rows):
        raise InputError(f"the model gave {len(values)} predictions for {len(rows)} rows")
    if any(isinstance(value, float) and not math.isfinite(value) for value in values):
        raise InputError("the model gave a prediction that is no finite number")
    return values

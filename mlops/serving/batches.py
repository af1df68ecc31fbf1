"""Requests that wait at the same time are predicted together, by one call of the model."""

from __future__ import annotations

import queue
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from mlops.runs.errors import MlopsError, ProtocolMisuse
from mlops.serving.service import Served

MAX_BATCH_ROWS = 4096
MAX_WAITING = 256


class TooBusy(Exception):
    """So many requests wait already that another one is not taken."""


@dataclass(frozen=True)
class _Request:
    served: Served
    columns: dict[str, list[Any]]
    rows: int
    answer: Future[list[Any]]


class Batches:
    """A thread that predicts for everybody who waits.

    A request is predicted by the model whose schema it was checked against: an exchange meanwhile changes
    nothing for it, and an answer never mixes two models.

    Args:
        max_waiting: How many requests may wait.
    """

    def __init__(self, max_waiting: int = MAX_WAITING) -> None:
        self._waiting: queue.Queue[_Request | None] = queue.Queue(max_waiting)
        self._thread = threading.Thread(target=self._work, name="predict", daemon=True)
        self._thread.start()

    def submit(self, served: Served, columns: dict[str, list[Any]]) -> Future[list[Any]]:
        """Take a request and return its answer to come.

        Args:
            served: The model.
            columns: Values that its schema has checked.

        Raises:
            TooBusy: Too many requests wait.
        """
        rows = len(next(iter(columns.values()), ()))
        request = _Request(served, columns, rows, Future())
        try:
            self._waiting.put_nowait(request)
        except queue.Full:
            raise TooBusy from None
        return request.answer

    def close(self) -> None:
        """Predict for those who wait, then end."""
        self._waiting.put(None)
        self._thread.join()

    def _work(self) -> None:
        held: _Request | None = None
        while True:
            first = held or self._waiting.get()
            held = None
            if first is None:
                return
            batch, rows = [first], first.rows
            while rows < MAX_BATCH_ROWS:
                try:
                    following = self._waiting.get_nowait()
                except queue.Empty:
                    break
                if following is None:
                    self._waiting.put(None)
                    break
                if following.served is not first.served:
                    held = following
                    break
                batch.append(following)
                rows += following.rows
            _answer(batch)


def _answer(batch: Sequence[_Request]) -> None:
    asked = [request for request in batch if request.answer.set_running_or_notify_cancel()]
    if not asked:
        return
    served = asked[0].served
    try:
        columns = {
            name: [value for request in asked for value in request.columns[name]]
            for name in served.schema.names
        }
        found = served.predict(columns)
    except MlopsError as error:
        _answer_one_by_one(asked, error)
        return
    except BaseException as error:
        for request in asked:
            request.answer.set_exception(ProtocolMisuse(f"predicting failed: {type(error).__name__}"))
        raise
    at = 0
    for request in asked:
        request.answer.set_result(found[at : at + request.rows])
        at += request.rows


def _answer_one_by_one(asked: Sequence[_Request], error: MlopsError) -> None:
    """Let nobody pay for another's rows."""
    for request in asked:
        if len(asked) == 1:
            request.answer.set_exception(error)
            return
        try:
            request.answer.set_result(request.served.predict(request.columns))
        except MlopsError as own:
            request.answer.set_exception(own)

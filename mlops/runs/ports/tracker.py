"""The experiment tracker: a cache of what the lake holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from mlops.runs.records import Run


class Tracker(Protocol):
    """The experiment tracker: a cache of what the lake holds, linked in both directions.

    Every method is idempotent and raises `TrackerUnavailable` when the tracker cannot be reached.
    """

    def begin(self, run: Run, tags: Mapping[str, str]) -> str:
        """Find or create the tracker's run for ``run.run_id`` and return its id, with inputs and tags set."""
        ...

    def record(
        self,
        tracker_run: str,
        *,
        metrics: Mapping[str, float] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Set metrics and tags of a run; setting the same again changes nothing."""
        ...

    def finish(self, tracker_run: str, *, failed: bool) -> None:
        """End a run as finished or failed."""
        ...

    def find(self, run_id: str) -> str | None:
        """Return the tracker's run for a run id, or None."""
        ...

    def register(self, model: str, uri: str, tracker_run: str, tags: Mapping[str, str]) -> str:
        """Find or create the registered version whose source is ``uri`` and return its number as text."""
        ...

    def version_of(self, model: str, uri: str) -> str | None:
        """Return the registered version whose source is ``uri``, or None."""
        ...

    def alias(self, model: str, alias: str) -> str | None:
        """Return the version an alias stands at, or None."""
        ...

    def set_alias(self, model: str, alias: str, version: str | None) -> None:
        """Put an alias at a version, or remove it with None."""
        ...

    def note(self, model: str, key: str, value: str) -> None:
        """Write a note on a registered model; a model that is not registered yet is no error."""
        ...

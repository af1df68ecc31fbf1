"""Attempts to read a source follow each other without pauses."""

from __future__ import annotations

import pytest

from mlops.pipelines.sources import waiting


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "PAUSES_S", (0.0, 0.0))

"""The inputs of a run, which give it its id, and the mode of the environment that it was made in."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from mlops.runs.digest import digest_of


class Mode(StrEnum):
    """The rules of an environment: what may run in it, and whether anything is promoted from it."""

    STANDARD = "standard"
    PRODUCTION = "production"
    DEV = "dev"


@dataclass(frozen=True)
class RunInputs:
    """All inputs of a run; two runs with equal digests would compute the same outputs.

    Attributes:
        pipeline: Name of the pipeline, which is also its repository.
        raw_digest: Digest of path and checksum of every object under ``raw/`` at the commit read.
        code_digest: Digest of the project's source files.
        lock_digest: Digest of the versions of the installed libraries.
        params: Parameters of the model, and nothing else.
        seed: Seed of the fit.
        mode: ``dev`` for a run made in that mode, which can never be promoted; else empty.
    """

    pipeline: str
    raw_digest: str
    code_digest: str
    lock_digest: str
    params: Mapping[str, Any]
    seed: int
    mode: str = ""

    @property
    def digest(self) -> str:
        """Return the SHA-256 over all inputs, in hexadecimal."""
        return digest_of(self.to_json())

    @property
    def is_dev(self) -> bool:
        """Return whether the run was made in mode dev."""
        return self.mode != ""

    def in_mode(self, mode: Mode) -> RunInputs:
        """Return the same inputs for a run in a mode: a run in mode dev is another run than elsewhere."""
        return dataclasses.replace(self, mode=str(Mode.DEV) if mode is Mode.DEV else "")

    def to_json(self) -> dict[str, Any]:
        """Return the value as JSON types; the mode is in it for mode dev alone."""
        found = dataclasses.asdict(self)
        if not self.mode:
            del found["mode"]
        return found

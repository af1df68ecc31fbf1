"""The workspace of one pipeline: its specification, its lake, the tracker and its other dependencies."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlops.adapters.page_links import Links
from mlops.runs.ports import Ports
from mlops.steps.frames import Frames

if TYPE_CHECKING:
    from pathlib import Path

    from mlops.adapters.lake.lake import LakeFSLake
    from mlops.pipelines.sources import Options, Source
    from mlops.pipelines.spec import PipelineSpec


@dataclass(frozen=True)
class Workspace:
    """Everything that the steps of one pipeline need.

    Attributes:
        spec: The pipeline.
        lake: Its repository.
        ports: The outside as the core sees it; its lake is ``lake``.
        links: Addresses of pages for people.
        promote_rounds: How often a promotion starts again because `main` has moved.
        options: Settings of the pipeline's source; a password may be among them.
        storage: Scheme to further arguments for fsspec, e.g. address and key of the lake for ``lakefs``.
        reuse_steps: Whether a step is taken from a run that did it on the same inputs.
        lock_file: Lock file that mode production holds the installed packages against; None for none.
        frames: Parquet objects of the lake as frames.
    """

    spec: PipelineSpec
    lake: LakeFSLake
    ports: Ports
    links: Links
    promote_rounds: int = 20
    options: Options = field(default_factory=dict[str, Any], repr=False)
    storage: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Any], repr=False)
    reuse_steps: bool = True
    lock_file: Path | None = None
    frames: Frames = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "frames", Frames(self.lake))

    @functools.cached_property
    def source(self) -> Source:
        """Open the pipeline's source, once, when it is first asked for.

        Raises:
            ConfigError: A setting of the source is unknown, missing or wrong, or a library is not installed.
        """
        from mlops.pipelines.sources.configured import open_source

        return open_source(self.spec, self.options, self.storage)

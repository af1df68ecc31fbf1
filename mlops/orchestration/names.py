"""Names of a pipeline's assets and jobs in Dagster."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    from mlops.pipelines.spec import PipelineSpec


def key(spec: PipelineSpec, name: str) -> dg.AssetKey:
    """Return the key of one of a pipeline's assets."""
    return dg.AssetKey([spec.name, name])


def identifier(spec: PipelineSpec) -> str:
    """Return the pipeline's name where Dagster allows letters, digits and underscores alone."""
    return spec.name.replace("-", "_")

"""Pipelines: extraction, features, model, and the specification that names them.

A new pipeline is a folder here with a ``SPEC``, a line in `PIPELINES` and a folder in ``expectations/``.
Steps and the command line import it; a pipeline imports only the values of `mlops.runs`. Start with `spec`.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

from mlops.runs.errors import ConfigError

if TYPE_CHECKING:
    from mlops.pipelines.spec import PipelineSpec

#: Pipeline name to the module whose ``SPEC`` it is; imported when it is asked for.
PIPELINES: Mapping[str, str] = {
    "flights": "mlops.pipelines.flights.pipeline",
}


def pipeline(name: str) -> PipelineSpec:
    """Return the pipeline of that name.

    Raises:
        ConfigError: There is none.
    """
    if name not in PIPELINES:
        raise ConfigError(f"no such pipeline; there is {', '.join(sorted(PIPELINES))}", where=name)
    return importlib.import_module(PIPELINES[name]).SPEC

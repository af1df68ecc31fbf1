"""The registry: which pipelines there are, where each is declared, and which code is its own.

A pipeline is declared in the table of built-in ones, by an entry point of an installed distribution, or in
the ``pyproject.toml`` of the project folder. Only a pipeline that is asked for is imported. Nothing here
computes what a run writes, so no digest of a run's code covers it. Start with `lookup`.
"""

from mlops.pipelines.registry.declarations import Declaration
from mlops.pipelines.registry.lookup import (
    code_of,
    declaration_of,
    expectations_of,
    outside_code_of,
    pipeline,
    pipeline_names,
    usable_pipelines,
)
from mlops.pipelines.registry.packages import CodePackage

__all__ = [
    "CodePackage",
    "Declaration",
    "code_of",
    "declaration_of",
    "expectations_of",
    "outside_code_of",
    "pipeline",
    "pipeline_names",
    "usable_pipelines",
]

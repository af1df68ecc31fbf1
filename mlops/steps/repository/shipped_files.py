"""The files that a pipeline's repository begins with, as they travel with the program or the pipeline.

A pipeline from elsewhere brings its own suites, policy and holdout rule. In the source tree the built-in ones
are the folders ``expectations/`` and ``infra/lakefs/``. The build maps them into the package, below
``mlops/shipped/``, so that an installed program needs no checkout.
"""

from __future__ import annotations

from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from mlops.pipelines.registry import expectations_of

#: Where the build maps them to; see ``force-include`` in pyproject.toml.
_FOLDER = "shipped"


def expectations(pipeline: str) -> Traversable:
    """Return the folder with suites, policy and holdout rule of a pipeline.

    Raises:
        ConfigError: There is no such pipeline, or it is from elsewhere and cannot be loaded.
    """
    own = expectations_of(pipeline)
    return own if own is not None else _root().joinpath("expectations", pipeline)


def enforcer() -> Traversable:
    """Return the folder with the actions that run on the lake server."""
    return _root().joinpath("infra", "lakefs")


def _root() -> Traversable:
    packaged = resources.files("mlops").joinpath(_FOLDER)
    return packaged if packaged.is_dir() else Path(__file__).resolve().parents[3]

"""Dagster definitions of every pipeline, for ``-m mlops.orchestration.definitions``.

Loading them needs no server; workspaces are opened by the steps and sensors that need one.
"""

import dagster as dg

from mlops.orchestration.building import build
from mlops.orchestration.workspaces import Workspaces
from mlops.pipelines import PIPELINES, pipeline

_workspaces = Workspaces()

defs = dg.Definitions.merge(*(build(pipeline(name), _workspaces) for name in PIPELINES))

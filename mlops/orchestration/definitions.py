"""Dagster definitions of every pipeline, for ``-m mlops.orchestration.definitions``.

Loading them needs no server; workspaces are opened by the steps and sensors that need one. A pipeline that
cannot be loaded is reported in the log of the code server, and the others are served.
"""

import logging

import dagster as dg

from mlops.orchestration.building import build
from mlops.orchestration.schedules.declare import schedules
from mlops.orchestration.values import RunValues
from mlops.orchestration.workspaces import Workspaces
from mlops.pipelines.registry import usable_pipelines
from mlops.settings import load

_workspaces = Workspaces()
_values = RunValues(_workspaces)

_specs, _problems = usable_pipelines()
for _problem in _problems:
    logging.getLogger("mlops").error("%s", _problem)

_settings = load()

defs = dg.Definitions.merge(
    *(build(spec, _workspaces, _values) for spec in _specs),
    *(schedules(spec, _workspaces, _settings) for spec in _specs),
)

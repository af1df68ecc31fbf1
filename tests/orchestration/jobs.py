"""The tiny pipeline's job as Dagster finds it again by its name, with the workspace a test has put here."""

from __future__ import annotations

import dagster as dg

from mlops.orchestration.building import build, job_name
from mlops.orchestration.workspaces import Workspaces
from mlops.steps.workspace import Workspace
from tests.orchestration.tiny import SPEC

current: list[Workspace] = []


def tiny_job() -> dg.JobDefinition:
    workspaces = Workspaces(lambda _name, _tell: current[-1])
    return build(SPEC, workspaces).resolve_job_def(job_name(SPEC))

"""The tiny pipeline's job as Dagster finds it again by its name, with the workspace a test has put here."""

from __future__ import annotations

import dagster as dg

from mlops.orchestration.building import build, job_name
from mlops.orchestration.workspaces import Tell, Workspaces
from mlops.steps.workspace import Workspace
from tests.orchestration.tiny import SPEC

current: list[Workspace] = []


class Current(Workspaces):
    """Whatever workspace the test has put last: Dagster keeps a job that it has found once."""

    def of(self, pipeline: str, log: Tell) -> Workspace:
        return current[-1]


def tiny_job() -> dg.JobDefinition:
    return build(SPEC, Current()).resolve_job_def(job_name(SPEC))

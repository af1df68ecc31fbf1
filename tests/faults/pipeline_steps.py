"""Inside a forked child: ingest and run of every registered pipeline, by its own gate, suites and models.

What is ingested and run is the beginning of each pipeline's demo.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mlops.demo.plots import PLOTS, plot_of
from mlops.demo.scenes import Arrive, Candidate, Scene
from tests.faults import checks, real_steps
from tests.faults.victims import Address, real_world
from tests.support.faults import FaultPlan

if TYPE_CHECKING:
    from mlops.pipelines.spec import PipelineSpec
    from mlops.steps.workspace import Workspace

INGEST, RUN = "ingest", "run"
COMMANDS = {f"{name}: {verb}": (name, verb) for name in sorted(PLOTS) for verb in (INGEST, RUN)}


def base_of(command: str) -> str:
    """Return the name of the template that a command's one is made from."""
    return f"base of {COMMANDS[command][0]}"


#: Template to its pipeline.
BASES = {base_of(command): name for command, (name, _) in COMMANDS.items()}


def _scenes(name: str) -> Iterator[Scene]:
    return (scene for chapter in plot_of(name) for scene in chapter.scenes)


def _opening(name: str) -> tuple[list[str], dict[str, Any], str]:
    """Return the arrivals before the first model, its parameters, and the arrival that comes next."""
    arrivals: list[str] = []
    params: dict[str, Any] | None = None
    for scene in _scenes(name):
        if isinstance(scene, Arrive):
            if params is not None:
                return arrivals, params, scene.arrivals[0]
            arrivals += scene.arrivals
        elif isinstance(scene, Candidate) and params is None:
            params = dict(scene.params)
    raise AssertionError(f"the story of {name} has no arrival after its first model")


def _spec(name: str) -> PipelineSpec:
    from mlops.pipelines import pipeline

    return pipeline(name)


def _workspace(address: Address, name: str, plan: FaultPlan | None = None) -> Workspace:
    return real_steps.workspace_of(_of(address, name), plan, spec=_spec(name))


def _of(address: Address, name: str) -> Address:
    return dataclasses.replace(address, repository=name)


def make_base(address: Address, name: str) -> list[str]:
    """Set a repository up with the shipped gate, promote a first model; return what had to be loaded."""
    from mlops.steps import run as running
    from mlops.steps.repository.init_repository import initialise

    address.connection().create_repository(name)
    workspace = _workspace(address, name)
    initialise(workspace.ports, name)
    arrivals, params, _ = _opening(name)
    for arrival in arrivals:
        real_steps.deliver(workspace, arrival)
    ended = running.run_all(workspace, workspace.spec.parameters(params))
    assert ended.number == 1, ended.decision.verdict.sentence
    _check_clean(address, name)
    return sorted(sys.modules)


def prepare(address: Address, command: str) -> None:
    """Bring the base to where a command is given."""
    name, verb = COMMANDS[command]
    if verb == RUN:
        real_steps.deliver(_workspace(address, name), _opening(name)[2])


def give(address: Address, command: str, plan: FaultPlan) -> None:
    """Give a command, and perhaps die of it."""
    from mlops.steps import run as running

    name, verb = COMMANDS[command]
    workspace = _workspace(address, name, plan)
    if verb == INGEST:
        real_steps.deliver(workspace, _opening(name)[2])
    else:
        running.run_all(workspace, workspace.spec.parameters({}))


def give_again(address: Address, command: str) -> dict[str, Any]:
    """Check that `main` is whole, give the command, audit all that is there, and return the end."""
    checks.check_whole(real_world(_of(address, COMMANDS[command][0])).lake)
    give(address, command, FaultPlan())
    return end(address, command)


def end(address: Address, command: str) -> dict[str, Any]:
    """Audit all that is there, and return what must not depend on crashes."""
    name, _ = COMMANDS[command]
    _check_clean(address, name)
    return real_steps.what_ended(_of(address, name), command)


def _check_clean(address: Address, name: str) -> None:
    real_steps.check_clean(_of(address, name), spec=_spec(name))

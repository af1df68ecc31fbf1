"""Inside a forked child: commands made of the real steps, on a pipeline small enough to be killed often.

Tables, suites, models, judge and proofs are the real ones; the other commands have models that are numbers.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from unittest import mock

from mlops.runs import names
from mlops.runs.digest import document, sha256
from mlops.runs.ports import Ports
from tests.faults import checks
from tests.faults.turnstile import Turnstile, TurnstileClock
from tests.faults.victims import Address, real_world, this_machine
from tests.support.commands import end_of, roll_back_to_first
from tests.support.fakes import SIGNER, TRUST
from tests.support.faults import FaultPlan
from tests.support.protocol import GATE_FILES

if TYPE_CHECKING:
    from mlops.pipelines.spec import PipelineSpec
    from mlops.runs.promotion.promote import Promotion
    from mlops.runs.records import Run
    from mlops.steps.workspace import Workspace

MONTHS = ("2020-01", "2020-02", "2020-03")
NEXT_MONTH = "2020-04"

Step = Callable[["Workspace", Address], object]


def _nothing(_workspace: Workspace, _address: Address) -> None:
    """The workspace is as it is."""


def _ingest(workspace: Workspace, _address: Address) -> None:
    deliver(workspace, NEXT_MONTH)


def deliver(workspace: Workspace, arrival: str) -> dict[str, Any]:
    """Bring a month to `main`, and return what was committed where."""
    from mlops.steps.arrivals import ingest

    ended = ingest.deliver(workspace, arrival, *ingest.from_source(workspace, arrival))
    return {"commit": ended.commit, "arrival": arrival}


def _run(shrinkage: float) -> Step:
    def command(workspace: Workspace, _address: Address) -> None:
        from mlops.steps import run as running

        running.run_all(workspace, workspace.spec.parameters({"shrinkage": shrinkage}))

    return command


def _decided_but_overtaken(workspace: Workspace, address: Address) -> None:
    from mlops.steps import run as running

    running.evaluate(workspace, running.open_(workspace, workspace.spec.parameters({"shrinkage": 200.0})))
    _run(400.0)(workspace, address)


def _promote(workspace: Workspace, _address: Address) -> None:
    from mlops.steps.rollback import restore
    from mlops.steps.run_inputs import inputs_of

    params = workspace.spec.parameters({"shrinkage": 200.0})
    inputs = inputs_of(workspace.spec, workspace.lake, workspace.lake.head(names.MAIN), params)
    restore.promote(workspace, names.run_id(inputs.digest))


def _rolled_back_and_resumed(workspace: Workspace, address: Address) -> None:
    from mlops.runs.rollback.rollback import resume

    roll_back_to_first(real_world(address))
    resume(workspace.ports, "go on")


def _restore(workspace: Workspace, _address: Address) -> None:
    from mlops.steps.rollback import restore

    restore.restore(workspace, 2, "it was right")


#: Name to what happens before, and the command.
COMMANDS: dict[str, tuple[Step, Step]] = {
    "steps: ingest": (_nothing, _ingest),
    "steps: run": (_nothing, _run(400.0)),
    "steps: promote": (_decided_but_overtaken, _promote),
    "steps: restore": (_rolled_back_and_resumed, _restore),
}


def workspace_of(
    address: Address, plan: FaultPlan | None = None, spec: PipelineSpec | None = None, **ports: Any
) -> Workspace:
    """Return the workspace of a pipeline on a server, its requests and MLflow's calls through a plan.

    Args:
        address: Where everything is.
        plan: What the requests and calls go through.
        spec: The pipeline; by default the tiny one.
        ports: Other dependencies than those of this machine.
    """
    from mlops.adapters.lake.lake import LakeFSLake
    from mlops.adapters.page_links import Links
    from mlops.steps import frames
    from mlops.steps.workspace import Workspace
    from tests.orchestration.tiny import SPEC

    # Calls are counted, and their order is chosen, in one thread for each command.
    frames.READERS = 1
    lake = LakeFSLake(address.connection(plan), address.repository)
    signed = {"signer": SIGNER, "trust": TRUST}
    made = Ports(lake=lake, tracker=address.tracker(plan), **{**signed, **this_machine(), **ports})
    return Workspace(spec or SPEC, lake, made, Links(address.endpoint, address.repository))


def remember() -> None:
    """Compute what is the same in all children."""
    from mlops.steps import run_inputs
    from tests.orchestration.tiny import SPEC

    run_inputs.code_digest(SPEC)
    run_inputs.lock_digest(SPEC)
    run_inputs.git_state()


def make_base(address: Address) -> list[str]:
    """Create the repository, bring three months to it, promote two models; return what had to be loaded."""
    from mlops.runs.main.setup import set_up
    from tests.orchestration.tiny import gate_files

    address.connection().create_repository(address.repository)
    workspace = workspace_of(address)
    actions = {path: data for path, data in GATE_FILES.items() if path.startswith(names.ACTIONS)}
    set_up(workspace.ports, gate_files() | actions)
    for month in MONTHS:
        deliver(workspace, month)
    for shrinkage in (2000.0, 1000.0):
        _run(shrinkage)(workspace, address)
    check_clean(address)
    return sorted(sys.modules)


def prepare(address: Address, command: str) -> None:
    """Bring the base to where a command is given."""
    COMMANDS[command][0](workspace_of(address), address)


def give(address: Address, command: str, plan: FaultPlan) -> None:
    """Give a command, and perhaps die of it."""
    COMMANDS[command][1](workspace_of(address, plan), address)


def give_again(address: Address, command: str) -> dict[str, Any]:
    """Check that `main` is whole, give the command, audit all that is there, and return the end."""
    checks.check_whole(real_world(address).lake)
    give(address, command, FaultPlan())
    return end(address, command)


def end(address: Address, command: str) -> dict[str, Any]:
    """Audit all that is there, and return what must not depend on crashes."""
    check_clean(address)
    return what_ended(address, command)


def what_ended(address: Address, command: str) -> dict[str, Any]:
    """Return what must not depend on crashes.

    Two saves of one fit may differ in their bytes; that models are the same is seen from their predictions.
    How long a model takes to predict is measured anew.
    """
    world = real_world(address)
    found = end_of(world)
    unlike = [path for path in found["objects"] if path.startswith(names.MODEL)]
    found["objects"] |= dict.fromkeys(unlike, "")
    if names.PAIRED in found["objects"]:
        paired = json.loads(world.lake.read(names.MAIN, names.PAIRED))
        paired.pop("footprint", None)
        found["objects"][names.PAIRED] = sha256(document(paired))
    return found | {"command": command}


def check_clean(address: Address, spec: PipelineSpec | None = None) -> None:
    """Raise `AssertionError` unless an audit that scores all models again finds nothing."""
    from mlops.steps.audit.proofs import FrameProver

    workspace = workspace_of(address, spec=spec)
    checks.check_clean(workspace.ports, FrameProver(workspace), rescore=True)


def finish(address: Address, run: Run) -> Promotion:
    """Bring a run to its end whose process has ended after deciding."""
    from mlops.steps.rollback import restore

    return restore.promote(workspace_of(address), run.run_id)


def promoter(address: Address, turnstile: Turnstile, shrinkage: float) -> tuple[Promotion, int]:
    """Race: do all steps up to the decision, wait for the others, promote; count scorings since then."""
    from mlops.steps import run as running
    from mlops.steps.evaluation import judge

    workspace = workspace_of(address, turnstile, clock=TurnstileClock(turnstile))
    run = running.open_(workspace, workspace.spec.parameters({"shrinkage": shrinkage}))
    run = running.evaluate(workspace, run)
    turnstile.barrier()
    with mock.patch.object(judge, "score", wraps=judge.score) as scored:
        return running.promote(workspace, run), scored.call_count


def deliverer(address: Address, turnstile: Turnstile, arrival: str) -> dict[str, Any]:
    """Race: bring a month once all have decided."""
    turnstile.barrier()
    return deliver(workspace_of(address, turnstile, clock=TurnstileClock(turnstile)), arrival)

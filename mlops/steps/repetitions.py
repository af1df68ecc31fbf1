"""Find the id under which a completed run is repeated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops.runs import names
from mlops.runs.main.recorded_runs import Recorded
from mlops.runs.main.state import read_main
from mlops.runs.promotion.attempts import ended_run
from mlops.steps.run_inputs import inputs_of

if TYPE_CHECKING:
    from mlops.steps.workspace import Workspace


def next_repetition(workspace: Workspace, params: Any) -> int:
    """Return the number of the first repetition of these inputs that is not completed.

    0 is the first run itself. The inputs are the raw data on `main` and these model parameters.
    """
    state = read_main(workspace.lake)
    inputs = inputs_of(workspace.spec, workspace.lake, state.head, params)
    digest = inputs.in_mode(workspace.ports.mode).digest
    recorded, count = Recorded(workspace.lake, state), 0
    while state.is_revoked(run_id := names.run_id(digest, count)) or ended_run(recorded, run_id):
        count += 1
    return count

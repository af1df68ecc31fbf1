"""Check code and packages before anything runs in mode production."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops.pipelines.registry import code_of, outside_code_of
from mlops.pipelines.registry.packages import CodePackage
from mlops.runs.errors import ConfigError
from mlops.runs.inputs import Mode
from mlops.steps.production.committed import check_committed
from mlops.steps.production.locked import check_locked
from mlops.steps.run_inputs import PACKAGE, code_digest, lock_digest

if TYPE_CHECKING:
    from mlops.runs.records import Run
    from mlops.steps.workspace import Workspace


def check_environment(workspace: Workspace) -> None:
    """Check that what would run is committed and locked; in other modes nothing is checked.

    Raises:
        ConfigError: The mode is production, and code is not committed or packages are not those of the lock.
    """
    if workspace.ports.mode is not Mode.PRODUCTION:
        return
    outside = outside_code_of(workspace.spec)
    for code in filter(None, (CodePackage(PACKAGE.name, PACKAGE), outside)):
        check_committed(code.path)
    if workspace.lock_file is not None:
        own = code_of(workspace.spec).version.partition(" ")[0]
        check_locked(workspace.lock_file, {PACKAGE.name, own} - {""})


def check_made_by_this(workspace: Workspace, run: Run) -> None:
    """Check that a run was made by the code and packages that are in use, where the mode is production.

    Raises:
        ConfigError: It was made by others, which may never have been committed.
    """
    if workspace.ports.mode is not Mode.PRODUCTION:
        return
    here = (code_digest(workspace.spec), lock_digest(workspace.spec))
    if here != (run.inputs.code_digest, run.inputs.lock_digest):
        raise ConfigError(
            "mode production promotes only what the committed code has made, and the run was made by other "
            "code or packages",
            where=run.run_id,
            todo="check out the commit that it was made from, or start a new run",
        )

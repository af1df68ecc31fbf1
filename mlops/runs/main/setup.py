"""Set-up of a repository: the gate configuration is on `main` from the first commit on, and is active."""

from __future__ import annotations

from collections.abc import Mapping

from mlops.runs import names
from mlops.runs.digest import sha256
from mlops.runs.errors import ConfigError, MainMoved, NotFound, Unlawful
from mlops.runs.main.merge import Proposal, merge_into_main
from mlops.runs.main.protection import protect_main
from mlops.runs.main.state import read_main
from mlops.runs.ports import Lake, Ports
from mlops.runs.records import Kind


def set_up(ports: Ports, files: Mapping[str, bytes]) -> bool:
    """Commit the gate configuration to an empty `main`, prove that the enforcer is active, protect `main`.

    Args:
        ports: Dependencies.
        files: Path (below ``gate/`` or ``_lakefs_actions/``) to content.

    Returns:
        Whether anything was committed. In an existing repository only the proof and the protection are
        repeated.

    Raises:
        ConfigError: The server does not run actions, so nothing would be enforced.
    """
    done = False
    if not is_set_up(ports.lake):
        _merge_gate(ports, files)
        done = True
    prove_enforcer(ports)
    return protect_main(ports.lake) or done


def is_set_up(lake: Lake) -> bool:
    """Return whether the enforcer is on `main`."""
    try:
        lake.stat(lake.head(names.MAIN), names.ENFORCER)
    except NotFound:
        return False
    return True


def _merge_gate(ports: Ports, files: Mapping[str, bytes]) -> None:
    lake, branch, state = ports.lake, names.setup_branch(ports.nonce()), read_main(ports.lake)
    lake.create_branch(branch, state.head)
    for path, data in files.items():
        lake.write(branch, path, data)
    source = lake.commit(branch, "Bring the gate and the enforcer", {"kind": "setup-source"})
    digests = {path: sha256(data) for path, data in files.items()}
    proposal = Proposal(Kind.SETUP, source, "Set the repository up: gate, suites, enforcer", digests)
    try:
        merge_into_main(ports, state, proposal)
    except MainMoved:
        if not is_set_up(lake):
            raise
    lake.delete_branch(branch)


def prove_enforcer(ports: Ports) -> None:
    """Prove that the enforcer is active: it must refuse a merge without metadata.

    Raises:
        ConfigError: It was not refused; `main` is reset to the commit before.
    """
    lake, branch = ports.lake, names.setup_branch(ports.nonce())
    head = lake.head(names.MAIN)
    lake.create_branch(branch, head)
    lake.write(branch, f"{names.GATE}probe", b"a merge that nobody may make\n")
    source = lake.commit(branch, "Probe the enforcer", {"kind": "setup-probe"})
    try:
        lake.merge(source, names.MAIN, "Probe the enforcer", {})
    except Unlawful:
        return
    finally:
        lake.delete_branch(branch)
    lake.hard_reset(names.MAIN, head)
    raise ConfigError(
        "the server ran no action on a merge into main, so nothing would be enforced",
        where=lake.endpoint,
        todo="enable actions on the lakeFS server (actions.enabled: true)",
    )

"""Changes of the gate configuration: the one way to change ``gate/`` and the enforcer on `main`."""

from __future__ import annotations

from collections.abc import Mapping

from mlops.runs import names
from mlops.runs.digest import sha256
from mlops.runs.errors import Conflict, Frozen, InputError, MainMoved
from mlops.runs.main.merge import Proposal, merge_into_main
from mlops.runs.main.state import read_main, read_optional
from mlops.runs.ports import Lake, Ports
from mlops.runs.records import Kind, lawful


def apply_policy(
    ports: Ports, files: Mapping[str, bytes], reason: str, *, rounds: int = 20
) -> tuple[str, tuple[str, ...]]:
    """Commit files below ``gate/`` and ``_lakefs_actions/`` to `main` as one commit of kind `policy`.

    Args:
        ports: Dependencies.
        files: Path to content; files that `main` holds with this content already are left out.
        reason: The reason, kept in the commit; not empty.
        rounds: How often a moved `main` is tried again.

    Returns:
        The commit of `main`, and the paths that changed; no commit and no paths where nothing differs.

    Raises:
        InputError: A path is not part of the gate configuration, or there is no reason.
        Frozen: A rollback is under way.
        MainMoved: `main` moved in every round.
    """
    foreign = [path for path in files if not lawful(Kind.POLICY, path)]
    if foreign or not reason.strip():
        raise InputError(
            f"{foreign[0]} is not below gate/ or _lakefs_actions/" if foreign else "a reason is needed"
        )
    for _ in range(rounds):
        state = read_main(ports.lake)
        if state.rollback is not None:
            raise Frozen("a rollback is under way", where=names.MAIN, todo="run `mlops reconcile` first")
        changed = differing_files(ports.lake, state.head, files)
        if not changed:
            return "", ()
        branch = names.policy_branch(ports.nonce())
        ports.lake.create_branch(branch, state.head)
        for path in changed:
            ports.lake.write(branch, path, files[path])
        source = ports.lake.commit(branch, f"Propose {', '.join(changed)}"[:500], {"kind": "policy-source"})
        digests = {path: sha256(files[path]) for path in changed}
        message, metadata = f"Change the gate: {reason}"[:500], {"reason": reason[:1000]}
        try:
            merged = merge_into_main(ports, state, Proposal(Kind.POLICY, source, message, digests, metadata))
        except (MainMoved, Conflict):
            continue
        finally:
            ports.lake.delete_branch(branch)
        return merged, changed
    raise MainMoved(
        f"main moved in each of {rounds} rounds", where=names.MAIN, todo="run the same command again"
    )


def differing_files(lake: Lake, ref: str, files: Mapping[str, bytes]) -> tuple[str, ...]:
    """Return the paths of these files whose content at a commit is another one, or missing."""
    return tuple(path for path, data in files.items() if read_optional(lake, ref, path) != data)

"""Merges into `main` by hand: by somebody with a key who knows the checks of the server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from mlops.runs import names
from mlops.runs.digest import document
from mlops.runs.main.state import MainState, read_main
from mlops.runs.promotion.decision import Decided, current
from mlops.runs.promotion.sealing import records
from mlops.runs.records import Champion, Kind

if TYPE_CHECKING:
    from mlops.adapters.lake.lake import LakeFSLake
    from mlops.runs.ports import Lake, Ports
    from mlops.runs.records import Run

Edit = Callable[["Lake", str], None]


def unchanged(_lake: Lake, _branch: str) -> None:
    """Add nothing to a branch."""


def champion_record(lake: Lake, state: MainState, decided: Decided) -> Champion:
    """Return the ``champion.json`` of a decided run that replaces the champion of ``state``."""
    run, decision = decided.run, decided.decision
    return Champion(
        number=state.next_number,
        run_id=run.run_id,
        attempt=run.attempt,
        evidence_commit=decided.evidence_commit,
        compared_to=state.compared_to,
        inputs_digest=run.inputs.digest,
        trained_until=decision.trained_until,
        raw_commit=run.fork,
        objects=records(lake, decided.evidence_commit, names.OUTPUTS),
        metrics=decision.metrics,
        restores=run.restores,
    )


def promotion_metadata(state: MainState, champion: Champion) -> dict[str, str]:
    """Return the metadata of the merge of a promotion."""
    return {
        "kind": str(Kind.PROMOTION),
        "expected_head": state.head,
        "run_id": champion.run_id,
        "evidence_commit": champion.evidence_commit,
        "number": str(champion.number),
    }


def promote_by_hand(ports: Ports, run: Run, edit: Edit = unchanged) -> str:
    """Rebase a decided run onto `main`'s head and merge it, without the checks of our commands.

    Args:
        ports: Dependencies.
        run: The run; its decision is taken as it is.
        edit: Changes something more on the branch that is merged.

    Returns:
        The commit of `main`.
    """
    lake, state = ports.lake, read_main(ports.lake)
    champion = champion_record(lake, state, current(ports, run))
    branch = names.promote_branch(run.run_id, ports.nonce())
    lake.create_branch(branch, state.head)
    outputs = {record.path for record in champion.objects}
    stale = {stat.path for prefix in names.OUTPUTS for stat in lake.list(state.head, prefix)}
    lake.remove(branch, sorted(stale - outputs))
    for path in sorted(outputs):
        lake.copy(branch, path, champion.evidence_commit, path)
    lake.write(branch, names.CHAMPION, document(champion.to_json()))
    edit(lake, branch)
    source = lake.commit(branch, f"Rebase run {run.run_id} onto main by hand", {})
    return lake.merge(source, names.MAIN, "Promote by hand", promotion_metadata(state, champion))


def fork_with(lake: Lake, branch: str, fork: str, files: Mapping[str, bytes]) -> str:
    """Return a commit of a new branch that adds files to a commit."""
    lake.create_branch(branch, fork)
    for path, data in files.items():
        lake.write(branch, path, data)
    return lake.commit(branch, f"Work on {branch}", {})


def ingest_metadata(lake: Lake, arrival: str) -> dict[str, str]:
    """Return the metadata of the merge of an arrival onto `main`'s current head."""
    return {"kind": str(Kind.INGEST), "expected_head": lake.head(names.MAIN), "arrival": arrival}


def merge_with_strategy(lake: LakeFSLake, source: str, metadata: Mapping[str, str], strategy: str) -> str:
    """Merge a commit into `main` with a strategy, which our port does not offer; return the merge's id."""
    from lakefs_sdk.models.merge import Merge

    merge = Merge(message="Merge by hand", metadata=dict(metadata), squash_merge=True, strategy=strategy)
    with lake.connection.calls(names.MAIN):
        refs = lake.connection.api.refs_api
        return refs.merge_into_branch(lake.repository, source, names.MAIN, merge).reference

"""The commit that a promotion merges: the run's own, sealed with its record, or its outputs on a new head."""

from __future__ import annotations

from collections.abc import Sequence

from mlops.runs import names
from mlops.runs.digest import document, sha256
from mlops.runs.main.state import MainState
from mlops.runs.ports import Lake, Ports
from mlops.runs.promotion.attempts import carried, finish_step
from mlops.runs.promotion.decision import Decided
from mlops.runs.promotion.step_statements import Written
from mlops.runs.records import Champion, ObjectRecord, Run, Step


def records(lake: Lake, commit: str, prefixes: Sequence[str]) -> tuple[ObjectRecord, ...]:
    """Return size, checksum and SHA-256 of every object of a commit below the prefixes, ascending by path."""
    stats = [stat for prefix in prefixes for stat in lake.list(commit, prefix)]
    return tuple(
        ObjectRecord(s.path, s.size_bytes, s.checksum, lake.sha256(commit, s.path))
        for s in sorted(stats, key=lambda s: s.path)
    )


def seal(ports: Ports, run: Run, champion: Champion, decided: Decided) -> Run:
    """Commit ``champion.json`` to the run's branch and return the run."""
    data = document(champion.to_json())
    ports.lake.write(run.branch, names.CHAMPION, data)
    extra = {**carried(ports.lake, run), "evidence_commit": decided.evidence_commit}
    message, written = (
        f"Seal run {run.run_id} as number {champion.number}",
        Written({names.CHAMPION: sha256(data)}),
    )
    return finish_step(ports, run, Step.SEALED, message, extra, written=written)


def lay_on(ports: Ports, state: MainState, champion: Champion, decided: Decided) -> str:
    """Rebase: return a commit on a separate branch with `main`'s head and the run's outputs."""
    lake, branch = ports.lake, names.promote_branch(champion.run_id, ports.nonce())
    lake.create_branch(branch, state.head)
    outputs = {record.path for record in champion.objects}
    before = {stat.path for prefix in names.OUTPUTS for stat in lake.list(state.head, prefix)}
    lake.remove(branch, sorted(before - outputs))
    for path in sorted(outputs):
        lake.copy(branch, path, decided.evidence_commit, path)
    lake.write(branch, names.CHAMPION, document(champion.to_json()))
    metadata = {"kind": "promote", "run_id": champion.run_id, "evidence_commit": champion.evidence_commit}
    return lake.commit(branch, f"Rebase run {champion.run_id} onto {state.head[:12]}", metadata)

"""``run`` and ``gate``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.cli.output.results import REFUSED, Result
from mlops.cli.output.text import short
from mlops.cli.output.verdicts import document_of, lines_of
from mlops.cli.session import Session
from mlops.runs import json_values, names
from mlops.runs.errors import ConfigError, Corrupt, InputError, system_reason

if TYPE_CHECKING:
    from mlops.runs.evidence import Decision, Policy
    from mlops.runs.ports import Lake
    from mlops.runs.promotion.promote import Promotion
    from mlops.steps.workspace import Workspace


def run(session: Session, pipeline: str, given: Sequence[str], *, again: bool, take_over: bool) -> Result:
    """Execute a run and show its verdict; one that goes on from where it stopped ends the same."""
    params = _parameters(given)
    workspace = session.workspace(pipeline)
    typed = workspace.spec.parameters(params)
    session.tell("loading libraries")
    executed = session.outside.execute_run(
        workspace,
        params,
        state_dir=session.settings.state_dir,
        again=_repetition(workspace, typed) if again else 0,
        take_over=take_over,
    )
    return ended_result(workspace, executed.promotion, executed.dagster_run_id)


def _repetition(workspace: Workspace, params: Any) -> int:
    """Return the number of the first repetition of these inputs that is not over."""
    from mlops.runs.main.recorded_runs import Recorded
    from mlops.runs.main.state import read_main
    from mlops.runs.promotion.attempts import ended_run
    from mlops.steps.run_inputs import inputs_of

    state = read_main(workspace.lake)
    digest = inputs_of(workspace.spec, workspace.lake, state.head, params).digest
    recorded, count = Recorded(workspace.lake, state), 0
    while state.is_revoked(run_id := names.run_id(digest, count)) or ended_run(recorded, run_id):
        count += 1
    return count


def _parameters(given: Sequence[str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for text in given:
        name, separator, value = text.partition("=")
        if not separator or not name:
            raise ConfigError("not of the form NAME=VALUE", where=repr(text), todo="e.g. --param max_depth=6")
        if name in values:
            raise ConfigError("the parameter is given twice", where=name, todo="give it once")
        try:
            values[name] = json_values.parse(value)
        except ValueError:
            values[name] = value
    return values


def ended_result(workspace: Workspace, ended: Promotion, dagster_run_id: str = "") -> Result:
    """Return how a run ended, with its verdict and the pages that show it."""
    decision, promoted = ended.decision, bool(ended.merge_commit)
    links = workspace.links
    before = decision.compared_to.commit or names.MAIN
    pages = {
        "compare": links.compare(before, ended.merge_commit or ended.evidence_commit),
        "report": links.report(ended.evidence_commit),
        "model": links.mlflow_model(workspace.lake.repository) if promoted else "",
        "dagster": links.dagster_run(dagster_run_id) if dagster_run_id else "",
    }
    document = {
        "pipeline": workspace.spec.name,
        "run_id": ended.run.run_id,
        "branch": ended.run.branch,
        "promoted": promoted,
        "number": ended.number or None,
        "merge_commit": ended.merge_commit or None,
        "evidence_commit": ended.evidence_commit,
        "compared_to": decision.compared_to.number or None,
        "decided_again": ended.decided_again,
        "metrics": dict(decision.metrics),
        "unit": workspace.spec.unit,
        "verdict": document_of(decision.verdict),
        "links": {name: address for name, address in pages.items() if address},
    }
    return Result(document, _lines(document, ended), 0 if promoted else REFUSED)


def _lines(document: dict[str, Any], ended: Promotion) -> list[str]:
    if ended.merge_commit:
        head = f"run {ended.run.run_id} is promotion {ended.number} ({short(ended.merge_commit)})"
    else:
        head = f"run {ended.run.run_id} was refused; its evidence is at {short(ended.evidence_commit)}"
    links = [f"{name}: {url}" for name, url in document["links"].items()]
    return [head, *lines_of(ended.decision.verdict), *links]


def gate(session: Session, pipeline: str, run_id: str, policy_file: Path | None) -> Result:
    """Show what a policy says about evidence on record; nothing is written."""
    from mlops.runs.evidence import Decision
    from mlops.runs.gate.verdict import decide
    from mlops.runs.main.state import read_json
    from mlops.runs.promotion.lookup import evidence_of

    given = _read(policy_file) if policy_file is not None else None
    policy = _policy(given, policy_file) if given is not None else None
    workspace = session.workspace(pipeline)
    evidence = evidence_of(workspace.lake, run_id)
    decision = Decision.from_json(read_json(workspace.lake, evidence, names.DECISION))
    paired = _paired(workspace.lake, evidence, decision)
    policy = policy or _policy(workspace.lake.read(workspace.lake.head(names.MAIN), names.POLICY), None)
    verdict = decide(paired, policy, look=decision.verdict.look, what_if=True)
    document = {
        "pipeline": pipeline,
        "run_id": run_id,
        "evidence_commit": evidence,
        "policy": str(policy_file) if policy_file else names.POLICY,
        "verdict": document_of(verdict),
        "on_record": str(decision.verdict.outcome),
    }
    recorded = f"on record: {decision.verdict.outcome}; nothing is promoted"
    head = f"what if: {verdict.outcome} run {run_id} ({recorded})"
    return Result(document, [head, *lines_of(verdict)])


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        why = system_reason(error)
        raise InputError(f"cannot be read: {why}", where=str(file), todo="check --policy") from error


def _policy(data: bytes, file: Path | None) -> Policy:
    from mlops.adapters.policy.files import parse_policy

    return parse_policy(data, name=str(file) if file else names.POLICY)


def _paired(lake: Lake, evidence: str, decision: Decision) -> Any:
    from mlops.runs.digest import sha256
    from mlops.runs.evidence import Paired
    from mlops.runs.main.state import parse_json

    data = lake.read(evidence, names.PAIRED)
    if sha256(data) != decision.paired_sha256:
        raise Corrupt("not the losses that the decision names", where=f"{short(evidence)}:{names.PAIRED}")
    return Paired.from_json(parse_json(data, names.PAIRED))

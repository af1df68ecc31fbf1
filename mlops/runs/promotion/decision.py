"""Decisions: scores become evidence, evidence a verdict, and the verdict a permanent record.

The k-th evaluation on a holdout spends its share of the error level, so its number is claimed by creating
its tag, in which only one run can succeed. Until the tag exists the decision does not count; a run that
loses the claim decides again, at the level of the next evaluation.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from mlops.runs import names
from mlops.runs.decisions import Decision, Finding, Outcome, Policy, Reason, Verdict
from mlops.runs.digest import document, sha256
from mlops.runs.errors import Conflict, ProtocolMisuse, bounded
from mlops.runs.evidence import Paired
from mlops.runs.gate import verdict as gate
from mlops.runs.gate import wording
from mlops.runs.gate.budget import is_low, warning
from mlops.runs.gate.holdouts import HOLDOUT_KEY, evaluations
from mlops.runs.gate.rules import Rules, rules_in_force
from mlops.runs.inputs import Mode
from mlops.runs.json_values import nulled
from mlops.runs.main.state import MainState, parse_json, read_json, read_main, read_optional
from mlops.runs.ports import Commit, Evaluation, Judge, Lake, Ports
from mlops.runs.promotion.attempts import finish_step, promotion_of
from mlops.runs.promotion.modes import check_same_mode, judged_in_mode
from mlops.runs.promotion.step_statements import Written
from mlops.runs.records import Champion, Run, Step

#: Other runs may claim the same look first; each loss means that one of them got on.
_CLAIM_ROUNDS = 50


@dataclass(frozen=True)
class Decided:
    """A decision on record.

    Attributes:
        run: The run; its head is the evidence commit or follows it.
        evidence_commit: The commit that holds the decision and all it was computed from.
        decision: The decision.
        landed: Whether an attempt of the run is already merged into `main`.
    """

    run: Run
    evidence_commit: str
    decision: Decision
    landed: bool = False


def current(ports: Ports, run: Run) -> Decided:
    """Return the decision that is on record at the run's head.

    Raises:
        ProtocolMisuse: The run has not been decided.
    """
    if not run.reached(Step.DECIDED):
        raise ProtocolMisuse("not decided yet", where=run.branch)
    metadata = ports.lake.commit_of(run.head).metadata
    evidence = metadata.get("evidence_commit") or run.head
    decision = Decision.from_json(read_json(ports.lake, evidence, names.DECISION))
    return Decided(run, evidence, decision)


def promoted_by(lake: Lake, run: Run, merge: Commit) -> Decided:
    """Return the decision of the promotion in a commit of `main`; another attempt may have made it."""
    decision = Decision.from_json(read_json(lake, merge.id, names.DECISION))
    return Decided(run, merge.metadata["evidence_commit"], decision, landed=True)


def decide(ports: Ports, judge: Judge, run: Run, *, replace_unscorable: str = "") -> Decided:
    """Compare a trained run with the current champion and record the decision.

    Afterwards the evidence is a commit of the run's branch, tagged ``decision-<holdout>-<k>``. A decision
    that was committed but not tagged when a process died is tagged now if its number is still free. A run
    that is on `main` by now (an earlier attempt may be merged late) is not compared with itself: the
    decision of its promotion is returned.

    Args:
        ports: Dependencies.
        judge: Scores the models.
        run: The run, trained at least; without a model, validated at least.
        replace_unscorable: Reason for replacing a champion that cannot be scored by a candidate that beats
            the baseline; without a reason such a champion blocks every candidate.

    Raises:
        PromotionOff: The run was made in mode dev and this is another one, or the other way round.
    """
    check_same_mode(ports, run)
    for _ in range(_CLAIM_ROUNDS):
        state = read_main(ports.lake)
        landed = promotion_of(ports.lake, state, run)
        if landed is not None:
            return promoted_by(ports.lake, run, landed)
        decided = _committed(ports, state, run, replace_unscorable) or _evaluate(
            ports, judge, state, run, replace_unscorable
        )
        if _claim(ports, decided):
            return decided
        run = decided.run
    raise ProtocolMisuse("other runs keep claiming the evaluations on this holdout", where=run.branch)


def _committed(ports: Ports, state: MainState, run: Run, replace_unscorable: str) -> Decided | None:
    """Return the decision at the run's head if it is still valid and its number is free or its own."""
    if not run.reached(Step.DECIDED):
        return None
    decided = current(ports, run)
    if not still_stands(ports, state, decided) or (replace_unscorable and is_unscorable(decided.decision)):
        return None
    tag = _tag(ports, decided)
    return decided if state.tags.get(tag, decided.evidence_commit) == decided.evidence_commit else None


def is_unscorable(decision: Decision) -> bool:
    """Return whether a decision refuses for the only reason that the champion cannot be scored."""
    return [f.reason for f in decision.verdict.findings] == [Reason.CHAMPION_UNSCORABLE]


def still_stands(ports: Ports, state: MainState, decided: Decided) -> bool:
    """Return whether a decision was made with champion, policy and rules that are on `main` now."""
    by_suites = any(f.reason is Reason.SUITES_HOLD for f in decided.decision.verdict.findings)
    decision, verdict = decided.decision, decided.decision.verdict
    return (
        decision.compared_to.champion_sha256 == state.champion_sha256
        and decision.policy_sha256 == sha256(ports.lake.read(state.head, names.POLICY))
        and (not verdict.intervals or verdict.interval == rules_in_force(ports.lake, state.head).interval)
        and not (by_suites and _suite_changed(ports.lake, state, decided.run))
    )


def _suite_changed(lake: Lake, state: MainState, run: Run) -> bool:
    """Return whether the suite that a run was validated by is not the one that is on `main` now."""
    then, now = (read_optional(lake, ref, names.PROCESSED_SUITE) for ref in (run.fork, state.head))
    return then != now


def _evaluate(ports: Ports, judge: Judge, state: MainState, run: Run, replace_unscorable: str) -> Decided:
    """Score, decide, and commit the evidence to the run's branch."""
    champion: tuple[str, Champion] | None = (state.head, state.champion) if state.champion else None
    evaluation = judge.evaluate(run, run.head, champion)
    evaluation = _judged_by(evaluation, rules_in_force(ports.lake, state.head))
    before = evaluations(ports, judge, state, evaluation.paired)
    look = before.next
    policy_bytes = ports.lake.read(state.head, names.POLICY)
    policy = judge.policy(policy_bytes)
    if is_low(look):
        ports.tell(warning(policy.alpha, look))
    replaced = replace_unscorable if evaluation.unscorable else ""
    verdict = (
        _barred(state, run, look)
        or _unscorable(evaluation, look, replaced)
        or _outdated(ports, state, run, policy, look)
        or gate.decide(evaluation.paired, policy, look=look)
    )
    verdict = judged_in_mode(run, verdict)
    paired_bytes = document(evaluation.paired.to_json())
    decision = Decision(
        run_id=run.run_id,
        inputs_digest=run.inputs.digest,
        compared_to=state.compared_to,
        paired_sha256=sha256(paired_bytes),
        predictions_sha256=sha256(evaluation.predictions) if evaluation.predictions else "",
        policy_sha256=sha256(policy_bytes),
        candidate_commit=run.head,
        trained_until=evaluation.paired.candidate_trained_until,
        verdict=verdict,
        decided_at_s=ports.clock.now_s(),
        metrics=evaluation.metrics,
        replace_unscorable=replaced,
        continues=before.continues,
    )
    objects = _write(ports, judge, run, decision, paired_bytes, evaluation)
    read = {**evaluation.read, names.POLICY: sha256(policy_bytes), names.CHAMPION: state.champion_sha256}
    tag = names.decision_tag(evaluation.paired.identity, look)
    extra = {
        "outcome": str(verdict.outcome),
        "reason": str(verdict.findings[0].reason),
        "decision_tag": tag,
        "compared_to": str(state.compared_to.number),
        **({HOLDOUT_KEY: evaluation.paired.holdout_id} if evaluation.paired.holdout_id else {}),
    }
    message = f"Decide on run {run.run_id}: {verdict.outcome}"
    run = finish_step(ports, run, Step.DECIDED, message, extra, written=Written(objects, read=read))
    return Decided(run, run.head, decision)


def _judged_by(evaluation: Evaluation, rules: Rules) -> Evaluation:
    """Return an evaluation whose evidence says by which rules it is judged."""
    paired = dataclasses.replace(evaluation.paired, interval=rules.interval)
    if not rules.by_identity:
        paired = dataclasses.replace(paired, holdout_id="")
    return dataclasses.replace(evaluation, paired=paired)


def _barred(state: MainState, run: Run, look: int) -> Verdict | None:
    """Return a refusal where the run is barred whatever its numbers are."""
    if state.is_revoked(run.run_id):
        finding = Finding(Reason.REVOKED, f"Run {run.run_id} was rolled back and cannot be promoted again.")
        return Verdict(Outcome.REFUSE, (finding,), look=look)
    if names.restored_tag(run.run_id) in state.tags:
        return None
    revoked = {tag.removeprefix("revoked-")[:12] for tag in state.tags if names.parse_revoked_tag(tag)}
    if run.inputs.in_mode(Mode.STANDARD).digest[:12] in revoked:
        sentence = "A run with the same inputs was rolled back; other data, code or parameters are needed."
        return Verdict(Outcome.REFUSE, (Finding(Reason.REPEATS_ROLLED_BACK, sentence),), look=look)
    return None


def _unscorable(evaluation: Evaluation, look: int, replaced: str) -> Verdict | None:
    """Return a refusal where the champion cannot be scored and no reason to replace it was given."""
    if not evaluation.unscorable or replaced:
        return None
    sentence = f"The champion cannot be scored, so nothing can be compared with it: {evaluation.unscorable}."
    return Verdict(Outcome.REFUSE, (Finding(Reason.CHAMPION_UNSCORABLE, bounded(sentence)),), look=look)


def _outdated(ports: Ports, state: MainState, run: Run, policy: Policy, look: int) -> Verdict | None:
    """Return a refusal of data without a model that another suite accepted than the one on `main` now."""
    if policy.has_model or not _suite_changed(ports.lake, state, run):
        return None
    return Verdict(Outcome.REFUSE, (Finding(Reason.GATE_CHANGED, wording.suite_changed()),), look=look)


def _write(
    ports: Ports, judge: Judge, run: Run, decision: Decision, paired: bytes, evaluation: Evaluation
) -> dict[str, str]:
    """Write the evidence to the run's branch; return path to SHA-256."""
    lake, branch = ports.lake, run.branch
    digests: dict[str, str] = {}
    if evaluation.holdout_source:
        lake.copy(branch, names.HOLDOUT, evaluation.holdout_source, names.HOLDOUT)
        digests[names.HOLDOUT] = lake.sha256(evaluation.holdout_source, names.HOLDOUT)
    files = {
        **({names.PREDICTIONS: evaluation.predictions} if evaluation.predictions else {}),
        names.PAIRED: paired,
        names.METRICS: document(nulled(dict(evaluation.metrics))),
        names.DECISION: document(decision.to_json()),
        **evaluation.details,
        names.RUN_PAGE: judge.page(run, decision, evaluation.details),
    }
    for path, data in files.items():
        lake.write(branch, path, data)
        digests[path] = sha256(data)
    return digests


def _tag(ports: Ports, decided: Decided) -> str:
    paired = Paired.from_json(
        parse_json(ports.lake.read(decided.evidence_commit, names.PAIRED), names.PAIRED)
    )
    return names.decision_tag(paired.identity, decided.decision.verdict.look)


def _claim(ports: Ports, decided: Decided) -> bool:
    """Create the decision's tag; return whether the tag names this decision."""
    tag = _tag(ports, decided)
    try:
        ports.lake.create_tag(tag, decided.evidence_commit)
    except Conflict:
        return ports.lake.tags(tag).get(tag) == decided.evidence_commit
    ports.tell(f"{tag}: {decided.decision.verdict.outcome}")
    return True

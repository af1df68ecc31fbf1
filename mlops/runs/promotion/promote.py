"""Promote a decided run: merge its outputs into `main`, on exactly the head that was checked.

Each round takes the head of `main`, checks everything against it and merges with that head as
``expected_head``; the enforcer refuses the merge if `main` has moved, and the next round starts from the new
head. Where the champion has changed in between, the run is decided again (never trained again) first.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from mlops.runs import names
from mlops.runs.approval import Approval, overrides
from mlops.runs.decisions import Decision, Policy, Reason
from mlops.runs.digest import document, sha256
from mlops.runs.errors import Conflict, Corrupt, Frozen, MainMoved, NotPromoted, OnHold, Unlawful
from mlops.runs.main.merge import Proposal, merge_into_main
from mlops.runs.main.state import MainState, Since, read_main, since
from mlops.runs.ports import Judge, Lake, Ports
from mlops.runs.promotion.attempts import check_not_fenced, promotion_of
from mlops.runs.promotion.decision import Decided, current, decide, promoted_by, still_stands
from mlops.runs.promotion.modes import check_promotable, check_promotes, check_same_mode
from mlops.runs.promotion.pull_requests import request_review
from mlops.runs.promotion.sealing import lay_on, records, seal
from mlops.runs.records import Champion, Kind, Run, Step


@dataclass(frozen=True)
class Promotion:
    """The result of an attempt to promote.

    Attributes:
        run: The run, with its head at its last commit.
        decision: The final decision.
        evidence_commit: The commit that holds it.
        merge_commit: The commit of `main`; empty where the gate refused.
        number: Its sequence number; 0 where the gate refused.
        decided_again: Number of further decisions because champion or policy changed.
        waiting: Whether it passed and waits for a person's approval.
        pull_request: Id of the lake's pull request for it; empty without one.
    """

    run: Run
    decision: Decision
    evidence_commit: str
    merge_commit: str = ""
    number: int = 0
    decided_again: int = 0
    waiting: bool = False
    pull_request: str = ""


def promote(
    ports: Ports,
    judge: Judge,
    run: Run,
    *,
    rounds: int = 20,
    replace_unscorable: str = "",
    approval: Approval | None = None,
) -> Promotion:
    """Merge a decided run into `main`, record its refusal, or open the request for its review.

    Args:
        ports: Dependencies.
        judge: Scores the models where another decision is needed.
        run: A run at step decided or sealed.
        rounds: How often a moved `main` is tried again.
        replace_unscorable: As in `mlops.runs.promotion.decision.decide`.
        approval: A person's approval; without it a policy that asks for review lets the run wait.

    Raises:
        NotPromoted: The run was rolled back or rejected.
        Frozen: A rollback is under way.
        OnHold: Promotions are stopped.
        Unlawful: The run's branch changes the gate configuration, or it forked from a dropped commit.
        MainMoved: `main` moved in every round.
        PromotionOff: The run was made in mode dev and this is another one, or the other way round.
    """
    check_same_mode(ports, run)
    decided, again = _on_record(ports, run), 0
    for _ in range(rounds):
        state = read_main(ports.lake)
        landed = promotion_of(ports.lake, state, run)
        if landed is not None:
            number = int(landed.metadata["number"])
            return _ended(promoted_by(ports.lake, run, landed), again, landed.id, number)
        refuse_barred(state, run)
        before, decided = decided, decide(ports, judge, decided.run, replace_unscorable=replace_unscorable)
        again += before.evidence_commit != decided.evidence_commit
        policy = judge.policy(ports.lake.read(state.head, names.POLICY))
        if not _admitted(policy, decided, approval):
            return _ended(decided, again)
        if decided.landed or not still_stands(ports, state, decided):
            continue  # another attempt has landed or the champion changed: all is checked against main anew
        passed = _check(ports, state, decided.run)
        if policy.asks_for_review and approval is None:
            return _waiting(ports, decided, again)
        try:
            source = _source(ports, state, passed, decided)
            decided = source.decided  # if main moves now, the run goes on from the commit that sealed it
            _merge(ports, state, source, approval)
        except (MainMoved, Conflict) as moved:
            ports.tell(f"main moved while run {run.run_id} was being promoted: {moved.what}")
        except Unlawful:
            # A rollback may have brought `main` back to the head that was checked, or be about to move it.
            if _same(state, read_main(ports.lake), run):
                raise
    raise MainMoved(
        f"main moved in each of {rounds} rounds", where=names.MAIN, todo="run the same command again"
    )


def _same(before: MainState, now: MainState, run: Run) -> bool:
    """Return whether no event since then affects the number of the promotion or bars it."""
    told = [(s.next_number, s.on_hold, s.is_revoked(run.run_id)) for s in (before, now)]
    return told[0] == told[1]


def _on_record(ports: Ports, run: Run) -> Decided:
    """Return the decision on the run; an earlier attempt may have made it."""
    if not run.reached(Step.DECIDED):
        state = read_main(ports.lake)
        landed = promotion_of(ports.lake, state, run)
        if landed is not None:
            return promoted_by(ports.lake, run, landed)
        refuse_barred(state, run)  # it landed and was rolled back
    return current(ports, run)


def _ended(decided: Decided, again: int, merge_commit: str = "", number: int = 0) -> Promotion:
    return Promotion(decided.run, decided.decision, decided.evidence_commit, merge_commit, number, again)


def _waiting(ports: Ports, decided: Decided, again: int) -> Promotion:
    """Return the result of a run that waits for review, with its pull request opened."""
    pull = request_review(ports, decided)
    return dataclasses.replace(_ended(decided, again), waiting=True, pull_request=pull)


def _admitted(policy: Policy, decided: Decided, approval: Approval | None) -> bool:
    """Return whether a decision promotes, or its refusal is overridden."""
    verdict = decided.decision.verdict
    return verdict.promotes or overrides(policy, verdict, approval)


def refuse_barred(state: MainState, run: Run) -> None:
    """Return if the run was neither rolled back nor rejected on review, else raise `NotPromoted`."""
    if names.rejected_tag(run.run_id) in state.tags:
        raise NotPromoted(
            f"run {run.run_id} was rejected on review",
            where=run.branch,
            todo=f"`mlops show {run.run_id}` tells why; change the data, the code or the parameters",
        )
    if state.is_revoked(run.run_id):
        raise NotPromoted(
            f"{Reason.REVOKED}: run {run.run_id} was rolled back",
            where=run.branch,
            todo="change the data, the code or the parameters",
        )


def check_open(state: MainState) -> None:
    """Check that `main` accepts promotions, else raise `Frozen` or `OnHold`."""
    if state.rollback is not None:
        raise Frozen("a rollback is under way", where=names.MAIN, todo="run `mlops reconcile` to finish it")
    if state.on_hold:
        raise OnHold(
            "promotions are on hold since a rollback", where=names.MAIN, todo="`mlops resume --reason …`"
        )


def _check(ports: Ports, state: MainState, run: Run) -> Since:
    """Return the commits of `main` since the fork, or raise the reason that bars this run."""
    check_promotes(ports)
    check_promotable(run)
    check_open(state)
    check_not_fenced(ports.lake, run)
    passed = since(ports.lake, state.head, run.fork)
    if not passed.reached:
        raise Unlawful(
            "it forked from a commit that a rollback dropped", where=run.branch, todo="start a new run"
        )
    for prefix in (names.GATE, names.ACTIONS):
        changed = ports.lake.diff(run.fork, run.head, prefix)
        if changed:
            raise Unlawful(
                f"the run changed {changed[0].path}, part of the gate configuration", where=run.branch
            )
    return passed


@dataclass(frozen=True)
class _Source:
    """The commit to merge: the outputs of a decided run, with a record for the head that was checked."""

    decided: Decided
    champion: Champion
    commit: str


def _source(ports: Ports, state: MainState, passed: Since, decided: Decided) -> _Source:
    """Return the commit to merge: the run's own if only raw data came since its fork, else a rebased one."""
    champion = _champion(ports.lake, state, decided)
    _check_recorded(decided, champion)
    if passed.only_arrivals:
        run = seal(ports, decided.run, champion, decided)
        return _Source(dataclasses.replace(decided, run=run), champion, run.head)
    return _Source(decided, champion, lay_on(ports, state, champion, decided))


def _merge(ports: Ports, state: MainState, source: _Source, approval: Approval | None) -> None:
    """Merge a promotion onto the head that was checked; returns only if it is on `main`."""
    champion = source.champion
    proposal = _proposal(ports.lake, state, champion, source.decided, source.commit)
    if approval is not None:
        if source.decided.decision.verdict.promotes:  # after it was compared again nothing is overridden
            approval = dataclasses.replace(approval, override=False)
        proposal = dataclasses.replace(
            proposal,
            metadata={**approval.metadata(), **proposal.metadata},
            facts={**proposal.facts, "approval": approval.facts()},
        )
    merged = merge_into_main(ports, state, proposal)
    ports.tell(f"main: promotion {champion.number} at {merged[:12]}")


def _proposal(lake: Lake, state: MainState, champion: Champion, decided: Decided, source: str) -> Proposal:
    """Return the change of a promotion: its objects replace those of the previous promotion."""
    brought = {record.path: record.sha256 for record in champion.objects}
    before = {record.path for record in state.champion.objects} if state.champion else set[str]()
    inputs = decided.run.inputs
    return Proposal(
        Kind.PROMOTION,
        source,
        f"Promote run {champion.run_id} as number {champion.number}",
        {**brought, names.CHAMPION: sha256(document(champion.to_json()))},
        {
            "run_id": champion.run_id,
            "evidence_commit": champion.evidence_commit,
            "number": str(champion.number),
            **_exceptions(lake, champion, decided.decision),
        },
        tuple(before - brought.keys()),
        {
            "decision_sha256": brought.get(names.DECISION, ""),
            "policy_sha256": decided.decision.policy_sha256,
            "inputs": {**inputs.to_json(), "digest": inputs.digest},
        },
    )


def _check_recorded(decided: Decided, champion: Champion) -> None:
    """Check that the promoted objects are those that the run's steps recorded, else raise `Corrupt`."""
    recorded = {p: d for p, d in decided.run.outputs.items() if p.startswith(names.OUTPUTS)}
    found = {record.path: record.sha256 for record in champion.objects}
    other = sorted(p for p in recorded.keys() | found.keys() if recorded.get(p) != found.get(p))
    if other:
        raise Corrupt(
            f"{other[0]} is not what the run's own steps recorded",
            where=f"{decided.run.branch} at {decided.evidence_commit[:12]}",
            todo="run the same command again: it continues from the last step that the record proves",
        )


def _exceptions(lake: Lake, champion: Champion, decision: Decision) -> dict[str, str]:
    """Return metadata about the explicit command behind a promotion, if there was one."""
    said: dict[str, str] = {}
    if champion.restores:
        asked = lake.commit_of(names.restored_tag(champion.run_id))
        said = {"restores": str(champion.restores), "reason": asked.metadata.get("reason", "")}
    if decision.replace_unscorable:
        said["replace_unscorable"] = decision.replace_unscorable
    return said


def _champion(lake: Lake, state: MainState, decided: Decided) -> Champion:
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

"""What actors do: the commands, made of the real functions of the core, and people who meddle."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from mlops.runs import names
from mlops.runs.arrivals.ingest import Delivery, ingest
from mlops.runs.decisions import Policy
from mlops.runs.digest import document, sha256
from mlops.runs.evidence import Paired
from mlops.runs.main.policy import apply_policy
from mlops.runs.main.state import read_main
from mlops.runs.ports import Evaluation, Lake, Ports
from mlops.runs.promotion.attempts import finish_step, is_over
from mlops.runs.promotion.decision import current, decide
from mlops.runs.promotion.opening import open_run
from mlops.runs.promotion.promote import Promotion, _champion, promote
from mlops.runs.promotion.step_statements import Written
from mlops.runs.records import Champion, Run, RunInputs, Step
from mlops.runs.rollback.rollback import resume, rollback
from mlops.runs.upkeep.reconcile import reconcile
from tests.model.program import Program, Segment
from tests.support.enforcer_promotion import read_policy
from tests.support.fakes import FakeJudge, inputs, paired
from tests.support.forging import Candidate, losses_of
from tests.support.protocol import World, passes

# Which tags make a difference to what somebody does; a test shows that showing all changes nothing.
_EVENTS = ("promotion-", "rolledback-", "settled-")


def _of_a_run(run: Run | None) -> tuple[str, ...]:
    if run is None:
        return ("revoked-", "restored-", "rejected-", "decision-")
    own = run.run_id[:12]
    return (f"revoked-{own}", f"restored-{own}", f"rejected-{own}", "decision-")


def _of_a_promotion(run: Run) -> tuple[str, ...]:
    return (*_EVENTS, *_of_a_run(run), "hold")


def _only(*prefixes: str) -> Callable[[Any], tuple[str, ...]]:
    return lambda _value: prefixes


_RECORD = frozenset({"tag rolledback-", "tag settled-", "tag promotion-", "tag revoked-", "tag hold"})
_DECISION = frozenset({"tag decision-"})
_CACHES = _RECORD | {"tag champion", "rules", "tracker", "main", "branch", "staged"}
#: Answers that a person gets who asks the lake for what it does not do.
_REFUSALS = frozenset({"Conflict", "LakeDenied", "LakeError", "MainMoved", "NotFound", "Unlawful"})
_SERVER = frozenset({"rules", "staged"})


@lru_cache(maxsize=256)
def _paired(candidate: float, champion: float | None) -> Paired:
    """Return the least evidence that the gate can decide on."""
    full = paired(candidate, champion)
    absolute = full.series[0]
    cut = {f: getattr(absolute, f)[:20] for f in ("clusters", "n", "candidate", "champion", "baseline")}
    return dataclasses.replace(full, rows=2000, series=(dataclasses.replace(absolute, **cut),))


class Judge(FakeJudge):
    """A judge whose models are numbers, with little evidence: it is read and written a thousand times."""

    def evaluate(self, run: Run, candidate: str, champion: tuple[str, Champion] | None) -> Evaluation:
        mine = float(self.lake.read(candidate, "model/mae"))
        theirs = float(self.lake.read(champion[0], "model/mae")) if champion else None
        return Evaluation(_paired(mine, theirs), f"{mine} {theirs}\n".encode(), {"candidate_mae": mine})

    def policy(self, data: bytes) -> Policy:
        return read_policy(data)


class Forged(Candidate):
    """A promotion that somebody is about to spoil."""

    def __init__(self, ports: Ports, judge: FakeJudge, run: Run) -> None:
        self.world = World(ports.lake, ports, judge)
        self.lake: Any = ports.lake
        decided, state = current(ports, run), read_main(ports.lake)
        self.run, self.branch, self.head = run, run.branch, state.head
        self.champion = json.loads(document(_champion(self.lake, state, decided).to_json()))
        self.decision = decided.decision.to_json()
        self.paired = losses_of(self.world, run.head)
        self.metadata = {
            "kind": "promotion",
            "expected_head": self.head,
            "run_id": run.run_id,
            "evidence_commit": decided.evidence_commit,
            "number": str(self.champion["number"]),
        }


def raw_at(lake: Lake, commit: str) -> str:
    """Return a digest of the raw data at a commit."""
    return names.RAW + " ".join(f"{s.path}={s.checksum[:6]}" for s in lake.list(commit, names.RAW))


def inputs_at(lake: Lake, commit: str, mae: float) -> RunInputs:
    """Return the inputs of the run whose model has this error, forked at a commit."""
    return inputs({"mae": mae}, raw_at(lake, commit))


def _train(mae: float) -> Callable[[Ports, FakeJudge, Any], Run]:
    def segment(ports: Ports, _judge: FakeJudge, _value: Any) -> Run:
        run = open_run(ports, lambda commit: inputs_at(ports.lake, commit, mae))
        if not run.reached(Step.TRAINED):
            objects = {
                names.TRAIN: b"train",
                names.HOLDOUT: b"holdout",
                f"{names.MODEL}mae": str(mae).encode(),
            }
            for path, data in objects.items():
                ports.lake.write(run.branch, path, data)
            written = Written({path: sha256(data) for path, data in objects.items()})
            run = finish_step(ports, run, Step.TRAINED, "Train", written=written)
        return run

    return segment


def _decide(ports: Ports, judge: FakeJudge, run: Run) -> Run:
    return run if run.reached(Step.DECIDED) else decide(ports, judge, run).run


def _promote(ports: Ports, judge: FakeJudge, run: Run) -> Promotion:
    decided = current(ports, run) if run.reached(Step.DECIDED) else None
    if decided and not decided.decision.verdict.promotes and is_over(ports.lake, read_main(ports.lake), run):
        return Promotion(run, decided.decision, decided.evidence_commit)
    return promote(ports, judge, run)


def _reconcile(ports: Ports, _judge: FakeJudge, value: Any) -> Any:
    reconcile(ports)
    return value


RECONCILE = Segment("reconcile", _reconcile, _CACHES, _only(""), _SERVER | {"tracker"})


def run(name: str, mae: float, *, caches: bool = False, torn: bool = True, **options: Any) -> Program:
    """Return a process that does a whole run whose model has a mean absolute error of ``mae``."""
    branch = frozenset({"branch"}) if options.get("shares") else frozenset[str]()
    segments = (
        Segment("train", _train(mae), branch, _of_a_run, torn=torn),
        Segment("decide", _decide, branch | _DECISION, _of_a_run, torn=torn),
        Segment("promote", _promote, branch | _DECISION | {"main"}, _of_a_promotion, torn=torn),
    )
    errors = frozenset({"NotPromoted", "Frozen", "OnHold", "Unlawful", "Fenced"})
    return Program(name, segments + (RECONCILE,) * caches, errors=errors, **options)


def arrive(
    name: str,
    arrival: str,
    data: bytes = b"rows",
    *,
    again: bool = False,
    dirty: bool = False,
    **options: Any,
) -> Program:
    """Return a process that ingests a delivery; ``dirty`` where something may be staged on `main`."""

    def segment(ports: Ports, _judge: FakeJudge, _value: Any) -> Any:
        return ingest(ports, Delivery(arrival, {"flights": data}, "model"), passes, again=again)

    own = Segment("ingest", segment, frozenset({"main"}), _only("rolledback-", "settled-"))
    errors = frozenset({"Frozen", "InputError", *["LakeError"] * dirty})
    return Program(name, (own,), explicit=again, errors=errors, **options)


def roll_back(
    name: str,
    to: int | None = None,
    *,
    forward: bool = False,
    first: bool = False,
    caches: bool = False,
    **options: Any,
) -> Program:
    """Return a process that rolls back; ``first`` finishes what was left undone, as the command does."""

    def segment(ports: Ports, _judge: FakeJudge, _value: Any) -> Any:
        return rollback(ports, "it was wrong", to, forward=forward)

    changes = _RECORD | {"main", "rules", "branch", "staged"}
    own = Segment("roll back", segment, changes, _only(*_EVENTS, "revoked-", "restored-", "hold"), _SERVER)
    segments = (RECONCILE,) * first + (own,) + (RECONCILE,) * caches
    return Program(name, segments, errors=frozenset({"InputError", "Frozen"}), **options)


def resuming(name: str, **options: Any) -> Program:
    """Return a process that lifts the hold."""

    def segment(ports: Ports, _judge: FakeJudge, _value: Any) -> Any:
        return resume(ports, "checked")

    own = Segment(
        "resume", segment, frozenset({"tag hold"}), _only("rolledback-", "settled-", "revoked-", "hold")
    )
    return Program(name, (own,), errors=frozenset({"Frozen"}), **options)


def rejecting(name: str, mae: float, **options: Any) -> Program:
    """Return a person who rejects the run of a model with this error, as far as the lake lets them."""

    def segment(ports: Ports, _judge: FakeJudge, _value: Any) -> Any:
        lake = ports.lake
        run_id = names.run_id(inputs_at(lake, lake.head(names.MAIN), mae).digest)
        return lake.create_tag(names.rejected_tag(run_id), lake.head(names.MAIN))

    own = Segment("reject", segment, frozenset({"tag rejected-"}), _only("rejected-"))
    return Program(name, (own,), errors=_REFUSALS, **options)


def reconciling(name: str, **options: Any) -> Program:
    """Return a process that brings in line what others left."""
    return Program(name, (RECONCILE,), **options)


def change_policy(name: str, text: bytes = b"metric: mae\nalpha: 0.04\n", **options: Any) -> Program:
    """Return a process that changes the policy."""

    def segment(ports: Ports, _judge: FakeJudge, _value: Any) -> Any:
        return apply_policy(ports, {names.POLICY: text}, "stricter")[1]

    own = Segment("policy", segment, frozenset({"main"}), _only("rolledback-", "settled-"))
    return Program(name, (own,), errors=frozenset({"Frozen"}), **options)


def forging(name: str, mae: float, spoil: Callable[[Forged], Any], **options: Any) -> Program:
    """Return a person who lets a run decide, spoils the promotion in some way, and merges it by hand."""

    def segment(ports: Ports, judge: FakeJudge, run: Run) -> Any:
        forged = Forged(ports, judge, run)
        spoil(forged)
        return forged.merge()

    segments = (
        Segment("train", _train(mae), frozenset(), _of_a_run),
        Segment("decide", _decide, _DECISION, _of_a_run),
        Segment("forge", segment, _DECISION | {"main"}, _of_a_promotion),
    )
    return Program(name, segments, errors=_REFUSALS, **options)


def by_hand(name: str, act: Callable[[Lake], Any], **options: Any) -> Program:
    """Return a person who calls the lake directly."""

    def segment(ports: Ports, _judge: FakeJudge, _value: Any) -> Any:
        return act(ports.lake)

    own = Segment("by hand", segment, _CACHES, _only(""), _SERVER)
    return Program(name, (own,), errors=_REFUSALS, **options)


def reset_to(number: int) -> Callable[[Lake], None]:
    """Return what resets `main` to a promotion: a person, or a call of long ago that arrives only now."""

    def act(lake: Lake) -> None:
        lake.hard_reset(names.MAIN, lake.tags("promotion-")[names.promotion_tag(number)])

    return act


def stage_on_main(lake: Lake) -> None:
    """Write to `main` itself: a person, while it is not protected."""
    lake.write(names.MAIN, "raw/stray", b"x")

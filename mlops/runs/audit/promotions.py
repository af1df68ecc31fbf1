"""Checks of a promotion: its record is complete, and its verdict follows from the evidence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mlops.runs import names
from mlops.runs.audit import data_alone, verdicts
from mlops.runs.audit.commits import BY_KIND, BY_POLICY, DELIVER_AGAIN, GO_BACK, shown
from mlops.runs.audit.findings import Check, Unprovable
from mlops.runs.audit.steps import StepChain
from mlops.runs.audit.subject import Depth, PromotionSubject, Prover
from mlops.runs.digest import sha256
from mlops.runs.errors import NotFound
from mlops.runs.json_values import nulled
from mlops.runs.main.state import champion_of, parse_json
from mlops.runs.promotion.attempts import run_of
from mlops.runs.records import ComparedTo, Kind, Step
from mlops.runs.statements import Trust


def _one_promotion(subject: PromotionSubject) -> Iterator[str]:
    champion, decision, meta = subject.champion, subject.decision, subject.meta
    for name, values in {
        "number": (str(champion.number), meta.get("number")),
        "run": (champion.run_id, meta.get("run_id"), decision.run_id),
        "evidence commit": (champion.evidence_commit, meta.get("evidence_commit")),
        "inputs": (champion.inputs_digest, decision.inputs_digest),
        "end of training": (champion.trained_until, decision.trained_until),
    }.items():
        if len(set(values)) > 1:
            texts = [str(value)[:12] for value in dict.fromkeys(values)]
            yield f"champion.json, decision.json and metadata name different {name}: {shown(texts)}"


def _metrics(subject: PromotionSubject) -> Iterator[str]:
    stated = nulled(dict(subject.decision.metrics))
    if nulled(dict(subject.champion.metrics)) != stated:
        yield "champion.json and decision.json have different metrics"
    if parse_json(subject.read(names.METRICS), names.METRICS) != stated:
        yield f"{names.METRICS} and decision.json have different metrics"


def _finished_run(subject: PromotionSubject) -> Iterator[str]:
    """Prove that the evidence commit is the decision of one run that finished all steps before."""
    champion = subject.champion
    run = run_of(subject.evidence)
    if run.step is not Step.DECIDED:
        yield f"its evidence commit is at step {run.step}, not decided"
    mine = (champion.run_id, champion.inputs_digest, champion.raw_commit)
    if mine != (run.run_id, run.inputs.digest, run.fork):
        yield f"its evidence commit belongs to run {run.run_id}, from {run.fork[:12]}"
    if run.inputs.is_dev:
        yield f"run {run.run_id} was made in mode dev, from which nothing is promoted"
    if run.attempt > champion.attempt:  # a later attempt goes on with what an earlier one decided
        yield f"its evidence commit is of attempt {run.attempt}, after the one that was promoted"


def _named_for_its_inputs(subject: PromotionSubject) -> Iterator[str]:
    if subject.champion.run_id[:12] != subject.champion.inputs_digest[:12]:
        yield f"run {subject.champion.run_id} has an id that does not match its inputs"


def _restored(subject: PromotionSubject) -> Iterator[str]:
    """Prove that restored outputs are those of the promotion that the record names."""
    champion, parts = subject.champion, names.parse_run_id(subject.champion.run_id)
    if bool(champion.restores) != bool(parts and parts.restored):
        restored = f"promotion {champion.restores}" if champion.restores else "nothing"
        yield f"the id of run {champion.run_id} does not match what it restores: {restored}"
    if not champion.restores:
        return
    if not subject.meta.get("reason", "").strip():
        yield f"it restores promotion {champion.restores} without a reason"
    tag = names.promotion_tag(champion.restores)
    try:
        old = champion_of(subject.lake.read(tag, names.CHAMPION), tag)
    except NotFound as error:
        raise Unprovable(f"{tag}, whose outputs it restores, is gone") from error
    kept = {
        o.path: o.sha256
        for o in old.objects
        if o.path.startswith(names.MODEL) or o.path in {names.TRAIN, names.ROWS}
    }
    now = {o.path: o.sha256 for o in champion.objects if o.path in kept or o.path.startswith(names.MODEL)}
    other = sorted(path for path in kept.keys() | now.keys() if kept.get(path) != now.get(path))
    if other:
        yield f"not what promotion {champion.restores} held: {shown(other)}"


def _fork_stands(subject: PromotionSubject) -> Iterator[str]:
    if subject.champion.raw_commit not in subject.before.lineage:
        yield f"its run forked from {subject.champion.raw_commit[:12]}, which had left the history of main"


def _replaces(subject: PromotionSubject) -> Iterator[str]:
    data, replaced = subject.before.champion, subject.replaced
    expected = ComparedTo(
        number=replaced.number if replaced else 0,
        run_id=replaced.run_id if replaced else "",
        champion_sha256=sha256(data) if data is not None else "",
    )
    for name, to in (
        (names.CHAMPION, subject.champion.compared_to),
        (names.DECISION, subject.decision.compared_to),
    ):
        if (to.number, to.run_id, to.champion_sha256) != (
            expected.number,
            expected.run_id,
            expected.champion_sha256,
        ):
            yield f"{name} says it replaces promotion {to.number}, but main held {expected.number or 'none'}"
    if subject.champion.compared_to.commit != subject.before.commit:
        yield "champion.json was made for another head of main"


def _objects(subject: PromotionSubject) -> Iterator[str]:
    """Prove that the objects are those listed in the record, byte for byte."""
    listed = {record.path: record for record in subject.champion.objects}
    if len(listed) != len(subject.champion.objects):
        yield "champion.json lists an object twice"
    if listed.keys() != subject.outputs.keys():
        yield f"champion.json lists other objects: {shown(sorted(listed.keys() ^ subject.outputs.keys()))}"
    other: list[str] = []
    for path in sorted(listed.keys() & subject.outputs.keys()):
        record, stat = listed[path], subject.outputs[path]
        same = (record.size_bytes, record.checksum) == (stat.size_bytes, stat.checksum)
        if not same or record.sha256 != subject.sha256(path):
            other.append(path)
    if other:
        yield f"not what was judged: {shown(other)}"
    size = sum(stat.size_bytes for path, stat in subject.outputs.items() if path.startswith(names.MODEL))
    if subject.paired.footprint and subject.paired.footprint.model_size_bytes != size:
        yield f"its model has {size:,} bytes, not as many as its evidence says"


def _decided_on(subject: PromotionSubject) -> Iterator[str]:
    decision = subject.decision
    if decision.paired_sha256 != subject.sha256(names.PAIRED):
        yield f"{names.PAIRED} is not what was decided on"
    predictions = names.PREDICTIONS in subject.outputs
    if decision.predictions_sha256 != (subject.sha256(names.PREDICTIONS) if predictions else ""):
        yield f"{names.PREDICTIONS} is not what was decided on"
    if subject.before.policy is None or decision.policy_sha256 != sha256(subject.before.policy):
        yield "it was decided by another policy than the one that was in force"


def _on_record(subject: PromotionSubject) -> Iterator[str]:
    """Prove that the promoted objects are those of the evidence commit, under its decision tag."""
    evidence = subject.evidence
    if subject.before.rules.by_identity and not subject.paired.holdout_id:
        yield "its evaluation was counted by the bytes of the holdout, not by what the holdout is"
    tag = names.decision_tag(subject.paired.identity, subject.decision.verdict.look)
    if evidence.metadata.get("decision_tag") != tag:
        yield f"its evidence commit is not the one of {tag}"
    other = [
        change.path
        for change in subject.lake.diff(evidence.id, subject.commit.id)
        if change.path.startswith(names.OUTPUTS)
    ]
    if other:
        yield f"not what the evidence commit holds: {shown(other)}"


def _same_champion(subject: PromotionSubject) -> Iterator[str]:
    paired, replaced = subject.paired, subject.replaced
    if replaced and not replaced.has_model and not subject.champion.has_model:
        return  # data alone: nothing is compared
    on_purpose = subject.decision.replace_unscorable.strip()
    if subject.meta.get("replace_unscorable", "") != subject.decision.replace_unscorable:
        yield "its reason for replacing a champion that cannot be scored is not that of the decision"
    if paired.has_champion != (replaced is not None) and not (replaced and on_purpose):
        yield "it was not compared with the champion that main held"
    if replaced and paired.has_champion and paired.champion_trained_until != replaced.trained_until:
        yield "the champion was trained until another time than the evidence says"


@dataclass(frozen=True)
class _Proofs:
    """The proofs that need the policy, tables or models; without a prover they are reported as not proved."""

    prover: Prover | None
    depth: Depth

    def verdict(self, subject: PromotionSubject) -> Iterator[str]:
        if self.prover is None or subject.before.policy is None:
            raise Unprovable("its verdict was not derived again")
        yield from verdicts.derived_again(self.prover.policy(subject.before.policy), subject)

    def approved(self, subject: PromotionSubject) -> Iterator[str]:
        if self.prover is not None and subject.before.policy is not None:  # else the verdict is not proved
            yield from verdicts.approved(self.prover.policy(subject.before.policy), subject)

    def model_or_data(self, subject: PromotionSubject) -> Iterator[str]:
        if self.prover is not None and subject.before.policy is not None:  # else the verdict is not proved
            yield from data_alone.model_or_data(self.prover.policy(subject.before.policy), subject)

    def same_kind(self, subject: PromotionSubject) -> Iterator[str]:
        if self.prover is not None:
            yield from data_alone.same_kind(self.prover.policy, subject)

    def paired(self, subject: PromotionSubject) -> Iterator[str]:
        if self.prover is None:
            raise Unprovable("its paired losses were not derived again from its predictions")
        yield from self.prover.paired(subject)

    def holdout(self, subject: PromotionSubject) -> Iterator[str]:
        if self.prover is None:
            raise Unprovable("its holdout rows were not selected again")
        yield from self.prover.holdout(subject)

    def scores(self, subject: PromotionSubject) -> Iterator[str]:
        if self.prover is not None and self.depth.rescore:
            yield from self.prover.rescore(subject)

    def rebuilt(self, subject: PromotionSubject) -> Iterator[str]:
        if self.prover is not None and self.depth.rebuild:
            yield from self.prover.rebuild(subject)

    def refitted(self, subject: PromotionSubject) -> Iterator[str]:
        if self.prover is not None and self.depth.refit:
            yield from self.prover.refit(subject)

    def ingest(self, subject: PromotionSubject) -> Iterator[str]:
        if self.prover is not None and self.depth.rebuild:
            yield from self.prover.ingest(subject)


def checks_by_kind(
    prover: Prover | None, depth: Depth, trust: Trust | None
) -> Mapping[Kind, tuple[Check, ...]]:
    """Return the checks of each kind of change; without a prover, those that need tables are not proved."""
    proofs = _Proofs(prover, depth)
    ingest = Check("I3", DELIVER_AGAIN, proofs.ingest)
    return {
        **BY_KIND,
        Kind.INGEST: (*BY_KIND[Kind.INGEST], ingest),
        Kind.POLICY: (*BY_KIND[Kind.POLICY], Check("I10", BY_POLICY, proofs.same_kind)),
        Kind.PROMOTION: _promotion_checks(proofs, StepChain(trust)),
    }


def _promotion_checks(proofs: _Proofs, steps: StepChain) -> tuple[Check, ...]:
    return (
        Check("I3", GO_BACK, _one_promotion),
        Check("I3", GO_BACK, _metrics),
        Check("I3", GO_BACK, _objects),
        Check("I3", GO_BACK, _finished_run),
        Check("I3", GO_BACK, steps),
        Check("I3", GO_BACK, proofs.model_or_data),
        Check("I3", GO_BACK, proofs.rebuilt),
        Check("I3", GO_BACK, proofs.refitted),
        Check("I6", GO_BACK, _replaces),
        Check("I7", GO_BACK, _named_for_its_inputs),
        Check("I7", GO_BACK, _restored),
        Check("I7", GO_BACK, _fork_stands),
        Check("I8", GO_BACK, _same_champion),
        Check("I8", GO_BACK, proofs.holdout),
        Check("I9", GO_BACK, _decided_on),
        Check("I9", GO_BACK, _on_record),
        Check("I9", GO_BACK, proofs.paired),
        Check("I9", GO_BACK, proofs.verdict),
        Check("I9", GO_BACK, proofs.scores),
        Check("I17", GO_BACK, proofs.approved),
    )

"""Audit of the steps behind a promotion: a signed chain from the fork to the decision, and what it wrote."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mlops.runs import names
from mlops.runs.audit.commits import shown
from mlops.runs.audit.findings import Unprovable
from mlops.runs.audit.subject import PromotionSubject
from mlops.runs.errors import NotFound
from mlops.runs.promotion.step_statements import Written, chain_of, written_by
from mlops.runs.records import Step
from mlops.runs.statements import Trust

#: Steps that every run takes before a decision, in this order; without a model nothing is trained.
_TAKEN = (Step.OPENED, Step.PROCESSED, Step.VALIDATED, Step.TRAINED, Step.DECIDED)


@dataclass(frozen=True)
class StepChain:
    """Check that the promoted objects are those that the signed steps of one run wrote.

    Attributes:
        trust: The keys of which one must have signed the steps of a promotion that is signed itself; None
            accepts unsigned statements.
    """

    trust: Trust | None

    def __call__(self, subject: PromotionSubject) -> Iterator[str]:
        """Yield what the signed steps of a promotion's run fail to prove."""
        if names.STATEMENT_KEY not in subject.evidence.metadata:
            if names.STATEMENT_KEY in subject.meta:
                yield "it is signed, but the steps of its run are not"
            return  # it was promoted by a version that signed nothing
        try:
            trust = self.trust if names.STATEMENT_KEY in subject.meta else None
            chain = chain_of(subject.lake, subject.evidence, trust)
        except NotFound as error:
            raise Unprovable("a commit of its run is gone") from error
        steps = [(commit.metadata.get("step", ""), written_by(sealed)) for commit, sealed in chain]
        yield from _taken([step for step, _ in steps], trained=subject.champion.has_model)
        yield from _own_run(subject, chain[-1][1].statement.predicate)
        yield from _objects(subject, [written for _, written in steps])
        yield from _materials(steps)


def _taken(steps: list[str], *, trained: bool) -> Iterator[str]:
    missing = [str(s) for s in _TAKEN if s not in steps and (trained or s is not Step.TRAINED)]
    if missing:
        yield f"its run never finished the step {shown(missing)}"
    order = [_TAKEN.index(Step(step)) for step in steps if step in {str(s) for s in _TAKEN}]
    if order != sorted(order):
        yield "the steps of its run are not in their order"


def _own_run(subject: PromotionSubject, said: Mapping[str, object]) -> Iterator[str]:
    champion = subject.champion
    for name, one, other in (
        ("run", said.get("run_id"), champion.run_id),
        ("fork", said.get("fork"), champion.raw_commit),
        ("decision tag", said.get("decision_tag"), subject.evidence.metadata.get("decision_tag")),
    ):
        if one != other:
            yield f"the signed steps are of another {name}"


def _objects(subject: PromotionSubject, steps: list[Written]) -> Iterator[str]:
    written: dict[str, str] = {}
    for step in steps:
        written = {path: digest for path, digest in written.items() if path not in step.removed}
        # A run that was sealed and overtaken has an old record, which the promotion's own replaces.
        written |= {path: digest for path, digest in step.objects.items() if path.startswith(names.OUTPUTS)}
    recorded = {record.path: record.sha256 for record in subject.champion.objects}
    other = sorted(p for p in written.keys() | recorded.keys() if written.get(p) != recorded.get(p))
    if other:
        yield f"not what the steps of its run wrote: {shown(other)}"


def _materials(steps: list[tuple[str, Written]]) -> Iterator[str]:
    """Yield objects that a step read although no step before it wrote them."""
    present: dict[str, str] = {}
    for step, written in steps:
        for path, digest in written.read.items():
            if path.startswith(names.OUTPUTS) and present.get(path) != digest:
                yield f"the step {step} read another {path} than the steps before it wrote"
        present |= written.objects

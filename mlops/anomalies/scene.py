"""The scratch repository of one play, and the ordinary operations on it, with one guard disabled or none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlops.anomalies.answers import of_finding
from mlops.anomalies.by_hand import Edit, promote_by_hand, unchanged
from mlops.anomalies.guards import Guard
from mlops.anomalies.model import Answer
from mlops.runs import names
from mlops.runs.main.state import read_json, read_main
from mlops.runs.promotion.decision import decide
from mlops.runs.promotion.promote import Promotion, promote
from mlops.runs.rollback.rollback import resume, rollback
from mlops.runs.upkeep.reconcile import reconcile
from mlops.steps import run as running
from mlops.steps.arrivals import ingest

if TYPE_CHECKING:
    from mlops.adapters.lake.lake import LakeFSLake
    from mlops.runs.ports import Judge, Ports
    from mlops.runs.records import Run
    from mlops.steps.workspace import Workspace

#: The arrivals of the stories, in order.
FIRST, SECOND, THIRD = "2020-02", "2020-03", "2020-04"

#: Parameters of models that get better: by more than chance, and by more than the policy asks.
POOR: Mapping[str, Any] = {"flatter": 0.3}
BETTER: Mapping[str, Any] = {"flatter": 0.2}
BEST: Mapping[str, Any] = {"flatter": 0.1}
WORST: Mapping[str, Any] = {"flatter": 0.5}

REASON = "for the gallery"


@dataclass(frozen=True)
class Scene:
    """One play.

    Attributes:
        workspace: The repository, with every guard of the commands on.
        guard: The guard that the anomaly is about.
        disabled: Whether it is disabled.
        ports: Dependencies of the manipulated commands: without the guard, if it belongs to the commands.
        judge: Judge of the manipulated commands: without the guard, if it belongs to the judge.
    """

    workspace: Workspace
    guard: Guard
    disabled: bool
    ports: Ports = field(init=False)
    judge: Judge = field(init=False)

    def __post_init__(self) -> None:
        from mlops.steps.evaluation.judge import CommittedJudge

        ports, judge = self.workspace.ports, CommittedJudge(self.workspace)
        object.__setattr__(self, "ports", self.guard.ports(ports) if self.disabled else ports)
        object.__setattr__(self, "judge", self.guard.judge(judge) if self.disabled else judge)

    @property
    def lake(self) -> LakeFSLake:
        """The scratch repository."""
        return self.workspace.lake

    @property
    def head(self) -> str:
        """The commit that `main` is at."""
        return self.lake.head(names.MAIN)

    def arrive(self, *arrivals: str) -> str:
        """Bring arrivals to `main`; return the head afterwards."""
        for arrival in arrivals:
            source, frames = ingest.from_source(self.workspace, arrival)
            ingest.deliver(self.workspace, arrival, source, frames)
        return self.head

    def opened(self, params: Mapping[str, Any]) -> Run:
        """Return a new run with these parameters."""
        return running.open_(self.workspace, self.workspace.spec.parameters(params))

    def trained(self, params: Mapping[str, Any]) -> Run:
        """Return a run whose model is fitted."""
        return running.train(self.workspace, self.opened(params))

    def decided(self, params: Mapping[str, Any]) -> Run:
        """Return a run that was honestly decided on."""
        return running.evaluate(self.workspace, self.opened(params))

    def promoted(self, params: Mapping[str, Any]) -> Promotion:
        """Return how a whole run ended, with every guard of the commands on."""
        return running.run_all(self.workspace, self.workspace.spec.parameters(params))

    def promoted_by(self, run: Run, *, judge: Judge | None = None, ports: Ports | None = None) -> Promotion:
        """Decide on a trained run and promote it, as the commands do, by somebody's own judge or outside."""
        judge, ports = judge or self.judge, ports or self.ports
        ended = promote(ports, judge, decide(ports, judge, run).run)
        self.settle()
        return ended

    def promoted_by_hand(self, run: Run, edit: Edit = unchanged) -> None:
        """Merge a decided run as no command of ours would; ``edit`` changes something more on its branch."""
        promote_by_hand(self.ports, run, edit)
        self.settle()

    def settle(self) -> None:
        """Let tags and tracker follow `main`, as whoever comes next lets them."""
        reconcile(self.workspace.ports)

    def roll_back(self, to: int, *, forward: bool = False) -> None:
        """Go back to a promotion, and let promotions go on afterwards."""
        self.settle()
        rollback(self.workspace.ports, REASON, to, forward=forward)
        self.settle()
        resume(self.workspace.ports, REASON)
        self.settle()

    def champion(self) -> dict[str, Any]:
        """Return the ``champion.json`` of `main`; empty where there is none."""
        state = read_main(self.lake)
        return read_json(self.lake, state.head, names.CHAMPION) if state.champion else {}

    def audited(self) -> tuple[Answer, ...]:
        """Return what an audit proves to be wrong; what the disabled guard asks for is left out."""
        from mlops.runs.audit.audit import Witness, audit
        from mlops.steps.audit.proofs import FrameProver

        ports, guard = self.workspace.ports, self.guard
        steps = audit(
            ports,
            FrameProver(self.workspace),
            ports.tracker if isinstance(ports.tracker, Witness) else None,
            depth=guard.depth(disabled=self.disabled),
        )
        found = [finding for step in steps for finding in step.findings if finding.proved]
        left_out = guard.invariant if self.disabled else ""
        return tuple(of_finding(finding) for finding in found if finding.invariant != left_out)

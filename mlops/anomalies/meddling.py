"""Judges and lakes with one falsified answer; everything else is delegated to the real ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterator
from typing import TYPE_CHECKING, Any, cast

from mlops.runs import json_values, names
from mlops.runs.decisions import Outcome
from mlops.runs.digest import document

if TYPE_CHECKING:
    from mlops.runs.decisions import Decision, Policy
    from mlops.runs.evidence import Paired
    from mlops.runs.ports import Change, Commit, Evaluation, Judge, Lake, Ports
    from mlops.runs.records import Champion, Run


@dataclasses.dataclass(frozen=True)
class MeddlingJudge:
    """A judge that changes another judge's evaluation, or uses another policy.

    Attributes:
        honest: The other one.
        change: Returns what it says that it found.
        policy_instead: The policy it judges by; None for the one on `main`.
    """

    honest: Judge
    change: Callable[[Evaluation], Evaluation] = lambda found: found
    policy_instead: Policy | None = None

    def evaluate(self, run: Run, candidate: str, champion: tuple[str, Champion] | None) -> Evaluation:
        """Return the changed evaluation of the honest judge."""
        return self.change(self.honest.evaluate(run, candidate, champion))

    def policy(self, data: bytes) -> Policy:
        """Return the policy to judge by."""
        return self.policy_instead or self.honest.policy(data)

    def holdout_id(self, commit: str, paired: Paired) -> str:
        """Return the identity of the holdout of the evidence in a commit."""
        return self.honest.holdout_id(commit, paired)

    def page(self, run: Run, decision: Decision, beside: Collection[str]) -> bytes:
        """Return the page of a decision."""
        return self.honest.page(run, decision, beside)


class _LakeBut:
    """A lake with some operations replaced."""

    def __init__(self, lake: Lake, **instead: Any) -> None:
        self._lake = lake
        self._instead = instead

    def __getattr__(self, name: str) -> Any:
        return self._instead[name] if name in self._instead else getattr(self._lake, name)


def _with_lake(ports: Ports, **instead: Any) -> Ports:
    return dataclasses.replace(ports, lake=cast("Lake", _LakeBut(ports.lake, **instead)))


def blind_to_forward_rollbacks(ports: Ports) -> Ports:
    """Return ports whose history does not tell which commits a rollback by a new commit dropped."""

    def log(ref: str) -> Iterator[Commit]:
        for commit in ports.lake.log(ref):
            kept = {key: value for key, value in commit.metadata.items() if key != "forward"}
            yield dataclasses.replace(commit, metadata=kept)

    return _with_lake(ports, log=log)


def blind_to_what_judges(ports: Ports) -> Ports:
    """Return ports in which no difference of the files that judge is ever seen."""

    def diff(left: str, right: str, prefix: str = "") -> list[Change]:
        changes = ports.lake.diff(left, right, prefix)
        return [change for change in changes if not change.path.startswith((names.GATE, names.ACTIONS))]

    return _with_lake(ports, diff=diff)


def forging_decisions(ports: Ports) -> Ports:
    """Return ports that writes every decision down as one that promotes."""

    def write(branch: str, path: str, data: bytes, *rest: Any) -> None:
        if path == names.DECISION:
            decision = json_values.parse(data)
            decision["verdict"]["outcome"] = str(Outcome.PROMOTE)
            data = document(decision)
        ports.lake.write(branch, path, data, *rest)

    return _with_lake(ports, write=write)


def fabricated(found: Evaluation) -> Evaluation:
    """Return an evaluation in which the candidate is nearly always right; all digests follow from it."""
    from mlops.adapters import tables
    from mlops.pipelines.tasks import Regression
    from mlops.runs.evidence import Contender
    from mlops.steps.evaluation.paired_losses import TARGET, metrics, series

    frame = tables.read_parquet(found.predictions, where=names.PREDICTIONS)
    missed = frame[Contender.CANDIDATE] - frame[TARGET]
    frame = frame.assign(**{Contender.CANDIDATE: frame[TARGET] + missed / 10})
    contenders = [c for c in Contender if found.paired.has_champion or c is not Contender.CHAMPION]
    paired = dataclasses.replace(found.paired, series=series(Regression(), frame, {}, contenders))
    return dataclasses.replace(
        found, paired=paired, predictions=tables.to_parquet(frame), metrics=metrics(paired)
    )


def taken_on_trust(judge: Judge) -> Judge:
    """Return a judge that does not compute whether training and holdout rows overlap: it takes them apart."""

    def trust(found: Evaluation) -> Evaluation:
        until = found.paired.champion_trained_until
        paired = dataclasses.replace(found.paired, train_overlap=0, candidate_trained_until=until)
        return dataclasses.replace(found, paired=paired)

    return MeddlingJudge(judge, trust)


def worse_champion(found: Evaluation) -> Evaluation:
    """Return an evaluation in which the champion is off by more than it is; all digests follow from it."""
    from mlops.adapters import tables
    from mlops.pipelines.tasks import Regression
    from mlops.runs.evidence import Contender
    from mlops.steps.evaluation.paired_losses import TARGET, metrics, series

    frame = tables.read_parquet(found.predictions, where=names.PREDICTIONS)
    missed = frame[Contender.CHAMPION] - frame[TARGET]
    frame = frame.assign(**{Contender.CHAMPION: frame[TARGET] + missed * 5})
    paired = dataclasses.replace(found.paired, series=series(Regression(), frame, {}, list(Contender)))
    return dataclasses.replace(
        found, paired=paired, predictions=tables.to_parquet(frame), metrics=metrics(paired)
    )


@dataclasses.dataclass(frozen=True)
class _Unscorable(MeddlingJudge):
    """A judge that says of every champion that it cannot be scored."""

    def evaluate(self, run: Run, candidate: str, champion: tuple[str, Champion] | None) -> Evaluation:
        """Return the honest judge's evaluation without a champion."""
        found = self.honest.evaluate(run, candidate, None)
        return dataclasses.replace(found, unscorable="its file is damaged" if champion else "")


def claiming_unscorable(judge: Judge) -> Judge:
    """Return a judge that says of every champion that it cannot be scored."""
    return _Unscorable(judge)


class _Believed(dict[str, "Run"]):
    """Attempts of commits, each with the objects that its commit holds, whoever put them there."""

    def __init__(self, lake: Lake) -> None:
        super().__init__()
        self._lake = lake

    def __getitem__(self, commit: str) -> Run:
        run = super().__getitem__(commit)
        stats = [stat for prefix in names.OUTPUTS for stat in self._lake.list(commit, prefix)]
        return dataclasses.replace(run, outputs={s.path: self._lake.sha256(commit, s.path) for s in stats})


def believing_branches(ports: Ports) -> Ports:
    """Return ports that takes what a run's branch holds for what the run has put there."""
    return dataclasses.replace(ports, proved=_Believed(ports.lake))

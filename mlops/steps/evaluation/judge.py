# pandas ships no precise types: what an expression gives is guessed, often wrongly.
# pyright: reportArgumentType=false

"""The judge: loads committed models, scores them on the same committed rows, and describes the decision."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from mlops.adapters import tables
from mlops.adapters.policy import files
from mlops.pipelines.holdout import overlap_key
from mlops.runs import names
from mlops.runs.decisions import Decision, Policy
from mlops.runs.digest import document
from mlops.runs.errors import Corrupt, InputError, NotFound
from mlops.runs.evidence import Paired
from mlops.runs.gate.holdouts import identity_of
from mlops.runs.ports import Evaluation
from mlops.runs.promotion.sealing import records
from mlops.runs.records import Champion, HoldoutRule, ObjectRecord, Run, Step
from mlops.steps import run_report
from mlops.steps.champion import model_at
from mlops.steps.evaluation.cached_predictions import ROWS, recorded_predictions
from mlops.steps.evaluation.data_alone import data_evaluation
from mlops.steps.evaluation.details import details_of, details_page
from mlops.steps.evaluation.footprint import measured
from mlops.steps.evaluation.score import (
    ChampionUnscorable,
    RecordedPredictions,
    measures,
    score,
    unit_digest,
)
from mlops.steps.rolling.fold_models import check_index, ends_of, folder, latest, read_index, together
from mlops.steps.rolling.periods import RollingModels, is_seen

if TYPE_CHECKING:
    import pandas as pd

    from mlops.steps.workspace import Workspace


class CommittedJudge:
    """A judge that uses commits alone and trusts no claim of a training step about itself.

    Args:
        workspace: The pipeline's workspace.
        reuse: Whether predictions on record may stand for scoring the same model on the same rows again; an
            audit never re-uses them.
    """

    def __init__(self, workspace: Workspace, *, reuse: bool = True) -> None:
        self._workspace = workspace
        self._reuse = reuse

    def evaluate(self, run: Run, candidate: str, champion: tuple[str, Champion] | None) -> Evaluation:
        """Score candidate and champion on the candidate's holdout, or on the champion's where that is newer.

        Where the holdout is a period, the champion may have been trained on the candidate's, if it came from
        newer data; then the holdout that the champion was judged by is used, which neither has seen.

        A run that is decided on again is scored again only if model, rows or code are others: else its
        predictions are on record, and those of a champion that was judged by the same rows.

        Where the champion's model cannot be loaded or does not take these rows, the evidence is of the
        candidate and the baseline alone, and says why. Without a model nothing is scored.
        """
        if not self._workspace.spec.has_model:
            return data_evaluation(self._workspace, candidate)
        try:
            return self._evaluate(run, candidate, champion, champion)
        except ChampionUnscorable as error:
            evaluation = self._evaluate(run, candidate, champion, None)
            return dataclasses.replace(evaluation, unscorable=str(error))

    def _evaluate(
        self,
        run: Run,
        candidate: str,
        champion: tuple[str, Champion] | None,
        scored: tuple[str, Champion] | None,
    ) -> Evaluation:
        frames, spec = self._workspace.frames, self._workspace.spec
        rule = files.parse_holdout_rule(self._workspace.lake.read(run.fork, names.HOLDOUT_RULE))
        rolling = rule if rule.is_rolling else None
        holdout = frames.read(candidate, names.HOLDOUT)
        source = ""
        if rule.is_timed and champion is not None and self.is_seen(champion, rule, holdout):
            source = champion[0]
            holdout = frames.read(source, names.HOLDOUT)
        train = self._training_rows(candidate)
        units = spec.task.units(spec, holdout, train)
        objects = records(self._workspace.lake, candidate, (names.MODEL,))
        candidate_model, champion_model = None, None
        if rolling is None:
            candidate_model, champion_model = self._recorded(run, candidate, objects, scored, units)
        if candidate_model is None:
            candidate_model = self._judged(candidate, objects, rolling, train)
        if champion_model is None and scored:
            champion_model = self.judged_model(scored, rule)
        result = score(
            spec,
            holdout,
            candidate=candidate_model,
            candidate_train=train,
            champion=champion_model,
            champion_train=self._training_rows(scored[0]) if scored else None,
            timed=rule.is_timed,
            rolling=rolling,
            overlap_key=overlap_key(spec, rule),
        )
        paired = dataclasses.replace(
            result.paired,
            holdout_id=identity_of(rule, result.paired),
            footprint=measured(spec, newest(candidate_model), units, objects),
        )
        return Evaluation(
            paired=paired,
            predictions=tables.to_parquet(result.predictions),
            metrics={**measures(spec, train, run.inputs.params), **result.metrics},
            holdout_source=source,
            details=self._details(result.predictions),
            read={**_digests(objects), ROWS: unit_digest(spec, units)},
        )

    def _details(self, predictions: pd.DataFrame) -> dict[str, bytes]:
        """Return what the task tells about the predictions, as values and as a page."""
        spec = self._workspace.spec
        found = details_of(spec.task, predictions)
        if not found:
            return {}
        return {names.DETAILS: document(found), names.DETAILS_PAGE: details_page(spec.title, found)}

    def _recorded(
        self,
        run: Run,
        candidate: str,
        objects: tuple[ObjectRecord, ...],
        champion: tuple[str, Champion] | None,
        units: pd.DataFrame,
    ) -> tuple[RecordedPredictions | None, RecordedPredictions | None]:
        """Return what candidate and champion predicted for these units before; None where they did not."""
        ports, spec = self._workspace.ports, self._workspace.spec
        if not self._reuse or not run.reached(Step.DECIDED):
            return None, None
        evidence = ports.lake.commit_of(candidate).metadata.get("evidence_commit") or candidate
        ours = recorded_predictions(ports, spec, evidence, run.run_id, units, _digests(objects))
        if ours is None or champion is None:
            return ours, None
        record = champion[1]
        model = _digests(tuple(o for o in record.objects if o.path.startswith(names.MODEL)))
        return ours, recorded_predictions(ports, spec, record.evidence_commit, record.run_id, units, model)

    def is_seen(self, champion: tuple[str, Champion], rule: HoldoutRule, holdout: pd.DataFrame) -> bool:
        """Return whether a champion may have been trained on rows of a holdout that are to judge it."""
        index = read_index(self._workspace.lake, champion[0]) if rule.is_rolling else None
        ends = ends_of(index, champion[1].trained_until)
        return is_seen(ends, holdout[self._workspace.spec.time].min())

    def judged_model(self, champion: tuple[str, Champion], rule: HoldoutRule) -> Any:
        """Return what predicts the rows of a holdout for a promotion: its model, or `RollingModels`.

        Args:
            champion: A commit with the promotion, and the record there.
            rule: The rule of the holdout.

        Raises:
            ChampionUnscorable: It cannot be loaded.
        """
        newest, (commit, record) = self.promoted_model(champion), champion
        if not rule.is_rolling:
            return newest
        try:
            return self._rolling(commit, record.objects, newest, self._training_rows(commit))
        except (Corrupt, InputError, NotFound) as error:
            raise ChampionUnscorable(
                error.what, where=f"promotion {record.number}", todo=error.todo
            ) from error

    def _judged(
        self,
        commit: str,
        objects: tuple[ObjectRecord, ...],
        rolling: HoldoutRule | None,
        train: pd.DataFrame,
    ) -> Any:
        newest = self._model(commit, objects)
        return newest if rolling is None else self._rolling(commit, objects, newest, train)

    def _rolling(
        self, commit: str, objects: tuple[ObjectRecord, ...], newest: Any, train: pd.DataFrame
    ) -> RollingModels:
        """Return the models of a commit, whose description follows from the training rows there."""
        lake, spec = self._workspace.lake, self._workspace.spec
        index = read_index(lake, commit)
        if index is not None:
            recorded = {o.path: o.sha256 for o in objects}.get(names.FOLD_INDEX)
            if recorded != lake.sha256(commit, names.FOLD_INDEX):
                raise Corrupt("is not the file that was recorded", where=names.FOLD_INDEX)
            check_index(spec, index, train)
        earlier = [
            model_at(lake, commit, objects, spec.trusted_types, folder(number))
            for number in range(1, len(index.folds if index else ()) + 1)
        ]
        return together(index, latest(spec, train), [*earlier, newest])

    def promoted_model(self, champion: tuple[str, Champion]) -> Any:
        """Return the model of a promotion, given as a commit with it and the record there.

        Raises:
            ChampionUnscorable: It cannot be loaded.
        """
        commit, record = champion
        try:
            return self._model(commit, tuple(o for o in record.objects if o.path.startswith(names.MODEL)))
        except (Corrupt, InputError, NotFound) as error:
            raise ChampionUnscorable(
                error.what, where=f"promotion {record.number}", todo=error.todo
            ) from error

    def policy(self, data: bytes) -> Policy:
        """Return the policy that the content of ``gate/policy.yaml`` describes."""
        return files.parse_policy(data)

    def holdout_id(self, commit: str, paired: Paired) -> str:
        """Return the identity of the holdout of the evidence in a commit, by the rule there."""
        data = self._workspace.lake.read(commit, names.HOLDOUT_RULE)
        return identity_of(files.parse_holdout_rule(data), paired)

    def page(self, run: Run, decision: Decision, beside: Collection[str]) -> bytes:
        """Return ``reports/run.md``, with a link to the details that lie beside it."""
        if not self._workspace.spec.has_model:
            return run_report.data_page(self._workspace, run, decision)
        return run_report.run_page(self._workspace, run, decision, detailed=names.DETAILS_PAGE in beside)

    def _training_rows(self, commit: str) -> pd.DataFrame:
        return self._workspace.frames.read(commit, names.TRAIN)

    def _model(self, commit: str, objects: tuple[ObjectRecord, ...]) -> Any:
        return model_at(self._workspace.lake, commit, objects, self._workspace.spec.trusted_types)


def newest(model: Any) -> Any:
    """Return the promoted model of `RollingModels`; any other model is its own."""
    return model.newest if isinstance(model, RollingModels) else model


def _digests(objects: tuple[ObjectRecord, ...]) -> dict[str, str]:
    return {record.path: record.sha256 for record in objects}

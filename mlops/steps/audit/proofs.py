# pandas ships no precise types: what an expression gives is guessed, often wrongly.
# pyright: reportArgumentType=false, reportCallIssue=false, reportGeneralTypeIssues=false

"""The proofs of an audit that need tables and models: losses, holdout rows and scores, derived again."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops.adapters import tables
from mlops.adapters.policy import files
from mlops.pipelines.holdout import row_digest, split
from mlops.runs import names
from mlops.runs.audit.findings import Unprovable
from mlops.runs.audit.subject import PromotionSubject
from mlops.runs.audit.verdicts import agree
from mlops.runs.decisions import Policy
from mlops.runs.digest import sha256, tree_digest
from mlops.runs.errors import Corrupt, InputError, ModelRefused, NotFound, NotPromoted
from mlops.runs.evidence import Contender, Fold
from mlops.runs.gate.holdouts import identity_of
from mlops.runs.promotion.attempts import run_of
from mlops.runs.records import HoldoutRule, Run
from mlops.steps.audit import data_alone
from mlops.steps.audit.details import unproved_details
from mlops.steps.audit.holdout_rows import HoldoutRows, rows_of, same_rows
from mlops.steps.audit.loss_sums import unproved_sums
from mlops.steps.audit.rebuild import Rebuilder, only_by_this_code
from mlops.steps.audit.scored_again import scored_otherwise
from mlops.steps.evaluation.judge import CommittedJudge
from mlops.steps.evaluation.paired_losses import metrics, predicted_by
from mlops.steps.evaluation.score import measures
from mlops.steps.rolling.fold_models import ends_of, read_index
from mlops.steps.rolling.periods import folds_of, is_seen

if TYPE_CHECKING:
    from mlops.steps.workspace import Workspace


@dataclass(frozen=True)
class _Selection:
    """The holdout that a rule selects from raw data: its digest and its first time."""

    digest: str
    begins: Any


class FrameProver:
    """Proofs of promotions from the committed tables and models of a pipeline."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._selected: dict[tuple[str, str], _Selection] = {}
        self._holdout: tuple[tuple[str, ...], HoldoutRows] | None = None
        # Whether a holdout's units, or what the baseline predicts for them, depend on training rows.
        self._reads = bool(workspace.spec.baseline_reads or workspace.spec.task.reads(workspace.spec))
        self._rule: tuple[str, bytes] | None = None
        self._rebuilder = Rebuilder(workspace)

    def policy(self, data: bytes) -> Policy:
        """Return the policy that the content of ``gate/policy.yaml`` describes."""
        return files.parse_policy(data)

    def paired(self, subject: PromotionSubject) -> Iterator[str]:
        """Derive sums, counts and metrics again from the predictions and the holdout rows."""
        spec = self._workspace.spec
        if other := data_alone.other_kind(spec, subject):
            yield other
            return
        if not spec.has_model:
            yield from data_alone.unproved_evidence(spec, subject)
            return
        recorded, rows, task = subject.paired, self._rows(subject), self._workspace.spec.task
        predictions = tables.read_parquet(subject.predictions_data, where=names.PREDICTIONS)
        yield from same_rows(rows, predictions)
        if rows.digest != recorded.holdout_digest:
            yield f"{names.HOLDOUT} is another holdout than the evidence names"
        if recorded.holdout_id:
            yield from self._identity(subject, rows)
        if recorded.rows != len(rows.key):
            yield f"the evidence is of {recorded.rows} rows, the holdout has {len(rows.key)}"
        champions = predicted_by(task, predictions, Contender.CHAMPION)
        if recorded.has_champion == bool(champions.isna().all(axis=None)):
            yield "predictions and evidence differ in whether a champion was scored"
        yield from unproved_sums(task, predictions, rows.groups, rows.slices, recorded)
        yield from self._metrics(subject, metrics(recorded))
        yield from unproved_details(task, subject, predictions)
        if not rows.baseline.equals(predicted_by(task, predictions, Contender.BASELINE)):
            self._only_by_this_code(subject, "the baseline's predictions")
            yield "the baseline's predictions are not those of the declared baseline"

    def _metrics(self, subject: PromotionSubject, derived: Mapping[str, float]) -> Iterator[str]:
        """Derive the metrics from the losses, and the pipeline's own measures from the training rows."""
        spec = self._workspace.spec
        stated = {name: value for name, value in subject.decision.metrics.items() if math.isfinite(value)}
        further: dict[str, float] = {}
        if spec.measures is not None:
            further = {name: stated.pop(name) for name in stated.keys() - derived.keys()}
        if not _same(derived, stated):
            yield "the metrics do not follow from the paired losses"
        if spec.measures is None:
            return
        train = tables.read_parquet(subject.read(names.TRAIN), where=names.TRAIN)
        if not _same(measures(spec, train, self._run(subject).inputs.params), further):
            self._only_by_this_code(subject, "the measures of its training rows")
            yield "the measures of its training rows do not follow from them"

    def _identity(self, subject: PromotionSubject, rows: HoldoutRows) -> Iterator[str]:
        """Yield how the identity by which evaluations are counted does not follow from the rows."""
        recorded = subject.paired
        rule = files.parse_holdout_rule(self._rule_at(subject.champion.raw_commit))
        if rule.is_timed and recorded.holdout_from != rows.begins:
            yield f"the holdout begins at {rows.begins}, not at {recorded.holdout_from} as its evidence says"
        yield from self._folds(subject, rows)
        if identity_of(rule, recorded) != recorded.holdout_id:
            yield "its evaluation was counted for another holdout than the one it was made on"

    def _folds(self, subject: PromotionSubject, rows: HoldoutRows) -> Iterator[str]:
        """Yield how the periods of the evidence differ from those of the rows and the models on record."""
        lake, replaced, folds = self._workspace.lake, subject.replaced, tuple[Fold, ...]()
        if rows.periods:
            own = ends_of(read_index(lake, subject.commit.id), subject.champion.trained_until)
            ends: tuple[str, ...] = ()
            if replaced and subject.paired.has_champion:
                ends = ends_of(read_index(lake, subject.before.commit), replaced.trained_until)
            folds = folds_of(rows.periods, own, ends)
        if folds != subject.paired.folds:
            yield "the periods of its evidence are not those of the holdout and of the models on record"

    def _rolling(self, commit: str) -> HoldoutRule | None:
        """Return the rule of a commit where it holds out several periods."""
        rule = files.parse_holdout_rule(self._rule_at(commit))
        return rule if rule.is_rolling else None

    def _rows(self, subject: PromotionSubject) -> HoldoutRows:
        """Return what a promotion's holdout holds; promotions in a row are mostly judged by the same one."""
        spec = self._workspace.spec
        rolling = self._rolling(subject.champion.raw_commit)
        reads = self._reads or rolling is not None
        digests = (subject.sha256(names.HOLDOUT), subject.sha256(names.TRAIN) if reads else "", repr(rolling))
        if self._holdout is None or self._holdout[0] != digests:
            holdout = tables.read_parquet(subject.read(names.HOLDOUT), where=names.HOLDOUT)
            train = holdout.iloc[:0]
            if reads:
                train = tables.read_parquet(subject.read(names.TRAIN), where=names.TRAIN)
            self._holdout = (digests, rows_of(spec, holdout, train, rolling))
        return self._holdout[1]

    def holdout(self, subject: PromotionSubject) -> Iterator[str]:
        """Select the holdout again: by the rule at the fork, or that of the champion where that was newer."""
        run, recorded = run_of(subject.evidence), subject.paired.holdout_digest
        raw = self._raw_digest(subject.champion.raw_commit)
        if not run.restores and raw != run.inputs.raw_digest:
            yield "its run read other raw data than there is at the commit it forked from"
        if not (self._workspace.spec.has_model and subject.champion.has_model):
            return
        selected = self._select(subject.champion.raw_commit, raw)
        if selected.digest == recorded:
            return
        if self._champions(subject, run, selected):
            return
        if run.restores and self._same_holdout(subject, names.promotion_tag(run.restores)):
            return
        self._only_by_this_code(subject, "the holdout rows")
        yield "its holdout is not what the rule selects from the raw data it read"

    def rescore(self, subject: PromotionSubject) -> Iterator[str]:
        """Load both models and score them again, on the rows that the candidate was decided with.

        Predictions on record are compared with the new ones, and never stand for them.
        """
        if not self._has_model(subject, "score"):
            return
        commit, replaced = subject.decision.candidate_commit, subject.replaced
        try:
            changed = self._workspace.lake.diff(commit, subject.commit.id)
        except NotFound as error:
            raise Unprovable("the commit with the evaluated objects is gone") from error
        kept = (names.MODEL, names.TRAIN)
        other = [change.path for change in changed if change.path.startswith(kept)]
        if other:
            yield f"{other[0]} differs from what was evaluated at {commit[:12]}"
        champion = (subject.before.commit, replaced) if replaced else None
        try:
            judge = CommittedJudge(self._workspace, reuse=False)
            again = judge.evaluate(self._run(subject), commit, champion)
        except Corrupt:
            raise
        except ModelRefused as error:
            self._only_by_this_code(subject, "the types that a model may hold")
            yield f"its model is not one that may be opened: {error.what}"
            return
        except (InputError, NotPromoted) as error:
            self._only_by_this_code(subject, "its models")
            yield f"its models cannot be scored: {error.what}"
            return
        found = list(scored_otherwise(self._workspace.spec.task, subject, again))
        if found:
            self._only_by_this_code(subject, "its scores")
        yield from found

    def rebuild(self, subject: PromotionSubject) -> Iterator[str]:
        """Make the rows again from the raw data and run the suites on them again."""
        yield from self._rebuilder.rebuild(subject)

    def refit(self, subject: PromotionSubject) -> Iterator[str]:
        """Train the model again on the committed rows and compare its predictions."""
        if self._has_model(subject, "train"):
            yield from self._rebuilder.refit(subject)

    def ingest(self, subject: PromotionSubject) -> Iterator[str]:
        """Run the suites again on the tables that an ingest brought."""
        yield from self._rebuilder.ingest(subject)

    def _has_model(self, subject: PromotionSubject, doing: str) -> bool:
        """Return whether a promotion is of a model; report where there is none to do something with again."""
        if not (self._workspace.spec.has_model and subject.champion.has_model):
            number = subject.champion.number
            self._workspace.ports.tell(f"promotion {number}: there is no model to {doing} again")
            return False
        return True

    def _run(self, subject: PromotionSubject) -> Run:
        return run_of(subject.evidence)

    def _raw_digest(self, commit: str) -> str:
        return tree_digest((s.path, s.checksum) for s in self._workspace.lake.list(commit, names.RAW))

    def _select(self, commit: str, raw: str) -> _Selection:
        """Return what the rule at a commit selects from the raw data there; each selection is made once."""
        spec, data = self._workspace.spec, self._rule_at(commit)
        key = (raw, sha256(data))
        if key not in self._selected:
            rule = files.parse_holdout_rule(data)
            deliveries = {table: self._workspace.frames.deliveries(commit, table) for table in spec.tables}
            rows = split(spec.join(deliveries).rows, rule, spec).holdout
            digest = row_digest(rows, spec.key, [spec.target, *spec.model_input])
            begins = rows[spec.time].min() if rule.is_timed else None
            self._selected[key] = _Selection(digest, begins)
        return self._selected[key]

    def _rule_at(self, commit: str) -> bytes:
        """Return the holdout rule of a commit; the checks of one promotion ask for it several times."""
        if self._rule is None or self._rule[0] != commit:
            self._rule = (commit, self._workspace.lake.read(commit, names.HOLDOUT_RULE))
        return self._rule[1]

    def _champions(self, subject: PromotionSubject, run: Run, selected: _Selection) -> bool:
        """Return whether the decision had to use the holdout of the replaced champion, and did."""
        replaced = subject.replaced
        if replaced is None or not self._same_holdout(subject, subject.before.commit):
            return False
        if run.restores or selected.begins is None:
            return bool(run.restores)
        rolling = self._rolling(subject.champion.raw_commit)
        index = read_index(self._workspace.lake, subject.before.commit) if rolling else None
        return is_seen(ends_of(index, replaced.trained_until), selected.begins)

    def _same_holdout(self, subject: PromotionSubject, ref: str) -> bool:
        try:
            other = self._workspace.lake.stat(ref, names.HOLDOUT)
        except NotFound:
            return False
        mine = subject.outputs[names.HOLDOUT]
        return (mine.checksum, mine.size_bytes) == (other.checksum, other.size_bytes)

    def _only_by_this_code(self, subject: PromotionSubject, what: str) -> None:
        """Return if the code of today is the one that the run was made by; else nobody can tell."""
        inputs = self._run(subject).inputs
        only_by_this_code(self._workspace.spec, inputs.code_digest, inputs.lock_digest, what)


def _same(found: Mapping[str, float], stated: Mapping[str, float]) -> bool:
    return found.keys() == stated.keys() and all(agree(found[name], stated[name]) for name in found)

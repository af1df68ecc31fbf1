"""Try combinations of model parameters on the training rows of `main`, and rank them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops.adapters.policy.files import parse_holdout_rule, parse_policy
from mlops.runs import names
from mlops.runs.errors import ConfigError, InputError
from mlops.steps.prepare import processed_frames
from mlops.steps.run_inputs import SEED
from mlops.steps.tuning.folds import FoldRows, Measured, folds_of, measure
from mlops.steps.tuning.search_space import Choice, Dimension, check_count, described, drawn, grid

if TYPE_CHECKING:
    from mlops.steps.workspace import Workspace

RANDOM, OPTUNA = "random", "optuna"


@dataclass(frozen=True)
class Search:
    """The parameters that vary, and how they are searched.

    Attributes:
        dimensions: The parameters that vary.
        trials: How many combinations are drawn; 0 for every combination of a grid.
        sampler: ``random`` or ``optuna``; of no meaning for a grid.
        folds: Folds of the cross-validation.
        fixed: Parameters that are the same in all trials.
    """

    dimensions: tuple[Dimension, ...]
    trials: int = 0
    sampler: str = RANDOM
    folds: int = 3
    fixed: Mapping[str, Any] = dataclasses.field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class Trial:
    """One combination and what it gave.

    Attributes:
        params: The parameters that vary.
        metric: The deciding metric over all folds; smaller is better. None where the model failed.
        by_fold: The metric of each fold.
        error: Why the model failed.
    """

    params: Mapping[str, Any]
    metric: float | None
    by_fold: tuple[float, ...] = ()
    error: str = ""


@dataclass(frozen=True)
class Ranking:
    """The result of a search.

    Attributes:
        metric: The metric that decides.
        unit: Its unit.
        commit: The commit of `main` whose training rows were used.
        rows: Training rows.
        trials: The trials, the best first.
    """

    metric: str
    unit: str
    commit: str
    rows: int
    trials: tuple[Trial, ...]

    @property
    def best(self) -> Trial:
        """The best trial."""
        return self.trials[0]


def tune(workspace: Workspace, search: Search) -> Ranking:
    """Return the trials of a search, the best first.

    Rows of the holdout are held out here as well: no trial sees them, and no evaluation is spent.

    Raises:
        ConfigError: The pipeline has no model, or a parameter is unknown or out of range.
        InputError: There is too little data, or every trial fails.
    """
    spec = workspace.spec
    if not spec.has_model:
        raise ConfigError("the pipeline has no model, so no parameters", where=spec.name)
    _check_parameters(workspace, search)
    head = workspace.lake.head(names.MAIN)
    metric = parse_policy(workspace.lake.read(head, names.POLICY)).metric
    rule = parse_holdout_rule(workspace.lake.read(head, names.HOLDOUT_RULE))
    workspace.ports.tell("reading the training rows of main")
    deliveries = {table: workspace.frames.deliveries(head, table) for table in spec.tables}
    joined = spec.rows(deliveries, spec.parameters(search.fixed))
    train = processed_frames(spec, joined.rows, rule)[names.TRAIN]
    folds = folds_of(spec, rule, train, search.folds)
    trials = sorted(_tried(workspace, search, folds, metric), key=_rank)
    if trials[0].metric is None:
        raise InputError(f"every trial fails; the first: {trials[0].error}", where=spec.name)
    return Ranking(metric, spec.unit, head, len(train), tuple(trials))


def _rank(trial: Trial) -> float:
    return math.inf if trial.metric is None or math.isnan(trial.metric) else trial.metric


def _check_parameters(workspace: Workspace, search: Search) -> None:
    """Refuse what could not be tried before any model is fitted."""
    for dimension in search.dimensions:
        if dimension.name in search.fixed:
            raise ConfigError("the parameter is both fixed and varied", where=dimension.name)
        ends = () if isinstance(dimension, Choice) else (dimension.low, dimension.high)
        for value in dimension.values if isinstance(dimension, Choice) else ends:
            workspace.spec.parameters({**search.fixed, dimension.name: value})


def _tried(workspace: Workspace, search: Search, folds: Sequence[FoldRows], metric: str) -> Iterator[Trial]:
    best = math.inf
    combinations = _Combinations(search)
    for number, params in enumerate(combinations, 1):
        trial = _try(workspace, {**search.fixed, **params}, params, list(folds), metric)
        combinations.tell(trial.metric)
        best = min(best, _rank(trial))
        result = trial.error or f"{metric} {trial.metric:.5g} (best {best:.5g})"
        workspace.ports.tell(f"trial {number} of {combinations.count}: {described(params)}: {result}")
        yield trial


def _try(
    workspace: Workspace,
    params: Mapping[str, Any],
    varied: Mapping[str, Any],
    folds: list[FoldRows],
    metric: str,
) -> Trial:
    try:
        found: Measured = measure(workspace.spec, folds, params, metric, SEED)
    except InputError as error:
        return Trial(varied, None, error=str(error))
    return Trial(varied, found.metric, found.by_fold)


class _Combinations:
    """The combinations of a search; Optuna chooses each from the results so far."""

    def __init__(self, search: Search) -> None:
        self._search = search
        self._grid = grid(search.dimensions) if not search.trials else []
        self.count = search.trials or len(self._grid)
        check_count(self.count)
        self._results: list[float | None] = []

    def tell(self, metric: float | None) -> None:
        """Take the result of the last combination."""
        self._results.append(metric)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        if self._grid:
            return iter(self._grid)
        if self._search.sampler == OPTUNA:
            return self._chosen()
        return drawn(self._search.dimensions, self.count, SEED)

    def _chosen(self) -> Iterator[dict[str, Any]]:
        from mlops.steps.tuning.optuna_study import Study

        study = Study(self._search.dimensions, SEED)
        for _ in range(self.count):
            yield study.ask()
            study.tell(self._results[-1])

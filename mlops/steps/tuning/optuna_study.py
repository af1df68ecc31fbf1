"""A study of Optuna, which chooses each combination from the results so far; an optional extra."""

# Optuna may not be installed here.
# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mlops.runs.errors import ConfigError
from mlops.steps.tuning.search_space import Choice, Dimension


class Study:
    """Parameters chosen by Optuna's tree-structured Parzen estimator; equal results give equal choices.

    Args:
        dimensions: The parameters that vary.
        seed: Of the sampler.

    Raises:
        ConfigError: Optuna is not installed.
    """

    def __init__(self, dimensions: Sequence[Dimension], seed: int) -> None:
        try:
            import optuna
        except ImportError as error:
            todo = "pip install 'mlops-lake[optuna]', or use --random"
            raise ConfigError("Optuna is not installed", where="--optuna", todo=todo) from error
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._dimensions = dimensions
        self._study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
        self._failed = optuna.trial.TrialState.FAIL
        self._trial: Any = None

    def ask(self) -> dict[str, Any]:
        """Return the next combination."""
        self._trial = self._study.ask()
        return {dimension.name: self._suggested(dimension) for dimension in self._dimensions}

    def tell(self, metric: float | None) -> None:
        """Take the result of the last combination; None where it failed."""
        if metric is None:
            self._study.tell(self._trial, state=self._failed)
        else:
            self._study.tell(self._trial, metric)

    def _suggested(self, dimension: Dimension) -> Any:
        if isinstance(dimension, Choice):
            return self._trial.suggest_categorical(dimension.name, dimension.values)
        ends, log = (dimension.low, dimension.high), dimension.log
        if dimension.whole:
            return self._trial.suggest_int(dimension.name, *map(int, ends), log=log)
        return self._trial.suggest_float(dimension.name, *ends, log=log)

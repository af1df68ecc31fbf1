"""Declare and run ``mlops sweep-params``."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlops.cli.commands.run import execute, parameters
from mlops.cli.options import Json, Pipeline
from mlops.cli.output.results import Result
from mlops.cli.session import Session
from mlops.runs.errors import ConfigError

if TYPE_CHECKING:
    from mlops.steps.tuning.tune import Ranking, Search

#: Trials that are printed; `--json` has all.
MOST_LINES = 10

Grid = Annotated[
    list[str] | None,
    typer.Option("--grid", metavar="NAME=VALUE,VALUE", help="Values of a parameter; may be given again."),
]
Range = Annotated[
    list[str] | None,
    typer.Option(
        "--range",
        metavar="NAME=[log:]LOW..HIGH",
        help="Ends of a parameter, for --random and --optuna; log: spreads it by its logarithm.",
    ),
]
Random = Annotated[
    int | None, typer.Option("--random", metavar="N", help="Draw N combinations instead of trying all.")
]
Optuna = Annotated[
    int | None,
    typer.Option(
        "--optuna", metavar="N", help="Let Optuna choose N combinations, each from the results so far."
    ),
]
Folds = Annotated[int, typer.Option("--folds", min=2, max=20, help="Folds of the cross-validation.")]
Param = Annotated[
    list[str] | None,
    typer.Option("--param", metavar="NAME=VALUE", help="A parameter that is the same in all trials."),
]
NoRun = Annotated[bool, typer.Option("--no-run", help="Rank the trials only; do not run the best one.")]


def sweep_params(
    context: typer.Context,
    pipeline: Pipeline,
    grid: Grid = None,
    range_: Range = None,
    random: Random = None,
    optuna: Optuna = None,
    folds: Folds = 3,
    param: Param = None,
    no_run: NoRun = False,
    json: Json = False,
) -> Result:
    """Search parameters without spending the holdout.

    Combinations are compared by cross-validation inside the training rows, in order of time where rows have
    one. The best one is then run and judged on the holdout, once. Exit code 5: the gate refused it.
    """
    session: Session = context.obj
    search = _search(grid or [], range_ or [], random, optuna, folds, param or [])
    workspace = session.workspace(pipeline)
    session.report("loading libraries")
    from mlops.steps.tuning.tune import tune

    found = tune(workspace, search)
    document: dict[str, Any] = {
        "pipeline": workspace.spec.name,
        "metric": found.metric,
        "unit": found.unit,
        "data_commit": found.commit,
        "train_rows": found.rows,
        "folds": folds,
        "trials": [dataclasses.asdict(trial) for trial in found.trials],
        "best": {**search.fixed, **found.best.params},
        "run": None,
    }
    lines = _lines(found, folds)
    if no_run:
        return Result(document, lines)
    ended = execute(session, workspace, document["best"])
    return Result({**document, "run": dict(ended.document)}, [*lines, *ended.lines], ended.exit_code)


def _search(
    grid: list[str], ranges: list[str], random: int | None, optuna: int | None, folds: int, param: list[str]
) -> Search:
    from mlops.steps.tuning import search_space
    from mlops.steps.tuning.tune import OPTUNA, RANDOM, Search

    if random is not None and optuna is not None:
        raise ConfigError("--random and --optuna", todo="choose one of the two")
    dimensions = (*map(search_space.parse_choice, grid), *map(search_space.parse_range, ranges))
    search_space.check_names(dimensions)
    if not dimensions:
        raise ConfigError("nothing to try", todo="name values, e.g. --grid max_iter=20,40")
    count = random if random is not None else optuna
    if count is None:
        search_space.grid(dimensions)
    else:
        search_space.check_count(count)
    sampler = OPTUNA if optuna is not None else RANDOM
    return Search(dimensions, count or 0, sampler, folds, parameters(param))


def _lines(found: Ranking, folds: int) -> list[str]:
    from mlops.steps.tuning.search_space import described

    unit = f" {found.unit}" if found.unit else ""
    lines = [f"{found.metric} in {folds} folds of {found.rows:,} training rows, the best first:"]
    for trial in found.trials[:MOST_LINES]:
        value = "failed" if trial.metric is None else f"{trial.metric:.5g}{unit}"
        lines.append(f"  {value:>12}  {described(trial.params)}")
    left = len(found.trials) - MOST_LINES
    return [*lines, f"  and {left} more"] if left > 0 else lines

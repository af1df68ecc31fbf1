"""Checks of a specification by itself, before any data is read."""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import TYPE_CHECKING, Any

from mlops.adapters.models import catalogue
from mlops.pipelines.spec import SHORTEST_INTERVAL
from mlops.runs.errors import MlopsError
from mlops.steps.checks.problems import line_of
from mlops.steps.prepare import PROCESSED_SUITE

if TYPE_CHECKING:
    from mlops.pipelines.spec import PipelineSpec
    from mlops.steps.checks.problems import Problems


#: What only a model needs.
_OF_MODELS = ("model_input", "cluster", "target", "unit", "slices", "trusted_types", "baseline_reads")


def check_specification(spec: PipelineSpec, where: str, problems: Problems) -> None:
    """Add what is inconsistent in a specification.

    Args:
        spec: The pipeline.
        where: File and line of the specification.
        problems: Receives what is found.
    """
    _check_names(spec, where, problems)
    _check_interval(spec, where, problems)
    _check_input(spec, where, problems)
    _check_params(spec.params, where, problems)
    unknown = catalogue.unknown(spec.trusted_types)
    if unknown:
        todo = "choose a model whose types are listed in mlops/adapters/models/catalogue.py"
        problems.add(f"trusted_types: the arrays of {', '.join(unknown)} cannot be checked", where, todo)


def _check_names(spec: PipelineSpec, where: str, problems: Problems) -> None:
    of_models = ("model_input", "cluster", "target", "unit") if spec.has_model else ()
    for name in ("tables", "key", *of_models, "title"):
        if not getattr(spec, name):
            problems.add(f"{name} must not be empty", where)
    for name in ("tables", "key", "model_input", "slices", "baseline_reads"):
        repeated = [value for value, times in Counter(getattr(spec, name)).items() if times > 1]
        if repeated:
            problems.add(f"{name} names {', '.join(repeated)} more than once", where)
    if PROCESSED_SUITE in spec.tables:
        problems.add(f"no table may have the name {PROCESSED_SUITE}, which is that of the joined rows", where)
    unknown = sorted(set(spec.optional_tables) - set(spec.tables))
    if unknown:
        problems.add(f"optional_tables names what is not in tables: {', '.join(unknown)}", where)
    if spec.tables and set(spec.optional_tables) >= set(spec.tables):
        problems.add(
            "every table is optional, so an arrival could be empty", where, "leave one out of optional_tables"
        )
    strange = sorted(set(spec.table_keys) - set(spec.tables))
    if strange:
        problems.add(f"table_keys names tables that the pipeline does not have: {', '.join(strange)}", where)
    keyless = [table for table in spec.tables if not spec.table_keys.get(table)]
    if keyless:
        todo = "name the columns that identify a row of each"
        problems.add(f"table_keys has no columns for {', '.join(keyless)}", where, todo)


def _check_interval(spec: PipelineSpec, where: str, problems: Problems) -> None:
    if spec.arrival_interval is not None and spec.arrival_interval < SHORTEST_INTERVAL:
        problems.add("arrival_interval must be at least a minute", where)


def _check_input(spec: PipelineSpec, where: str, problems: Problems) -> None:
    if not spec.has_model:
        named = [name for name in _OF_MODELS if getattr(spec, name)]
        if named:
            problems.add(f"there is no model, so {', '.join(named)} must be empty", where)
    both = sorted((set(spec.model_input) & set(spec.excluded)) - {spec.target})
    if both:
        problems.add(f"in model_input and excluded: {', '.join(both)}", where)
    if spec.target in spec.task.unit_input(spec):
        problems.add(f"the target {spec.target} is in model_input, so the model would be told it", where)
    silent = sorted(column for column, reason in spec.excluded.items() if not reason)
    if silent:
        problems.add(f"excluded without a reason: {', '.join(silent)}", where)


def _check_params(params: Any, where: str, problems: Problems) -> None:
    place = line_of(params) or where
    if not isinstance(params, type) or not dataclasses.is_dataclass(params):
        problems.add("params must be a dataclass", place, "decorate it with @dataclass(frozen=True)")
        return
    if not params.__dataclass_params__.frozen:  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
        problems.add("params must be frozen", place, "decorate it with @dataclass(frozen=True)")
    missing = dataclasses.MISSING
    without = [
        one.name
        for one in dataclasses.fields(params)
        if one.default is missing and one.default_factory is missing
    ]
    if without:
        problems.add(f"params without a default: {', '.join(without)}", place)
        return
    try:
        params()
    except MlopsError as error:
        problems.add(f"the defaults of params are refused: {error}", place)

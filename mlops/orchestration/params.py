"""A pipeline's model parameters as Dagster run config: typed, with defaults, and nothing else."""

from __future__ import annotations

import dataclasses
import inspect
import re
from typing import TYPE_CHECKING, Any, get_type_hints

import dagster as dg
from pydantic import Field, create_model

from mlops.settings.parameters import checked_parameters

if TYPE_CHECKING:
    from mlops.pipelines.spec import PipelineSpec

_ATTRIBUTE = re.compile(r"^ {4}(?P<name>\w+): (?P<help>.+)$", re.MULTILINE)


def config_class(spec: PipelineSpec) -> type[dg.Config]:
    """Return the config class of a pipeline's parameters; it refuses every other key.

    Defaults are those that the configuration names, else the pipeline's own. Ranges are checked where the
    run is opened, by `PipelineSpec.parameters`.
    """
    defaults = dataclasses.asdict(spec.parameters(checked_parameters(spec)))
    types = get_type_hints(spec.params)
    helps = {m["name"]: m["help"] for m in _ATTRIBUTE.finditer(inspect.cleandoc(spec.params.__doc__ or ""))}
    fields: dict[str, Any] = {
        field.name: (
            types[field.name],
            Field(default=defaults[field.name], description=helps.get(field.name, "")),
        )
        for field in dataclasses.fields(spec.params)
    }
    return create_model(
        f"{spec.name.title().replace('-', '')}Params",
        __base__=dg.Config,
        __doc__=f"Model parameters of {spec.name}.",
        **fields,
    )

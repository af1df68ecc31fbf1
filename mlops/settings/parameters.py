"""Parameters of a pipeline's model from ``mlops.toml`` and variables, below the command line and Dagster."""

from __future__ import annotations

import dataclasses
import os
from typing import TYPE_CHECKING, Any, NamedTuple

from mlops.runs import json_values
from mlops.runs.errors import ConfigError
from mlops.settings.fields import PREFIX, Settings
from mlops.settings.origins import Origin
from mlops.settings.project_file import PARAMS, environment_of, nearest, nearest_name, sections

if TYPE_CHECKING:
    from mlops.pipelines.spec import PipelineSpec


class Parameter(NamedTuple):
    """A parameter that the configuration names: its value, and the layer that names it."""

    value: Any
    origin: Origin


def parameters_of(pipeline: str, env: str | None = None) -> dict[str, Parameter]:
    """Return the parameters that the configuration names for a pipeline, the highest layer's value each.

    A variable ``MLOPS_PARAM_<PIPELINE>_<NAME>`` goes over the section of the chosen environment, and that
    over the top level of the file.

    Args:
        pipeline: Name of the pipeline.
        env: The chosen environment; that of ``MLOPS_ENV`` where it is None.

    Raises:
        ConfigError: The project's file has a mistake, or there is no such environment.
    """
    file = nearest(Settings.model_fields)
    found: dict[str, Parameter] = {}
    for section in reversed(sections(file, environment_of({"env": env}))):
        for name, value in section.params.get(pipeline, {}).items():
            layer = "section" if section.path else "file"
            found[name] = Parameter(value, Origin(layer, section.place(PARAMS, pipeline, name)))
    return found | _of_variables(pipeline)


def configured_pipelines(env: str | None = None) -> list[str]:
    """Return the pipelines for which the project's file names parameters, ascending."""
    file = nearest(Settings.model_fields)
    return sorted(
        {name for section in sections(file, environment_of({"env": env})) for name in section.params}
    )


def checked_parameters(spec: PipelineSpec, env: str | None = None) -> dict[str, Any]:
    """Return parameter to value for those that the configuration names.

    Raises:
        ConfigError: A parameter is unknown or has a wrong value; the error names its place.
    """
    found = parameters_of(spec.name, env)
    for name, parameter in found.items():
        try:
            spec.parameters({name: parameter.value})
        except ConfigError as error:
            close = nearest_name(name, [field.name for field in dataclasses.fields(spec.params)])
            todo = f"did you mean {close}?" if close not in ("", name) else error.todo
            raise ConfigError(
                f"params.{spec.name}.{name}: {error.what}", where=str(parameter.origin), todo=todo
            ) from None
    return {name: parameter.value for name, parameter in found.items()}


def _of_variables(pipeline: str) -> dict[str, Parameter]:
    prefix = f"{PREFIX}PARAM_{pipeline.replace('-', '_').upper()}_"
    found: dict[str, Parameter] = {}
    for variable, text in os.environ.items():
        if variable.upper().startswith(prefix) and text:
            name = variable[len(prefix) :].lower()
            found[name] = Parameter(_typed(text), Origin("variable", variable))
    return found


def _typed(text: str) -> Any:
    try:
        return json_values.parse(text)
    except ValueError:
        return text

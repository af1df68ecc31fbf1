"""The whole check of one pipeline: what is wrong with it, and what its trial gave."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops.pipelines.registry import code_of, declaration_of, pipeline
from mlops.steps.checks.configuration import check_configuration
from mlops.steps.checks.problems import Problems, line_of_attribute
from mlops.steps.checks.specification import check_specification

if TYPE_CHECKING:
    from mlops.pipelines.sources import Options
    from mlops.runs.errors import MlopsError
    from mlops.steps.checks.trial import Trial


@dataclass(frozen=True)
class Checked:
    """The result of a check.

    Attributes:
        name: The pipeline.
        place: Where it is declared.
        problems: Everything that was found, in the order of the checks.
        trial: What the trial gave; None where the specification was too wrong to try it.
        min_clusters: Least number of clusters in a holdout, by the policy; 0 where it cannot be read.
    """

    name: str
    place: str
    problems: Sequence[MlopsError]
    trial: Trial | None
    min_clusters: int


def check_pipeline(
    name: str, report: Callable[[str], None] = lambda _line: None, options: Options | None = None
) -> Checked:
    """Check a pipeline's specification, suites, policy and rule, and try it in memory without a lake.

    Args:
        name: The pipeline.
        report: Receives lines of progress.
        options: Settings of its source.

    Raises:
        ConfigError: There is no such pipeline, or it cannot be loaded.
    """
    spec, declared = pipeline(name), declaration_of(name)
    problems = Problems(code_of(spec))
    report(f"checking {declared.target}, {declared.place}")
    check_specification(spec, line_of_attribute(declared), problems)
    consistent = not problems.found
    configuration = check_configuration(spec, problems)
    trial = None
    if consistent:
        report("loading libraries")
        from mlops.steps.checks.trial import Trier

        trial = Trier(spec, configuration, problems, report, options or {}).run()
    least = configuration.policy.min_clusters if configuration.policy is not None else 0
    return Checked(name, declared.place, tuple(problems.found), trial, least)

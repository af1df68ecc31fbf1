"""Values of a run's steps on their way through Dagster, kept by the run protocol.

The IO manager here is one over the run's own branch. A value is written when its step hands it over, together
with the signed statement that finishes the step; it is read at the commit of the finished step, and only when
it is asked for. A step that is finished already, or that an earlier run did on the same inputs, hands over
nothing. `local_values` keeps the same values of the same assets in a folder.
"""

# Annotations are not postponed here: Dagster reads those of resources as they stand.

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import dagster as dg
import pandas as pd

from mlops.orchestration import metadata
from mlops.orchestration.checks.verdict import verdict_results
from mlops.orchestration.workspaces import Workspaces, find_run, open_run
from mlops.pipelines.spec import PipelineSpec
from mlops.runs import names
from mlops.runs.promotion.decision import current
from mlops.runs.promotion.promote import records
from mlops.runs.records import Run, Step
from mlops.steps import prepare
from mlops.steps import run as running
from mlops.steps.champion import model_at
from mlops.steps.frames import ProcessedRows
from mlops.steps.workspace import Workspace

#: Key of the IO manager among the resources.
VALUES = "values"


class Values(dg.IOManager):
    """An IO manager for the steps of a run, and what these steps need besides."""

    @abstractmethod
    def begin(self, context: dg.AssetExecutionContext, spec: PipelineSpec, config: Any) -> Any:
        """Begin a run; return its raw rows, or nothing where they are at hand.

        Args:
            context: Of the first step.
            spec: The pipeline.
            config: Run config with the model parameters.
        """

    @abstractmethod
    def made(
        self, context: dg.AssetExecutionContext, spec: PipelineSpec, step: Step, compute: Callable[[], Any]
    ) -> Any:
        """Return the value of a step, computed unless the step is finished."""

    @abstractmethod
    def evaluated(
        self, context: dg.AssetExecutionContext, spec: PipelineSpec, rows: Any, model: Any
    ) -> dg.MaterializeResult:
        """Return the verdict on a model as metadata and checks."""


class Lazy(Protocol):
    """A value that is read when it is asked for."""

    def __call__(self) -> Any:
        """Return the value."""
        ...


@dataclass(frozen=True)
class _Finished:
    """Stands for a value that is on the run's branch already."""


FINISHED = _Finished()


class RunValues(Values):
    """Values on the branches of runs, as the run protocol writes and reads them.

    Args:
        workspaces: The resource that finds workspaces.
    """

    def __init__(self, workspaces: Workspaces) -> None:
        self._workspaces = workspaces
        self._runs: dict[str, tuple[Workspace, Run]] = {}

    def begin(self, context: dg.AssetExecutionContext, spec: PipelineSpec, config: Any) -> Any:
        """Open the run; its raw rows are on `main`."""
        workspace, run = open_run(context, self._workspaces, spec, config)
        self._runs = {context.run.run_id: (workspace, run)}
        return FINISHED

    def made(
        self, context: dg.AssetExecutionContext, spec: PipelineSpec, step: Step, compute: Callable[[], Any]
    ) -> Any:
        """Return the value of a step; nothing where the run has it on its branch already."""
        workspace, run = find_run(context, self._workspaces, spec)
        run = running.ready(workspace, run, step)
        self._runs = {context.run.run_id: (workspace, run)}
        return FINISHED if run.reached(step) else running.computed(workspace, run, step, compute)

    def evaluated(
        self, context: dg.AssetExecutionContext, spec: PipelineSpec, rows: Any, model: Any
    ) -> dg.MaterializeResult:
        """Put the verdict on record, from committed rows and models alone."""
        del rows, model
        workspace, run = find_run(context, self._workspaces, spec)
        run = running.evaluate(workspace, run)
        decision = current(workspace.ports, run).decision
        return dg.MaterializeResult(
            metadata=metadata.evaluation(workspace, run),
            check_results=verdict_results(spec, dg.AssetKey([spec.name, "evaluation"]), decision.verdict),
        )

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        """Write a step's value to the run's branch and finish the step."""
        run_id, name = context.step_context.run_id, context.asset_key.path[-1]
        workspace, run = self._runs[run_id]
        if not isinstance(obj, _Finished):
            run = running.kept(workspace, run, _STEPS[name], obj)
            self._runs = {run_id: (workspace, run)}
        context.add_output_metadata(_METADATA[name](workspace, run))

    def load_input(self, context: dg.InputContext) -> Any:
        """Return a step's value; it is read from the run's branch when it is asked for."""
        run_id = context.step_context.run_id
        return _LOADED[context.asset_key.path[-1]](lambda: self._runs[run_id])


class CommittedFrames(Mapping[str, pd.DataFrame]):
    """Path to rows in the commit of the run's newest finished step, each read when it is asked for."""

    def __init__(self, found: Callable[[], tuple[Workspace, Run]]) -> None:
        self._found = found

    def __getitem__(self, path: str) -> pd.DataFrame:
        workspace, run = self._found()
        if path not in tuple(self):
            raise KeyError(path)
        return workspace.frames.read(run.head, path)

    def __iter__(self) -> Iterator[str]:
        workspace, _ = self._found()
        return iter(prepare.processed_tables(workspace.spec).values())

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _raw(found: Callable[[], tuple[Workspace, Run]]) -> Lazy:
    return lambda: prepare.raw_of(*found())


def _rows(found: Callable[[], tuple[Workspace, Run]]) -> Lazy:
    def rows() -> ProcessedRows:
        workspace, run = found()
        params = workspace.spec.params(**run.inputs.params)
        return ProcessedRows(CommittedFrames(found), {}, {}, params, run.inputs.seed)

    return rows


def _model(found: Callable[[], tuple[Workspace, Run]]) -> Lazy:
    def model() -> Any:
        workspace, run = found()
        lake, spec = workspace.lake, workspace.spec
        return model_at(lake, run.head, records(lake, run.head, (names.MODEL,)), spec.trusted_types)

    return model


_STEPS = {"processed": Step.PROCESSED, "model": Step.TRAINED}
_METADATA = {"raw": metadata.raw, "processed": metadata.processed, "model": metadata.model}
_LOADED = {"raw": _raw, "processed": _rows, "model": _model}

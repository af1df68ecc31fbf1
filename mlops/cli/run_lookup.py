"""Find the pipeline and the run that a command's arguments name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mlops.cli.session import Session, check_pipeline
from mlops.runs.errors import ConfigError, InputError, NotFound

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mlops.runs.listing.runs import Listed
    from mlops.steps.listing.book import RunBook
    from mlops.steps.workspace import Workspace

_MOST_NAMES = 2

RunNames = Annotated[
    list[str],
    typer.Argument(
        metavar="[PIPELINE] RUN",
        help="Id of a run or its first digits, number of a promotion, version (v2), commit or branch. "
        "Without a pipeline the run is looked for in all that are set up.",
        show_default=False,
    ),
]
OptionalPipeline = Annotated[
    str | None,
    typer.Argument(
        metavar="[PIPELINE]", help="Name of the pipeline; by default all that are set up.", show_default=False
    ),
]


def workspaces(session: Session, pipeline: str | None) -> Iterator[Workspace]:
    """Yield the workspace of a pipeline, or of all that are set up; report those that cannot be loaded."""
    if pipeline is not None:
        yield session.workspace(pipeline)
        return
    from mlops.pipelines.registry import pipeline_names

    there = session.dependencies.repositories(session.settings, session.credentials())
    for name in (name for name in pipeline_names() if name in there):
        try:
            check_pipeline(name)
        except ConfigError as error:
            session.report(f"left out: {error}")
        else:
            yield session.dependencies.open_workspace(session.settings, name, session.report)


def find(session: Session, given: Sequence[str]) -> tuple[Workspace, RunBook, Listed]:
    """Return workspace, runs and the one run that the arguments of a command name.

    Raises:
        ConfigError: There are more arguments than a pipeline and a run.
        InputError: Runs of several pipelines have this name, or several runs of one.
        NotFound: No run has it.
    """
    from mlops.runs.listing.find import find_run
    from mlops.steps.listing.book import RunBook

    if len(given) > _MOST_NAMES:
        raise ConfigError("more than a pipeline and a run", where=" ".join(given), todo="name one run")
    pipeline, name = given if len(given) == _MOST_NAMES else (None, given[0])
    found: list[tuple[Workspace, RunBook, Listed]] = []
    failure: NotFound | None = None
    for workspace in workspaces(session, pipeline):
        book = RunBook(workspace.lake, session.settings.state_dir)
        try:
            found.append((workspace, book, find_run(workspace.lake, book.state, book.runs, name)))
        except NotFound as error:
            failure = error
        book.save()
    if not found:
        raise failure or NotFound("no pipeline is set up here", where=name, todo="mlops init PIPELINE")
    if len(found) > 1:
        there = ", ".join(workspace.spec.name for workspace, _, _ in found)
        raise InputError(f"names a run in each of {there}", where=name, todo="name the pipeline too")
    return found[0]


def find_decided(session: Session, given: Sequence[str]) -> tuple[Workspace, Listed]:
    """Return workspace and run that the arguments of a command name; the run has a verdict.

    Raises:
        ConfigError: As for `find`.
        InputError: As for `find`, or the run has no verdict yet.
        NotFound: As for `find`.
    """
    workspace, book, found = find(session, given)
    book.save()
    if not found.decided:
        raise InputError(
            f"the run is {found.state} and has no verdict yet",
            where=found.run_id,
            todo="`mlops show` tells more",
        )
    return workspace, found

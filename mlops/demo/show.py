"""The demo as a command: a scratch store, the story, and links to its pages."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops import settings as settings_table
from mlops.adapters.lake import servers
from mlops.demo.plots import plot_of
from mlops.demo.story import Story
from mlops.runs import names
from mlops.runs.errors import ConfigError
from mlops.settings import LakeMode, Settings
from mlops.steps.opening import open_workspace

if TYPE_CHECKING:
    from mlops.steps.workspace import Workspace


def demo(
    say: Callable[[str], None],
    folder: Path,
    *,
    pipeline: str = "flights",
    months: int | None = None,
    lake: LakeMode = LakeMode.EMBEDDED,
    keep: bool = True,
    prepare: Callable[[Workspace], Workspace] = lambda workspace: workspace,
) -> dict[str, Any]:
    """Run the whole workflow of a pipeline in a scratch store and return what happened, as JSON types.

    Args:
        say: Receives lines for people.
        folder: Where the scratch store lies; what an earlier demo left there is removed first.
        pipeline: Whose story is told.
        months: How many months of flights arrive, from January 2013; 3 to 12, or None for 5.
        lake: Which lake server is started: the embedded one or the lakeFS program.
        keep: Whether the lake server goes on, so that the links open, until ``mlops down``.
        prepare: Changes the workspace before the story begins; the tests bring other data this way.

    Raises:
        ConfigError: The pipeline has no story, ``months`` is out of range or of no use to it, or an external
            lake was asked for.
    """
    plot = plot_of(pipeline, months)
    if lake is LakeMode.EXTERNAL:
        raise ConfigError("the demo always uses a scratch store of its own", where="--lake external")
    started = time.perf_counter()
    with _server(folder, lake, keep=keep) as settings:
        workspace = prepare(open_workspace(settings, pipeline))
        story = Story(settings, workspace, say)
        facts = story.tell(plot)
        told = {
            "pipeline": pipeline,
            **asdict(facts),
            "promotions": story.promotions(),
            "links": _links(workspace),
        }
        return {**told, "folder": str(folder), "elapsed_s_total": round(time.perf_counter() - started, 1)}


@contextmanager
def _server(folder: Path, lake: LakeMode, *, keep: bool) -> Iterator[Settings]:
    """Give the settings of a fresh store whose server runs; a demo that failed leaves no server behind."""
    servers.stop(folder)
    shutil.rmtree(folder, ignore_errors=True)
    database = (folder / "mlflow.db").absolute()
    done = False
    try:
        (servers.start_lakefs if lake is LakeMode.LAKEFS else servers.start_embedded)(folder)
        yield settings_table.load(
            state_dir=folder, lake=lake, mlflow_tracking_uri=f"sqlite:///{database}", mode="standard"
        )
        done = True
    finally:
        if not (done and keep):
            servers.stop(folder)


def _links(workspace: Workspace) -> dict[str, str]:
    """Return the pages to look at, by what they show."""
    links, lake = workspace.links, workspace.lake
    shown = {
        "what main holds": links.objects(names.MAIN),
        "what the rollback took back": links.compare(names.CHAMPION_TAG, _newest_rollback(lake.tags())),
        "the champion's report": links.report(names.CHAMPION_TAG),
    }
    if not workspace.spec.has_model:
        shown["the profile of its rows"] = links.object(names.CHAMPION_TAG, names.PROFILE_PAGE)
    return shown


def _newest_rollback(tags: dict[str, str]) -> str:
    return max((tag for tag in tags if names.is_rollback_tag(tag)), default=names.MAIN)

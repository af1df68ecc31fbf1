"""The demo of each pipeline: its verdicts follow from its data, also where other data takes its place."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mlops.adapters.lake import servers
from mlops.demo.plots import PLOTS, Broken, Candidate, plot_of
from mlops.demo.show import demo
from mlops.pipelines import PIPELINES
from mlops.pipelines import pipeline as pipeline_of
from mlops.pipelines.sources import FunctionSource
from mlops.runs.errors import ConfigError
from mlops.settings import LakeMode
from tests.faults.telling import TOOK

if TYPE_CHECKING:
    import pandas as pd

    from mlops.steps.workspace import Workspace

pytestmark = pytest.mark.slow

Say = Callable[[str, object], None]


def told(folder: Path, **options: Any) -> tuple[dict[str, Any], list[str]]:
    lines: list[str] = []
    return demo(lines.append, folder, keep=False, **options), lines


def broken(pipeline: str) -> set[str]:
    scenes = [scene for chapter in plot_of(pipeline) for scene in chapter.scenes]
    return {each.name for scene in scenes if isinstance(scene, Broken) for each in scene.breakages}


def test_as_shipped_the_story_ends_with_everything_belonging_together(
    tmp_path: Path, record_property: Say
) -> None:
    facts, lines = told(tmp_path / "demo")
    assert [run["promoted"] for run in facts["runs"]] == [True, True, False, False]
    assert set(facts["stopped"]) == broken("flights")
    winner, loser = facts["race"]
    assert (winner["number"], winner["decided_again"]) == (3, 0)
    assert loser["decided_again"] >= 1
    assert all(facts["rollback"]["checks"].values())
    assert facts["rollback"]["dropped_runs"] == [winner["run_id"]]
    assert [row["number"] for row in facts["promotions"]] == [1, 2, 3, 4]
    assert facts["audit"]["findings"] == []
    assert facts["audit"]["commits"] > 5, "the gate, four months and two promotions are left"
    assert facts["links"], "\n".join(lines)
    record_property(TOOK, f"flights: {facts['elapsed_s_total']:.1f} s")


@pytest.mark.parametrize("pipeline", sorted(set(PLOTS) - {"flights"}))
def test_every_pipeline_promotes_refuses_goes_back_and_is_proved(
    tmp_path: Path, pipeline: str, record_property: Say
) -> None:
    facts, lines = told(tmp_path / "demo", pipeline=pipeline)
    record_property(TOOK, f"{pipeline}: {facts['elapsed_s_total']:.1f} s")
    assert facts["pipeline"] == pipeline
    assert [run["promoted"] for run in facts["runs"]] == [True, True, False], "\n".join(lines)
    assert all(run["sentence"] for run in facts["runs"])
    assert set(facts["stopped"]) == broken(pipeline)
    assert facts["rollback"]["to_number"] == 1
    assert all(facts["rollback"]["checks"].values())
    assert facts["audit"]["findings"] == []
    assert [row["kind"] for row in facts["promotions"]] == ["promotion", "promotion", "rollback"]
    assert servers.running(Path(facts["folder"])) is None


def test_every_pipeline_that_trains_a_model_has_a_story() -> None:
    assert set(PLOTS) == {name for name in PIPELINES if name in PLOTS or pipeline_of(name).task.losses}
    for name in PLOTS:
        candidates = [s for chapter in plot_of(name) for s in chapter.scenes if isinstance(s, Candidate)]
        for candidate in candidates:
            pipeline_of(name).parameters(candidate.params)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pipeline": "trains"}, "has no demo; there are bike-sharing, flights"),
        ({"pipeline": "songs", "months": 4}, "only the demo of flights takes a number of months"),
        ({"months": 2}, "between 3 and 12 months"),
    ],
)
def test_a_story_that_cannot_be_told_is_refused_before_anything_is_removed(
    tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    kept = tmp_path / "demo" / "kept"
    kept.parent.mkdir()
    kept.touch()
    with pytest.raises(ConfigError, match=message):
        told(tmp_path / "demo", **options)
    assert kept.exists()


def _departs_as_it_arrives(workspace: Workspace) -> Workspace:
    """Return a workspace whose flights arrive exactly as late as they left: the baseline is perfect."""
    source = workspace.source

    def exact(arrival: str) -> Mapping[str, pd.DataFrame]:
        tables = dict(source.extract(arrival))
        flights = tables["flights"]
        return {**tables, "flights": flights.assign(arr_delay=flights["dep_delay"].astype("float64"))}

    return dataclasses.replace(
        workspace,
        spec=dataclasses.replace(
            workspace.spec, source=lambda _options: FunctionSource(source.arrivals, exact)
        ),
    )


def test_other_data_other_verdicts(tmp_path: Path) -> None:
    facts, _ = told(tmp_path / "demo", months=3, prepare=_departs_as_it_arrives)
    assert not any(run["promoted"] for run in facts["runs"])
    assert not any(run["number"] for run in facts["race"])
    assert facts["rollback"] == {}
    assert facts["promotions"] == []
    assert servers.running(Path(facts["folder"])) is None


def test_the_demo_never_touches_a_team_s_lake(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="scratch"):
        told(tmp_path / "demo", lake=LakeMode.EXTERNAL)

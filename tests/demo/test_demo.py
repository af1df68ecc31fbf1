"""The demo of each pipeline: its verdicts follow from its data, also where other data takes its place."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mlops.adapters.lake import servers
from mlops.demo.plots import PLOTS, plot_of
from mlops.demo.scenes import Broken, Candidate
from mlops.demo.show import demo
from mlops.pipelines import PIPELINES
from mlops.pipelines import pipeline as pipeline_of
from mlops.pipelines.sources import FunctionSource
from mlops.pipelines.spec import Joined
from mlops.pipelines.tasks import DataOnly
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


@pytest.mark.parametrize(
    "pipeline", [name for name in sorted(set(PLOTS) - {"flights"}) if pipeline_of(name).has_model]
)
def test_every_pipeline_with_a_model_promotes_refuses_goes_back_and_is_proved(
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


def test_versions_of_data_are_made_refused_listed_read_and_gone_back_to(
    tmp_path: Path, record_property: Say
) -> None:
    facts, lines = told(tmp_path / "demo", pipeline="tabular-lab")
    record_property(TOOK, f"tabular-lab: {facts['elapsed_s_total']:.1f} s")
    assert [run["number"] for run in facts["runs"]] == [1, 2, 3, 0, 0], "\n".join(lines)
    too_few, too_many_unknown = (run["sentence"] for run in facts["runs"][3:])
    assert "expect_table_row_count_to_be_between: found 50" in too_few
    assert "expect_column_values_to_not_be_null(income)" in too_many_unknown
    assert set(facts["stopped"]) == broken("tabular-lab")
    assert [(v["version"], v["rows"], v["on_main"]) for v in facts["versions"]] == [
        ("v1", 1000, True),
        ("v2", 2000, True),
        ("v3", 2000, True),
    ]
    changed = [tuple(v["parameters"][name] for name in ("rows", "noise", "drift")) for v in facts["versions"]]
    assert changed == [(1000, 1.0, 0.0), (2000, 0.5, 0.0), (2000, 0.5, 2.0)]
    assert len({v["digest"] for v in facts["versions"]}) == 3
    assert (facts["read"]["version"], facts["read"]["rows"]) == ("v2", 2000)
    assert (facts["profile"]["version"], facts["profile"]["rows"]) == ("v3", 2000)
    assert any("█" in line for line in lines)
    assert facts["rollback"]["to_number"] == 2
    assert facts["rollback"]["reset_s"] < facts["rollback"]["total_s"] < 60
    assert len(facts["rollback"]["checks"]) == 6
    assert all(facts["rollback"]["checks"].values())
    assert facts["audit"] == {"commits": 6, "findings": []}
    where = [(row["number"], row["kind"], row["on_main"]) for row in facts["promotions"]]
    assert where == [
        (1, "promotion", True),
        (2, "promotion", True),
        (3, "promotion", False),
        (4, "rollback", False),
    ]
    assert "reports%2Fprofile.md" in facts["links"]["the profile of its rows"]


def _always_enough(workspace: Workspace) -> Workspace:
    """Return a workspace whose runs make 500 rows at least, whatever they are asked for."""
    task = workspace.spec.task
    assert isinstance(task, DataOnly)

    def enough(tables: Mapping[str, Any], params: Any) -> Joined:
        return task.rows(tables, dataclasses.replace(params, rows=max(params.rows, 500)))

    return dataclasses.replace(workspace, spec=dataclasses.replace(workspace.spec, task=DataOnly(enough)))


def test_other_rows_make_other_versions(tmp_path: Path) -> None:
    facts, lines = told(tmp_path / "demo", pipeline="tabular-lab", prepare=_always_enough)
    assert [run["number"] for run in facts["runs"]] == [1, 2, 3, 4, 0], "\n".join(lines)
    assert [version["rows"] for version in facts["versions"]] == [1000, 2000, 2000, 500]
    assert facts["rollback"]["to_number"] == 2


def test_every_pipeline_has_a_story() -> None:
    assert set(PLOTS) == set(PIPELINES)
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

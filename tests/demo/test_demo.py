"""The demo's verdicts follow from its data: as shipped, and with other data under the same chapters."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mlops.adapters.lake import servers
from mlops.demo.broken import BREAKAGES
from mlops.demo.show import demo
from mlops.pipelines.sources import FunctionSource
from mlops.runs.errors import ConfigError
from mlops.settings import LakeMode

if TYPE_CHECKING:
    import pandas as pd

    from mlops.steps.workspace import Workspace

pytestmark = pytest.mark.slow


def told(folder: Path, **options: Any) -> tuple[dict[str, Any], list[str]]:
    lines: list[str] = []
    return demo(lines.append, folder, keep=False, **options), lines


def test_as_shipped_the_story_ends_with_everything_belonging_together(tmp_path: Path) -> None:
    facts, lines = told(tmp_path / "demo")
    assert [run["promoted"] for run in facts["runs"]] == [True, True, False, False]
    assert set(facts["stopped"]) == {breakage.name for breakage in BREAKAGES}
    winner, loser = facts["race"]
    assert (winner["number"], winner["decided_again"]) == (3, 0)
    assert loser["decided_again"] >= 1
    assert all(facts["rollback"]["checks"].values())
    assert facts["rollback"]["dropped_runs"] == [winner["run_id"]]
    assert [row["number"] for row in facts["promotions"]] == [1, 2, 3, 4]
    assert facts["links"], "\n".join(lines)


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

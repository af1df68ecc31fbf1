"""What a user names, and whether a run is over."""

from __future__ import annotations

import pytest

from mlops.runs import names
from mlops.runs.errors import InputError, NotFound
from mlops.runs.main.recorded_runs import Recorded
from mlops.runs.main.state import read_main
from mlops.runs.promotion.attempts import ended_run
from mlops.runs.promotion.lookup import evidence_of, resolved
from mlops.runs.upkeep.sweep import sweep
from tests.cli.conftest import Desk


class TestResolved:
    def test_takes_branches_tags_commits_and_numbers(self, mlops: Desk) -> None:
        lake = mlops.world.lake
        tags = lake.tags()

        assert resolved(lake, "main") == resolved(lake, mlops.head) == mlops.head
        assert resolved(lake, "champion") == tags["champion"]
        assert resolved(lake, "1") == tags[names.promotion_tag(1)]

    def test_takes_the_number_of_a_rollback(self, mlops: Desk) -> None:
        mlops.world.roll_back()

        assert resolved(mlops.world.lake, "3") == mlops.world.lake.tags()[names.rollback_tag(3)]

    def test_names_what_is_not_there(self, mlops: Desk) -> None:
        with pytest.raises(InputError, match="no promotion or rollback has this number"):
            resolved(mlops.world.lake, "9")
        with pytest.raises(NotFound, match="no such branch, tag or commit"):
            resolved(mlops.world.lake, "nonsense")


class TestIsOver:
    def over(self, desk: Desk, run_id: str) -> bool:
        state = read_main(desk.world.lake)
        return ended_run(Recorded(desk.world.lake, state), run_id) is not None

    def test_what_was_promoted_refused_or_rolled_back_is_over(self, mlops: Desk) -> None:
        promoted, refused = mlops.world.run(mae=10.0), mlops.world.run(mae=15.0)
        assert self.over(mlops, promoted.run.run_id)
        assert self.over(mlops, refused.run.run_id)

        mlops.world.roll_back()
        sweep(mlops.world.ports, dry_run=False)
        assert self.over(mlops, promoted.run.run_id)
        assert self.over(mlops, refused.run.run_id)

    def test_what_is_unfinished_or_was_never_begun_is_not(self, mlops: Desk) -> None:
        assert not self.over(mlops, mlops.world.train(mae=9.0).run_id)
        assert not self.over(mlops, "0" * 12)


class TestEvidenceOf:
    def test_is_the_newest_decision_on_a_run(self, mlops: Desk) -> None:
        refused = mlops.world.run(mae=15.0)

        assert evidence_of(mlops.world.lake, refused.run.run_id) == refused.evidence_commit

    def test_is_not_there_for_a_run_that_was_never_decided_on(self, mlops: Desk) -> None:
        with pytest.raises(NotFound, match="no decision"):
            evidence_of(mlops.world.lake, mlops.world.train(mae=9.0).run_id)

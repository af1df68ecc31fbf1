"""A rollback as a new commit: the old content comes back, and what was dropped does not."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime

import pytest

from mlops.runs import names
from mlops.runs.arrivals.ingest import Delivery, ingest
from mlops.runs.errors import InputError, MainMoved, NotPromoted, OnHold, Unlawful
from mlops.runs.main.policy import apply_policy
from mlops.runs.main.state import lineage, promotions, read_main, since
from mlops.runs.promotion.decision import decide
from mlops.runs.promotion.promote import promote
from mlops.runs.rollback.forward import announced, go_forward
from mlops.runs.rollback.impact import runs_without_ground, unfinished_runs
from mlops.runs.rollback.rollback import plan_rollback, resume, rollback
from mlops.runs.rollback.target import target_number
from mlops.runs.upkeep.reconcile import CHAMPION_ALIAS, model_uri, reconcile
from tests.support.fakes import FakeProcesses
from tests.support.protocol import World, new_world, passes


@pytest.fixture
def world() -> World:
    return new_world("2013-01", "2013-02")


@pytest.fixture
def two(world: World) -> World:
    """Two promotions, and an arrival in between."""
    world.run(mae=14.0)
    world.arrive("2013-03")
    world.run(mae=12.0)
    return world


def forward(world: World, to: int | None = 1) -> None:
    reconcile(world.ports)
    rollback(world.ports, "it was wrong", to, forward=True)
    reconcile(world.ports)


def head_of(world: World) -> str:
    return world.lake.head("main")


class TestForward:
    def test_brings_the_old_content_back_as_one_new_commit(self, two: World) -> None:
        before, target = head_of(two), two.lake.tags()["promotion-000001"]
        forward(two)
        commit = two.lake.commit_of("main")
        assert commit.parents == (before,)
        assert two.lake.diff(target, commit.id) == []
        assert (commit.metadata["kind"], commit.metadata["number"]) == ("rollback", "3")
        state = read_main(two.lake)
        assert state.champion is not None
        assert state.champion.number == 1
        assert state.rollback is None

    def test_leaves_record_hold_and_bars(self, two: World) -> None:
        before = head_of(two)
        dropped = read_main(two.lake).champion
        assert dropped is not None
        forward(two)
        state = read_main(two.lake)
        recorded = two.lake.commit_of(state.tags["rolledback-000003"])
        assert recorded.parents == (before,)
        record = json.loads(two.lake.read(recorded.id, names.ROLLBACK))
        assert (record["forward"], record["to_number"], record["reason"]) == (True, 1, "it was wrong")
        assert list(record["dropped_arrivals"]) == ["raw/flights/2013-03.parquet"]
        assert state.is_revoked(dropped.run_id)
        assert state.on_hold
        assert not two.lake.branches("rollback-")

    def test_caches_follow_to_the_old_promotion(self, two: World) -> None:
        forward(two)
        promoted = two.lake.tags()["promotion-000001"]
        assert two.lake.tags()[names.CHAMPION_TAG] == promoted
        tracker = two.ports.tracker
        version = tracker.version_of("flights", model_uri("flights", promoted))
        assert tracker.alias("flights", CHAMPION_ALIAS) == version == "1"
        assert reconcile(two.ports) == []

    def test_never_lifts_the_protection(self, two: World) -> None:
        version = two.lake.protection().version
        two.lake.protect = two.lake.hard_reset = None  # type: ignore[assignment, method-assign]
        forward(two)
        assert two.lake.protection().version == version

    def test_goes_back_one_by_default_and_not_twice(self, two: World) -> None:
        forward(two, None)
        after = head_of(two)
        forward(two, None)
        assert head_of(two) == after
        forward(two, 1)
        assert head_of(two) == after

    def test_leaves_what_judges_as_it_is(self, two: World) -> None:
        apply_policy(two.ports, {names.POLICY: b"alpha: 0.01\n", "gate/suites/extra.json": b"{}"}, "stricter")
        forward(two)
        assert two.lake.read("main", names.POLICY) == b"alpha: 0.01\n"
        assert two.lake.read("main", "gate/suites/extra.json") == b"{}"
        changed = two.lake.diff(two.lake.tags()["promotion-000001"], head_of(two))
        assert {c.path for c in changed} == {names.POLICY, "gate/suites/extra.json"}

    def test_removes_nothing_but_what_judges_differently(self, two: World) -> None:
        rules = {"gate/suites/extra.json": b"{}"}
        apply_policy(two.ports, rules, "more")
        plan = plan_rollback(two.ports, "look", 1, forward=True)
        assert plan is not None
        assert not any(c.path.startswith(names.GATE) for c in plan.changes)

    def test_does_nothing_where_only_what_judges_has_changed(self, world: World) -> None:
        world.run(mae=14.0)
        apply_policy(world.ports, {names.POLICY: b"alpha: 0.01\n"}, "stricter")
        assert rollback(world.ports, "no", 1, forward=True) is None

    def test_drops_arrivals_alone_if_that_is_all_there_is(self, world: World) -> None:
        first = world.run(mae=14.0)
        world.arrive("2013-03")
        forward(world, 1)
        assert world.lake.diff(first.merge_commit, head_of(world)) == []
        assert not world.lake.tags("revoked-")
        with pytest.raises(InputError, match="--again"):
            world.arrive("2013-03")
        world.arrive("2013-03", again=True)

    @pytest.mark.parametrize("tables", [50, 51])
    def test_records_every_delivery_that_it_drops(self, world: World, tables: int) -> None:
        world.run(mae=14.0)
        delivered = {f"t{n}": f"{n}".encode() for n in range(tables)}
        ingest(world.ports, Delivery("2013-03", delivered, "test"), passes)
        plan = plan_rollback(world.ports, "look", 1)
        assert plan is not None
        dropped = plan.record.dropped_arrivals
        head = head_of(world)
        assert dropped == {path: world.lake.stat(head, path).checksum for path in dropped}
        assert len(dropped) == tables


class TestAfterwards:
    """The dropped commits stay ancestors of main: that they count no more is told by the lineage alone."""

    def test_numbers_go_on_in_one_sequence(self, two: World) -> None:
        forward(two)
        resume(two.ports, "go on")
        ended = two.run(mae=11.0)
        assert (ended.number, ended.decision.compared_to.number) == (4, 1)
        numbers = sorted(n for n in map(names.event_number, two.lake.tags()) if n is not None)
        assert numbers == [1, 2, 3, 4]

    def test_a_number_that_is_not_tagged_yet_is_not_used_again(self, two: World) -> None:
        forward(two)
        del two.lake._tags["rolledback-000003"]  # type: ignore[attr-defined]
        assert read_main(two.lake).next_number == 4
        assert reconcile(two.ports)[0].endswith("as rolledback-000003")

    def test_the_lineage_leaves_out_what_was_dropped(self, two: World) -> None:
        dropped = head_of(two)
        forward(two)
        resume(two.ports, "go on")
        two.run(mae=11.0)
        assert [c.metadata["number"] for c in promotions(two.lake, "main")] == ["4", "1"]
        assert dropped in [c.id for c in two.lake.log("main")]
        assert dropped not in [c.id for c in lineage(two.lake, "main")]
        assert not since(two.lake, head_of(two), dropped).reached

    def test_a_run_that_forked_from_what_was_dropped_is_not_merged(self, two: World) -> None:
        run = decide(two.ports, two.judge, two.train(mae=11.0)).run
        forward(two)
        resume(two.ports, "go on")
        with pytest.raises(Unlawful, match="dropped"):
            promote(two.ports, two.judge, run)

    def test_a_run_that_forked_from_the_restored_promotion_is_merged(self, world: World) -> None:
        world.run(mae=14.0)
        slow = decide(world.ports, world.judge, world.train(mae=11.0)).run
        world.run(mae=12.0)
        forward(world)
        resume(world.ports, "go on")
        ended = promote(world.ports, world.judge, slow)
        assert (ended.number, ended.decided_again) == (4, 0)
        assert world.lake.read("main", "model/mae") == b"11.0"

    def test_a_promotion_whose_answer_was_lost_is_not_made_again(self, two: World) -> None:
        champion = read_main(two.lake).champion
        assert champion is not None
        run = two.train(mae=12.0)
        forward(two)
        resume(two.ports, "go on")
        with pytest.raises(NotPromoted, match="revoked"):
            promote(two.ports, two.judge, decide(two.ports, two.judge, run).run)

    def test_an_arrival_that_forked_from_what_was_dropped_is_judged_anew(self, two: World) -> None:
        judged: list[str] = []

        def validate(suites: str, data: str) -> object:
            judged.append(suites)
            if len(judged) == 1:
                forward(two)
            return passes(suites, data)

        ended = ingest(two.ports, Delivery("2013-04", {"flights": b"x"}, "test"), validate)  # type: ignore[arg-type]
        assert len(set(judged)) == 2
        assert two.lake.commit_of(ended.commit).metadata["arrival"] == "2013-04"
        assert "raw/flights/2013-03.parquet" not in {s.path for s in two.lake.list(ended.commit)}

    def test_what_was_dropped_is_no_target_any_more(self, two: World) -> None:
        forward(two)
        with pytest.raises(InputError, match="choose one of: 1"):
            rollback(two.ports, "back again", 2)
        with pytest.raises(InputError, match="choose one of: 1"):
            rollback(two.ports, "back again", 2, forward=True)

    def test_promotions_wait_until_they_are_resumed(self, two: World) -> None:
        forward(two)
        with pytest.raises(OnHold):
            two.run(mae=11.0)

    def test_a_reset_may_follow(self, two: World) -> None:
        forward(two)
        resume(two.ports, "go on")
        fourth = two.run(mae=11.0)
        two.roll_back()
        state = read_main(two.lake)
        assert state.head == state.tags["promotion-000001"]
        assert state.is_revoked(fourth.run.run_id)
        assert state.next_number == 6

    def test_another_one_may_follow(self, two: World) -> None:
        forward(two)
        resume(two.ports, "go on")
        two.run(mae=11.0)
        forward(two, None)
        assert two.lake.read("main", "model/mae") == b"14.0"
        assert [c.metadata["number"] for c in promotions(two.lake, "main")] == ["1"]
        assert read_main(two.lake).next_number == 6


class TestRaces:
    def test_an_arrival_that_comes_before_it_is_dropped_too(self, two: World) -> None:
        plan = plan_rollback(two.ports, "look", 1, forward=True)
        assert plan is not None
        two.arrive("2013-04")
        with pytest.raises(MainMoved):
            go_forward(two.ports, plan)
        forward(two)
        record = json.loads(two.lake.read(two.lake.tags()["rolledback-000003"], names.ROLLBACK))
        assert set(record["dropped_arrivals"]) == {f"raw/flights/2013-0{month}.parquet" for month in (3, 4)}

    def test_one_that_was_announced_is_finished_by_the_next_command(self, two: World) -> None:
        plan = plan_rollback(two.ports, "look", 1, forward=True)
        assert plan is not None
        two.arrive("2013-04")
        with pytest.raises(MainMoved):
            go_forward(two.ports, plan)
        assert [entry.owed for entry in announced(two.lake, read_main(two.lake))] == [True]
        others = dataclasses.replace(two.ports, processes=FakeProcesses("other:2:2"))
        assert "finished the rollback to promotion 1" in reconcile(others)[0]
        champion = read_main(two.lake).champion
        assert champion is not None
        assert champion.number == 1
        assert not two.lake.branches("rollback-")
        assert reconcile(others) == []

    def test_of_two_at_once_one_is_made(self, two: World) -> None:
        plans = [plan_rollback(two.ports, "look", 1, forward=True) for _ in range(2)]
        for plan in plans[:1]:
            assert plan is not None
            go_forward(two.ports, plan)
        late = plans[1]
        assert late is not None
        with pytest.raises(MainMoved):
            go_forward(two.ports, late)
        reconcile(two.ports)
        assert rollback(two.ports, "look", 1, forward=True) is None
        assert sorted(two.lake.tags("rolledback-")) == ["rolledback-000003"]


class TestTarget:
    """The commits of the lake in memory were made at second 0, 1, 2 and so on."""

    def test_a_number_a_tag_and_a_commit(self, two: World) -> None:
        commit = two.lake.tags()["promotion-000001"]
        for text in ("1", "promotion-000001", commit):
            assert target_number(two.lake, text) == 1

    def test_a_date_means_the_last_promotion_at_or_before_it(self, two: World) -> None:
        first, second = (two.lake.commit_of(f"promotion-00000{n}").created_at_s for n in (1, 2))
        assert target_number(two.lake, "1970-01-01") == 2
        assert target_number(two.lake, _time(first)) == 1
        assert target_number(two.lake, _time(second - 1)) == 1
        assert target_number(two.lake, _time(second).replace("+00:00", "")) == 2
        with pytest.raises(InputError, match="from that time or before"):
            target_number(two.lake, _time(first - 1))

    def test_a_date_skips_what_was_dropped(self, two: World) -> None:
        forward(two)
        assert target_number(two.lake, "1970-01-01") == 1

    @pytest.mark.parametrize("text", ["no such thing", "0", "promotion-000009", "2013-13-45", ""])
    def test_anything_else_is_refused(self, two: World, text: str) -> None:
        with pytest.raises(InputError):
            target_number(two.lake, text)

    def test_a_commit_that_is_no_promotion_leads_to_the_one_before_it(self, two: World) -> None:
        head = two.lake.commit_of("promotion-000002").parents[0]
        with pytest.raises(InputError, match="the last one before it is 1"):
            target_number(two.lake, head)


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


class TestWithoutGround:
    def test_runs_whose_fork_would_be_dropped_are_named(self, world: World) -> None:
        world.run(mae=14.0)
        stays = world.train(mae=11.0)
        world.arrive("2013-03")
        goes = world.train(mae=10.0)
        world.run(mae=12.0)
        for how in (False, True):
            plan = plan_rollback(world.ports, "look", 1, forward=how)
            assert plan is not None
            assert [r.run_id for r in runs_without_ground(world.lake, plan)] == [goes.run_id]
        unfinished = {r.run_id for r in unfinished_runs(world.lake, read_main(world.lake))}
        assert unfinished == {stays.run_id, goes.run_id}

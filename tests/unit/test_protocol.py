"""A run from its opening to `main`, refusals and races: what holds afterwards."""

from __future__ import annotations

import dataclasses

import pytest

from mlops.runs import names
from mlops.runs.arrivals.ingest import Delivery, ingest
from mlops.runs.decisions import Outcome, Reason
from mlops.runs.errors import (
    ConfigError,
    Conflict,
    Fenced,
    RunAlive,
    Unlawful,
    ValidationFailed,
)
from mlops.runs.main.setup import set_up
from mlops.runs.main.state import promotions, read_main
from mlops.runs.promotion.attempts import finish_step
from mlops.runs.promotion.decision import decide
from mlops.runs.promotion.opening import open_run
from mlops.runs.promotion.promote import promote
from mlops.runs.records import Step
from mlops.runs.rollback.rollback import resume
from mlops.runs.upkeep.reconcile import CHAMPION_ALIAS, model_uri, reconcile
from mlops.runs.upkeep.sweep import survey, sweep
from tests.support.fakes import FakeProcesses, inputs
from tests.support.memory_lake import MemoryLake
from tests.support.protocol import GATE_FILES, World, champion_alias, fails, new_world
from tests.support.protocol import run as whole_run


@pytest.fixture
def world() -> World:
    return new_world("2013-01", "2013-02")


def test_first_model_that_beats_the_baseline_becomes_champion_everywhere(world: World) -> None:
    ended = world.run(mae=12.0)
    state = read_main(world.lake)
    assert ended.number == 1
    assert state.head == ended.merge_commit
    assert state.champion is not None
    assert state.champion.run_id == ended.run.run_id
    assert state.tags["promotion-000001"] == state.tags["champion"] == state.head
    assert champion_alias(world) == model_uri("flights", state.head)
    assert world.lake.read("main", "model/mae") == b"12.0"


def test_no_commit_of_a_run_is_reachable_from_main(world: World) -> None:
    ended = world.run(mae=12.0)
    assert world.lake.commit_of(ended.merge_commit).parents == (world.lake.commit_of(ended.run.fork).id,)


def test_a_worse_candidate_is_refused_and_its_evidence_is_kept(world: World) -> None:
    world.run(mae=12.0)
    head = world.lake.head("main")
    ended = world.run(mae=13.0)
    assert ended.decision.verdict.outcome is Outcome.REFUSE
    assert ended.decision.verdict.findings[0].reason is Reason.NO_GAIN
    assert world.lake.head("main") == head
    assert world.lake.tags("decision-")[f"decision-{'a' * 12}-2"] == ended.evidence_commit


def test_every_look_at_a_holdout_is_counted_and_costs_level(world: World) -> None:
    levels = [world.run(mae=12.0 - i).decision.verdict.level for i in range(3)]
    assert levels == pytest.approx([0.05 / 2, 0.05 / 6, 0.05 / 12])


def test_running_the_same_again_does_nothing(world: World) -> None:
    first = world.run(mae=12.0)
    tags, branches = world.lake.tags(), world.lake.branches()
    second = world.run(mae=12.0)
    assert second.merge_commit == first.merge_commit
    assert (world.lake.tags(), world.lake.branches()) == (tags, branches)


def test_a_refused_run_again_reports_the_same_refusal(world: World) -> None:
    world.run(mae=12.0)
    first, branches = world.run(mae=13.0), world.lake.branches()
    assert world.run(mae=13.0).evidence_commit == first.evidence_commit
    assert world.lake.branches() == branches


def test_two_runs_that_decided_against_the_same_champion_one_wins_the_other_is_compared_again(
    world: World,
) -> None:
    world.run(mae=14.0)
    better, best = world.train(mae=12.0), world.train(mae=11.0)
    better = decide(world.ports, world.judge, better).run
    best = decide(world.ports, world.judge, best).run
    won = promote(world.ports, world.judge, better)
    also = promote(world.ports, world.judge, best)
    assert won.number == 2
    assert won.decided_again == 0
    assert also.number == 3
    assert also.decided_again == 1
    assert also.decision.compared_to.run_id == won.run.run_id


def test_the_loser_of_a_race_that_does_not_beat_the_winner_is_refused(world: World) -> None:
    world.run(mae=14.0)
    first, second = world.train(mae=11.0), world.train(mae=12.0)
    first = decide(world.ports, world.judge, first).run
    second = decide(world.ports, world.judge, second).run
    promote(world.ports, world.judge, first)
    lost = promote(world.ports, world.judge, second)
    assert lost.decision.verdict.outcome is Outcome.REFUSE
    assert lost.number == 0
    assert world.lake.read("main", "model/mae") == b"11.0"


def test_an_arrival_in_between_does_not_make_a_new_decision_necessary(world: World) -> None:
    trained = decide(world.ports, world.judge, world.train(mae=12.0)).run
    world.arrive("2013-03")
    ended = promote(world.ports, world.judge, trained)
    assert ended.decided_again == 0
    assert world.lake.read("main", "raw/flights/2013-03.parquet")
    state = read_main(world.lake)
    assert state.champion is not None
    assert state.champion.raw_commit == trained.fork


def test_objects_that_only_the_old_champion_had_are_gone_after_a_lost_race(world: World) -> None:
    world.run(mae=14.0)
    slow = decide(world.ports, world.judge, world.train(mae=11.0)).run
    other = world.train(mae=12.0)
    world.lake.write(other.branch, "model/extra", b"only here")
    other = finish_step(world.ports, other, Step.TRAINED, "again")
    promote(world.ports, world.judge, decide(world.ports, world.judge, other).run)
    promote(world.ports, world.judge, slow)
    assert [s.path for s in world.lake.list("main", "model/")] == ["model/mae"]


def test_outputs_of_the_champion_do_not_stay_beside_a_new_run_s(world: World) -> None:
    first = world.train(mae=14.0)
    world.lake.write(first.branch, "model/extra", b"only here")
    first = finish_step(world.ports, first, Step.TRAINED, "again")
    promote(world.ports, world.judge, decide(world.ports, world.judge, first).run)
    world.run(mae=11.0)
    assert [s.path for s in world.lake.list("main", "model/")] == ["model/mae"]


def test_a_run_whose_owner_lives_elsewhere_is_not_touched(world: World) -> None:
    run = world.train(mae=12.0)
    other = dataclasses.replace(world.ports, processes=FakeProcesses("other:2:2", living={run.lease.owner}))
    with pytest.raises(RunAlive, match="host:1:1"):
        open_run(other, lambda _fork: run.inputs)


def test_an_attempt_on_an_unseen_host_is_believed_until_its_lease_expires(world: World) -> None:
    run = world.train(mae=12.0)
    processes = FakeProcesses("other:2:2", unseen={run.lease.owner})
    other = dataclasses.replace(world.ports, processes=processes)
    with pytest.raises(RunAlive):
        open_run(other, lambda _fork: run.inputs)
    world.ports.clock.now += 3601  # type: ignore[attr-defined]
    resumed = open_run(other, lambda _fork: run.inputs)
    assert (resumed.attempt, resumed.step) == (2, Step.TRAINED)


def test_a_dead_attempt_is_continued_from_its_last_step_and_fenced(world: World) -> None:
    run = world.train(mae=12.0)
    other = dataclasses.replace(world.ports, processes=FakeProcesses("other:2:2"))
    resumed = open_run(other, lambda _fork: run.inputs)
    assert (resumed.run_id, resumed.attempt, resumed.step) == (run.run_id, 2, Step.TRAINED)
    with pytest.raises(Fenced, match="a2"):
        finish_step(world.ports, run, Step.DECIDED, "zombie")


def test_a_decision_survives_the_process_that_made_it(world: World) -> None:
    run = decide(world.ports, world.judge, world.train(mae=12.0)).run
    other = dataclasses.replace(world.ports, processes=FakeProcesses("other:2:2"))
    ended = whole_run(other, world.judge, 12.0, run.inputs)
    assert ended.number == 1
    assert ended.evidence_commit == run.head
    assert world.judge.evaluations == 1


def test_a_run_that_was_started_before_a_rollback_dropped_its_fork_is_not_merged(world: World) -> None:
    world.run(mae=14.0)
    world.run(mae=13.0)
    run = decide(world.ports, world.judge, world.train(mae=12.0)).run
    world.roll_back()
    resume(world.ports, "checked")
    with pytest.raises(Unlawful, match="dropped"):
        promote(world.ports, world.judge, run)


def test_numbers_are_one_sequence_without_gaps(world: World) -> None:
    world.run(mae=14.0)
    world.run(mae=12.0)
    world.roll_back()
    resume(world.ports, "go on")
    world.run(mae=11.0)
    numbers = sorted(n for n in map(names.event_number, world.lake.tags()) if n is not None)
    assert numbers == [1, 2, 3, 4]


def test_reconcile_is_idempotent_and_repairs_moved_caches(world: World) -> None:
    world.run(mae=14.0)
    world.run(mae=12.0)
    assert reconcile(world.ports) == []
    world.lake.hook = None  # type: ignore[attr-defined] - the tag was moved where no server refuses that
    world.lake.delete_tag("champion")
    world.lake.create_tag("champion", world.lake.tags()["promotion-000001"])
    world.ports.tracker.set_alias("flights", CHAMPION_ALIAS, "1")
    assert len(reconcile(world.ports)) == 2
    assert world.lake.tags()["champion"] == world.lake.head("main")
    assert reconcile(world.ports) == []


def test_a_failing_delivery_stays_on_its_branch(world: World) -> None:
    head = world.lake.head("main")
    with pytest.raises(ValidationFailed, match="2 of 3"):
        ingest(world.ports, Delivery("2013-03", {"flights": b"broken"}, "test"), fails)
    assert world.lake.head("main") == head
    assert world.lake.branches("ingest-2013_03")


def test_the_same_delivery_twice_is_one_commit_another_content_replaces_it(world: World) -> None:
    first = world.arrive("2013-03")
    assert world.arrive("2013-03").unchanged
    again = world.arrive("2013-03", b"corrected")
    assert again.replaced == ("raw/flights/2013-03.parquet",)
    assert world.lake.head("main") == again.commit != first.commit
    assert world.lake.commit_of("main").metadata["replaced"] == "raw/flights/2013-03.parquet"


def test_a_server_that_runs_no_actions_is_not_accepted_and_main_is_put_back() -> None:
    lake = MemoryLake()
    from tests.support.fakes import fake_ports

    ports = fake_ports(lake)
    with pytest.raises(ConfigError, match="no action"):
        set_up(ports, GATE_FILES)
    assert "gate/probe" not in {s.path for s in lake.list("main")}


def test_a_branch_that_changes_what_judges_it_is_refused_before_it_is_merged(world: World) -> None:
    run = world.train(mae=12.0)
    world.lake.write(run.branch, names.POLICY, b"alpha: 0.5\n")
    run = finish_step(world.ports, run, Step.TRAINED, "again")
    run = decide(world.ports, world.judge, run).run
    with pytest.raises(Unlawful, match=names.POLICY):
        promote(world.ports, world.judge, run)


def test_a_decided_look_belongs_to_one_run_alone(world: World) -> None:
    first, second = world.train(mae=12.0), world.train(mae=11.0)
    one = decide(world.ports, world.judge, first)
    two = decide(world.ports, world.judge, second)
    assert (one.decision.verdict.look, two.decision.verdict.look) == (1, 2)


def test_sweep_removes_only_what_is_over(world: World) -> None:
    world.run(mae=14.0)
    unfinished = world.train(mae=12.0)
    others = dataclasses.replace(world.ports, processes=FakeProcesses("other:2:2"))
    with pytest.raises(ValidationFailed):
        ingest(world.ports, Delivery("2013-09", {"flights": b"broken"}, "test"), fails)
    before = world.lake.branches()
    listed = sweep(others, dry_run=True)
    assert world.lake.branches() == before
    sweep(others, dry_run=False)
    left = set(world.lake.branches())
    assert left == {e.branch for e in listed if not e.over} | {"main"}
    assert unfinished.branch in left
    assert any(branch.startswith("ingest-2013_09") for branch in left)
    assert not any(entry.over for entry in survey(others))


def test_an_attempt_stays_while_it_fences_one_at_work(world: World) -> None:
    slow = world.train(mae=12.0)
    other = dataclasses.replace(world.ports, processes=FakeProcesses("other:2:2", living={slow.lease.owner}))
    taken = open_run(other, lambda _fork: slow.inputs, take_over=True)
    promote(other, world.judge, decide(other, world.judge, taken).run)
    entries = {entry.branch: entry for entry in survey(other)}
    assert not entries[taken.branch].over
    assert entries[taken.branch].why == f"it fences {slow.lease.owner}, which works on an earlier attempt"
    later = dataclasses.replace(world.ports, processes=FakeProcesses("third:3:3"))
    assert {entry.branch for entry in survey(later) if entry.over} >= {slow.branch, taken.branch}


def test_history_lists_promotions_newest_first(world: World) -> None:
    world.run(mae=14.0)
    world.run(mae=12.0)
    assert [c.metadata["number"] for c in promotions(world.lake, "main")] == ["2", "1"]


def test_protect_loses_against_somebody_else_s_change(world: World) -> None:
    rules = world.lake.protection()
    world.lake.protect(["main", "release"], rules.version)
    with pytest.raises(Conflict):
        world.lake.protect([], rules.version)


def test_inputs_digest_depends_on_every_input() -> None:
    base = inputs({"a": 1})
    others = [
        dataclasses.replace(
            base, **{f.name: "x" if f.name not in {"params", "seed"} else ({"b": 2}, 8)[f.name == "seed"]}
        )
        for f in dataclasses.fields(base)
    ]
    assert len({base.digest, *(o.digest for o in others)}) == len(others) + 1


def test_an_objection_of_the_enforcer_while_main_moves_is_no_refusal(world: World) -> None:
    world.run(mae=14.0)
    slow = decide(world.ports, world.judge, world.train(mae=11.0)).run
    quick = decide(world.ports, world.judge, world.train(mae=12.0)).run
    enforcer = world.lake.enforcer  # type: ignore[attr-defined]

    def other_lands_first(*merge: object) -> None:
        # The attempt goes on with the head it has read, but sees the tag that the other promotion wrote.
        world.lake.enforcer = enforcer  # type: ignore[attr-defined]
        promote(world.ports, world.judge, quick)
        reconcile(world.ports)
        enforcer(*merge)

    world.lake.enforcer = other_lands_first  # type: ignore[attr-defined]
    ended = promote(world.ports, world.judge, slow)
    assert (ended.number, ended.decided_again) == (3, 1)

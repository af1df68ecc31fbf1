"""What the suites said of an arrival on main is kept by a tag: no sweep and no collection takes it."""

from __future__ import annotations

import pytest

from mlops.runs import names
from mlops.runs.audit.audit import failure
from mlops.runs.errors import MlopsError, NotProved, Unlawful
from mlops.runs.records import Kind
from mlops.runs.rollback.rollback import rollback
from mlops.runs.upkeep.reconcile import reconcile
from mlops.runs.upkeep.sweep import survey, sweep
from tests.support.auditing import findings, texts
from tests.support.faults import half_done
from tests.support.memory_lake import MemoryLake
from tests.support.protocol import World, new_world


@pytest.fixture
def world() -> World:
    made = new_world("2013-01", "2013-02")
    made.run(mae=14.0)
    made.arrive("2013-01", b"corrected")
    return made


def evidence(world: World) -> list[str]:
    """Return the commits that the ingests on main name, newest first."""
    log = world.lake.log("main")
    return [c.metadata["evidence_commit"] for c in log if c.metadata.get("kind") == Kind.INGEST]


def kept(world: World) -> set[str]:
    return set(world.lake.tags(names.VALIDATED_TAGS).values())


def forget_commits(world: World, gone: list[str]) -> None:
    """Do what a version did that kept no evidence, and what a collection did then."""
    assert isinstance(world.lake, MemoryLake)
    for commit in gone:
        del world.lake._tags[names.validated_tag(commit)]
        del world.lake._commits[commit]


def test_every_ingest_is_kept_and_its_branch_goes(world: World) -> None:
    assert kept(world) == set(evidence(world))
    sweep(world.ports, dry_run=False)
    assert not world.lake.branches("ingest-")
    assert texts(findings(world)) == []


def test_the_server_keeps_the_tag(world: World) -> None:
    with pytest.raises(Unlawful, match="is a record"):
        world.lake.delete_tag(names.validated_tag(evidence(world)[0]))


def test_a_tag_that_a_crash_left_out_is_found_and_made_up_for(world: World) -> None:
    half_done(world, "lake.create_tag", lambda w: w.arrive("2013-03"))
    (last,) = set(evidence(world)) - kept(world)
    branch = next(entry for entry in survey(world.ports) if entry.commit == last)
    assert (branch.over, branch.why) == (False, "its evidence is not tagged yet")
    (found,) = findings(world)
    assert (found.invariant, found.todo, found.proved) == ("I14", "run `mlops reconcile`", True)
    assert [line.split()[-1] for line in reconcile(world.ports)] == [names.validated_tag(last)]
    assert texts(findings(world)) == []


@pytest.mark.parametrize("forward", [False, True])
def test_a_tag_that_a_crash_left_out_is_made_up_for_by_a_rollback(world: World, forward: bool) -> None:
    half_done(world, "lake.create_tag", lambda w: w.arrive("2013-03"))
    everything = set(evidence(world))
    rollback(world.ports, "it was wrong", 1, forward=forward)
    assert kept(world) == everything


def test_evidence_that_an_older_version_lost_is_not_proved(world: World) -> None:
    gone = evidence(world)[-2:]
    forget_commits(world, gone)
    assert reconcile(world.ports) == []
    found = findings(world)
    assert {(f.proved, f.what) for f in found} == {
        (False, "the commit with the results of its validation is gone")
    }
    assert len(found) == len(gone)
    error: MlopsError | None = failure(found)
    assert isinstance(error, NotProved)
    assert error.exit_code == 43


def test_evidence_of_an_older_version_is_kept_from_now_on(world: World) -> None:
    assert isinstance(world.lake, MemoryLake)
    for tag in world.lake.tags(names.VALIDATED_TAGS):
        del world.lake._tags[tag]
    assert len(reconcile(world.ports)) == 3
    assert kept(world) == set(evidence(world))


def test_a_tag_deleted_by_hand_is_told_while_the_evidence_is_there(world: World) -> None:
    assert isinstance(world.lake, MemoryLake)
    oldest = evidence(world)[-1]
    tag = names.validated_tag(oldest)
    del world.lake._tags[tag]
    (found,) = findings(world)
    assert (found.proved, found.todo) == (False, f"create the tag {tag} at {oldest}")


def test_a_tag_that_keeps_another_commit_is_found(world: World) -> None:
    world.lake.create_tag(names.validated_tag("0" * 64), world.lake.head("main"))
    (found,) = findings(world)
    assert (found.invariant, found.proved) == ("I14", True)
    assert "names a commit that does not match its name" in found.what

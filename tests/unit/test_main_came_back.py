"""A promotion while `main` moves on and comes back to the very commit that it was checked against."""

from __future__ import annotations

from mlops.runs.promotion.decision import decide
from mlops.runs.promotion.promote import promote
from mlops.runs.rollback.rollback import resume
from tests.support.commands import prepared_world
from tests.support.faults import Meanwhile, watched


def test_a_promotion_starts_again_where_its_number_was_taken_and_main_came_back() -> None:
    world = prepared_world()
    decided = decide(world.ports, world.judge, world.train(mae=10.0)).run
    head = world.lake.head("main")

    def there_and_back() -> None:
        world.run(mae=11.0)
        world.roll_back()
        resume(world.ports, "go on")
        assert world.lake.head("main") == head

    slow = watched(world, Meanwhile(name="lake.merge", happens=there_and_back))
    ended = promote(slow.ports, slow.judge, decided)
    assert ended.number == 5
    assert world.lake.commit_of(world.lake.head("main")).metadata["run_id"] == decided.run_id

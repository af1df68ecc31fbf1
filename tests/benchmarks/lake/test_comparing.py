"""What the rows of the comparison say. Nothing is timed here."""

from __future__ import annotations

import pytest

from tests.benchmarks.lake.comparing import at_once, beside, row
from tests.benchmarks.lake.filling import path_of


@pytest.mark.parametrize(
    ("unit", "ours", "holds"),
    [
        ("1/s", 90.0, False),
        ("1/s", 100.0, True),
        ("MiB/s", 99.0, False),
        ("ms", 90.0, True),
        ("ms", 101.0, False),
    ],
)
def test_a_rate_has_to_be_as_high_and_a_time_as_low_as_theirs(unit: str, ours: float, holds: bool) -> None:
    made = row("a", unit, {"ours": ours, "theirs": 100.0})
    assert made.ratio == pytest.approx(ours / 100)
    assert made.holds is holds


def test_without_the_other_side_a_row_only_informs() -> None:
    assert row("a", "ms", {"ours": 5.0}).holds is None
    assert beside("a", "1/s", {"ours": 5.0, "ours_os": 9.0, "theirs": 10.0}).holds is None


def test_a_client_that_fails_is_not_passed_over() -> None:
    def work(number: int) -> None:
        if number == 3:
            raise ValueError("refused")

    with pytest.raises(RuntimeError, match="a client failed"):
        at_once(8, work)


def test_paths_are_sorted_as_their_numbers() -> None:
    paths = [path_of(number) for number in (0, 999, 1_000, 99_999, 999_999)]
    assert paths == sorted(paths)

"""The report of the benchmark: ratios, bounds, form. Nothing is timed here."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path

import pytest
from rich.console import Console

from tests.benchmarks.measuring import PeakMemory, Stopwatch, interleaved, medians
from tests.benchmarks.report import Row, cells, exit_code, print_table, write

FIELDS = ["name", "ours", "other", "unit", "ratio", "bound", "holds"]


@pytest.mark.parametrize(
    ("row", "ratio", "holds"),
    [
        (Row("compared, within", 5.0, "s", 4.0, 1.25), 1.25, True),
        (Row("compared, above", 5.1, "s", 4.0, 1.25), 1.275, False),
        (Row("by itself, within", 0.9, "s", bound=1.0), None, True),
        (Row("by itself, above", 1.1, "s", bound=1.0), None, False),
        (Row("for information", 1.1, "s"), None, None),
        (Row("compared for information", 3.0, "s", 2.0), 1.5, None),
        (Row("not measured", None, "MiB", bound=100.0), None, False),
        (Row("a rate, within", 9.0, "1/s", 4.0, 2.0, at_least=True), 2.25, True),
        (Row("a rate, below", 7.0, "1/s", 4.0, 2.0, at_least=True), 1.75, False),
        (Row("a rate, not measured", None, "1/s", 4.0, 2.0, at_least=True), None, False),
        (Row("nothing to compare with", 1.0, "s", 0.0, 1.5), None, False),
    ],
    ids=lambda value: value.name if isinstance(value, Row) else "",
)
def test_a_bound_is_held_against_the_ratio_or_the_figure_itself(
    row: Row, ratio: float | None, holds: bool | None
) -> None:
    assert row.ratio == (None if ratio is None else pytest.approx(ratio))
    assert row.holds is holds


def test_one_broken_bound_is_a_failure_and_information_never_is() -> None:
    fine, broken = Row("a", 1.0, "s", bound=2.0), Row("b", 3.0, "s", bound=2.0)
    assert exit_code([fine, Row("c", 9.0, "s")]) == 0
    assert exit_code([fine, broken]) == 1


def test_the_file_is_a_list_of_objects_that_replaces_the_last(tmp_path: Path) -> None:
    file = tmp_path / "state" / "bench.json"
    write([Row("old", 1.0, "s")], file)
    write([Row("a", 5.0, "s", 4.0, 1.5), Row("b", None, "MiB", bound=1.0)], file)
    found = json.loads(file.read_text(encoding="utf-8"))
    assert [list(entry) for entry in found] == [FIELDS, FIELDS]
    assert found[0] == dict(zip(FIELDS, ["a", 5.0, 4.0, "s", 1.25, 1.5, True], strict=True))
    assert found[1]["ours"] is None
    assert found[1]["holds"] is False
    assert [path.name for path in file.parent.iterdir()] == ["bench.json"]


def test_what_is_no_number_is_not_written(tmp_path: Path) -> None:
    file = tmp_path / "bench.json"
    write([Row("good", 1.0, "s")], file)
    with pytest.raises(ValueError, match="JSON compliant"):
        write([Row("bad", math.nan, "s")], file)
    assert json.loads(file.read_text(encoding="utf-8"))[0]["name"] == "good"
    assert [path.name for path in tmp_path.iterdir()] == ["bench.json"]


def test_a_broken_bound_can_be_read_from_the_table() -> None:
    rows = [Row("(b) a rollback", 1.5, "s", bound=1.0), Row("(c) a branch", 0.001, "s", 0.001, 1.5)]
    text = io.StringIO()
    print_table(rows, Console(file=text, width=80))
    lines = text.getvalue().splitlines()
    assert any("(b) a rollback" in line and "NO" in line for line in lines)
    assert any("(c) a branch" in line and "yes" in line for line in lines)
    assert cells(Row("d", None, "MiB", bound=1.0))[1] == "not measured"


def test_sides_take_turns_and_the_first_turn_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.benchmarks.measuring._settle", lambda: None)  # it tidies all of this process
    order: list[tuple[str, int]] = []

    def side(name: str, figure: float) -> float:
        order.append((name, len(order)))
        return figure

    found = interleaved(3, {"ours": lambda _: side("ours", 2.0), "other": lambda _: side("other", 1.0)})
    assert [name for name, _ in order] == ["ours", "other", "other", "ours", "ours", "other"]
    assert medians({**found, "spread": [9.0, 1.0, 2.0]}) == {"ours": 2.0, "other": 1.0, "spread": 2.0}


def test_every_second_counts_for_the_innermost_label() -> None:
    times = iter([0.0, 1.0, 3.0, 7.0, 100.0, 101.0])
    watch = Stopwatch(clock=lambda: next(times))
    with watch.labelled("promoting"), watch.labelled("scoring"):
        pass
    with watch.labelled("promoting"):
        pass
    assert watch.seconds == {"promoting": 1.0 + 4.0 + 1.0, "scoring": 2.0}
    assert watch.calls == {"promoting": 2, "scoring": 1}


def test_functions_are_watched_only_inside_the_context() -> None:
    class Service:
        def call(self, value: int) -> int:
            return value + 1

    watch = Stopwatch()
    with watch.watching({"calls": [(Service, "call")]}):
        assert Service().call(1) == 2
    assert Service().call(2) == 3
    assert watch.calls == {"calls": 1}


def test_memory_above_idle_is_seen_after_it_was_freed() -> None:
    memory = PeakMemory()
    if memory.above_idle_mib() is None:
        pytest.skip("this system does not tell")
    block = bytearray(64 << 20)
    block[::4096] = b"x" * len(block[::4096])
    del block
    assert (memory.above_idle_mib() or 0.0) > 48.0


def test_a_process_that_is_not_there_has_no_memory_to_tell() -> None:
    assert PeakMemory("0").above_idle_mib() is None

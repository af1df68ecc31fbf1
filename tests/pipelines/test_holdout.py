from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops.pipelines import pipeline
from mlops.pipelines.holdout import HoldoutRule, NotEnoughData, origin_of, origins, row_digest, split
from mlops.pipelines.spec import Joined, PipelineSpec
from mlops.runs.errors import ConfigError, InputError
from mlops.steps.rolling.periods import chosen, is_seen

MONTH = HoldoutRule("newest_period", column="departs_on", period="month")
HELD = ["user 6", "user 8", "user 9"]
DIGEST = "436c585a8455917d7e835fd798ba461df31bb332642ed651f87357be26b60d40"
SPEC = dataclasses.replace(pipeline("flights"), key=("user", "at"), time="at")

ROWS = st.lists(
    st.tuples(st.text(max_size=4), st.datetimes(pd.Timestamp("2012-11-01"), pd.Timestamp("2013-03-31"))),
    max_size=30,
    unique=True,
)


def frame(rows: list[tuple[str, object]]) -> pd.DataFrame:
    """Return rows with a key of user and time, sorted by time and user."""
    table = pd.DataFrame(rows, columns=["user", "at"]).astype({"user": "str", "at": "datetime64[us]"})
    return table.sort_values(["at", "user"], ignore_index=True)


def test_the_newest_month_of_new_york_judges(spec: PipelineSpec, spring: Joined) -> None:
    parts = split(spring.rows, MONTH, spec)
    assert set(parts.train["month"]) == {2}
    assert set(parts.holdout["month"]) == {3}
    assert len(parts.train) + len(parts.holdout) == len(spring.rows)
    assert parts.train["departs_at"].max() < parts.holdout["departs_at"].min()
    assert not set(map(tuple, parts.train[list(spec.key)].to_numpy())) & set(
        map(tuple, parts.holdout[list(spec.key)].to_numpy())
    )


def test_one_month_is_not_enough(spec: PipelineSpec, spring: Joined) -> None:
    february = spring.rows[spring.rows["month"] == 2]
    with pytest.raises(NotEnoughData, match="one month of data") as raised:
        split(february, MONTH, spec)
    assert isinstance(raised.value, InputError)
    with pytest.raises(NotEnoughData, match="0 rows"):
        split(february.head(0), MONTH, spec)


@given(ROWS, st.sampled_from(["day", "week", "month"]))
def test_the_newest_period_comes_after_all_training_rows(rows: list[tuple[str, object]], period: str) -> None:
    table = frame(rows)
    try:
        parts = split(table, HoldoutRule("newest_period", column="at", period=period), SPEC)
    except NotEnoughData:
        assert table["at"].dt.strftime({"day": "%F", "week": "%G-%V", "month": "%Y-%m"}[period]).nunique() < 2
        return
    assert parts.train["at"].max() < parts.holdout["at"].min()
    pd.testing.assert_frame_equal(pd.concat([parts.train, parts.holdout], ignore_index=True), table)


@given(ROWS, st.sampled_from(["day", "week", "month"]), st.integers(2, 5))
def test_each_period_of_a_rolling_origin_comes_after_the_rows_before_it(
    rows: list[tuple[str, object]], period: str, periods: int
) -> None:
    table = frame(rows)
    rule = HoldoutRule("rolling_origin", column="at", period=period, periods=periods)
    starts = table["at"].dt.strftime({"day": "%F", "week": "%G-%V", "month": "%Y-%m"}[period])
    try:
        parts = split(table, rule, SPEC)
    except NotEnoughData:
        assert starts.nunique() <= periods
        return
    judging = sorted(set(starts))[-periods:]
    assert starts.nunique() > periods
    pd.testing.assert_frame_equal(parts.holdout, table[starts.isin(judging)].reset_index(drop=True))
    pd.testing.assert_frame_equal(parts.train, table[starts != judging[-1]].reset_index(drop=True))
    found = origins(parts.holdout, rule)
    assert len(found) == periods
    assert found == sorted(set(origin_of(parts.holdout, rule)))
    for origin in found:
        earlier = parts.train[origin_of(parts.train, rule) < origin]
        judged = parts.holdout[origin_of(parts.holdout, rule) == origin]
        assert len(earlier) > 0
        assert earlier["at"].max() < judged["at"].min()
        assert not set(earlier.itertuples(index=False)) & set(judged.itertuples(index=False))


@given(ROWS, st.sampled_from(["day", "week", "month"]))
def test_later_rows_leave_the_rows_of_earlier_periods_where_they_were(
    rows: list[tuple[str, object]], period: str
) -> None:
    """A model of an earlier period is trained on the same rows, whatever arrives in later periods."""
    table = frame(rows)
    rule = HoldoutRule("rolling_origin", column="at", period=period, periods=2)
    starts = sorted(set(origin_of(table, rule))) if len(table) else []
    for start in starts[1:]:
        few = table[origin_of(table, rule) <= start]
        pd.testing.assert_frame_equal(
            few[origin_of(few, rule) < start], table[origin_of(table, rule) < start]
        )


ENDS = st.lists(st.datetimes(pd.Timestamp("2020-01-01"), pd.Timestamp("2021-01-01")), min_size=1, max_size=6)


@given(ENDS, st.datetimes(pd.Timestamp("2020-01-01"), pd.Timestamp("2021-01-01")))
def test_a_period_is_predicted_by_the_newest_model_from_before_it(ends: list[object], begins: object) -> None:
    ascending = [pd.Timestamp(end).isoformat() for end in sorted(set(ends))]
    place, start = chosen(ascending, pd.Timestamp(begins)), pd.Timestamp(begins)
    if is_seen(ascending, start):
        assert place == 0
        assert pd.Timestamp(ascending[0]) >= start
        return
    assert pd.Timestamp(ascending[place]) < start
    assert all(pd.Timestamp(end) >= start for end in ascending[place + 1 :])


@given(ROWS, st.floats(0.01, 0.5), st.randoms(use_true_random=False))
def test_a_row_stays_on_its_side_whatever_else_arrives(rows, fraction: float, random) -> None:
    rule = HoldoutRule("hash", fraction=fraction)
    few = [row for row in rows if random.random() < 0.5]

    def held(some: list[tuple[str, object]]) -> set[tuple[object, ...]]:
        try:
            return set(split(frame(some), rule, SPEC).holdout.itertuples(index=False, name=None))
        except NotEnoughData:
            return set()

    kept, every = held(few), held(rows)
    if kept and every:
        assert kept == every & set(frame(few).itertuples(index=False, name=None))


def test_the_share_that_is_held_out_is_about_the_one_asked_for(spec: PipelineSpec, spring: Joined) -> None:
    parts = split(spring.rows, HoldoutRule("hash", fraction=0.2), spec)
    assert len(parts.holdout) / len(spring.rows) == pytest.approx(0.2, abs=0.01)


def test_the_side_of_a_row_is_the_same_in_every_version() -> None:
    # These keys were split once and for all: a change here changes every holdout there is.
    rows = frame([(f"user {i}", pd.Timestamp("2013-01-01") + pd.Timedelta(hours=i)) for i in range(12)])
    parts = split(rows, HoldoutRule("hash", fraction=0.3), SPEC)
    assert parts.holdout["user"].tolist() == HELD


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (HoldoutRule("newest_period", column="departs_on", period="decade"), "no such period"),
        (HoldoutRule("newest_period", column="nope", period="month"), "column with times"),
        (HoldoutRule("newest_period", column="carrier", period="month"), "column with times"),
        (HoldoutRule("hash", fraction=0.0), "above 0"),
        (HoldoutRule("hash", fraction=0.6), "at most 0.5"),
        (HoldoutRule("oldest"), "no such kind"),  # type: ignore[arg-type]
    ],
)
def test_a_rule_that_cannot_be_followed_is_named(
    spec: PipelineSpec, spring: Joined, rule: HoldoutRule, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        split(spring.rows, rule, spec)


def test_a_row_without_a_time_is_no_training_row_by_accident() -> None:
    table = frame([("a", pd.Timestamp("2013-01-01")), ("b", pd.NaT)])
    with pytest.raises(InputError, match="1 rows without a time"):
        split(table, HoldoutRule("newest_period", column="at", period="day"), SPEC)


VALUES = pd.DataFrame(
    {
        "key": [3, 1, 2],
        "text": ["é", None, "a|b"],
        "number": [0.1, np.nan, -0.0],
        "at": pd.to_datetime(["2013-01-01T00:00Z", "2013-06-01T12:34:56Z", None], utc=True, format="ISO8601"),
        "yes": [True, False, True],
    }
).astype({"text": "str"})
COLUMNS = list(VALUES.columns)


def test_the_digest_is_the_same_in_every_version() -> None:
    assert row_digest(VALUES, ["key"], COLUMNS) == DIGEST


@pytest.mark.parametrize(
    "same",
    [
        VALUES.iloc[::-1],
        VALUES.astype({"key": "int16"}),
        VALUES.astype({"text": "object"}),
        VALUES.assign(at=VALUES["at"].dt.tz_convert("America/New_York").dt.as_unit("ns")),
        VALUES.replace({"number": {-0.0: 0.0}}),
        VALUES[COLUMNS[::-1]],
    ],
)
def test_the_digest_sees_values_alone(same: pd.DataFrame) -> None:
    assert row_digest(same, ["key"], COLUMNS) == DIGEST


@pytest.mark.parametrize(
    "other",
    [
        VALUES.assign(key=[3, 1, 4]),
        VALUES.assign(text=["é", "", "a|b"]),
        VALUES.assign(number=[0.1, 0.0, -0.0]),
        VALUES.assign(number=[0.1 + 1e-17 + 1e-16, np.nan, -0.0]),
        VALUES.assign(yes=[True, True, True]),
        VALUES.head(2),
        pd.concat([VALUES, VALUES.head(1)]),
    ],
)
def test_the_digest_sees_every_value(other: pd.DataFrame) -> None:
    assert row_digest(other, ["key"], COLUMNS) != DIGEST


def test_neighbouring_texts_do_not_run_into_each_other() -> None:
    one = pd.DataFrame({"key": [1, 2], "text": ["ab", "c"]})
    two = pd.DataFrame({"key": [1, 2], "text": ["a", "bc"]})
    assert row_digest(one, ["key"], ["text"]) != row_digest(two, ["key"], ["text"])


def test_what_cannot_be_digested_is_named() -> None:
    with pytest.raises(InputError, match="cannot be digested"):
        row_digest(pd.DataFrame({"key": [1], "list": [[1]]}), ["key"], ["list"])


def test_rows_of_one_key_stay_together() -> None:
    rows = frame([(f"user {i % 4}", pd.Timestamp("2013-01-01") + pd.Timedelta(hours=i)) for i in range(40)])
    parts = split(rows, HoldoutRule("hash", fraction=0.5, by=("user",)), SPEC)
    assert not set(parts.train["user"]) & set(parts.holdout["user"])
    assert len(parts.train) + len(parts.holdout) == 40


def test_listed_keys_are_held_out() -> None:
    rows = frame([(f"user {i % 4}", pd.Timestamp("2013-01-01") + pd.Timedelta(hours=i)) for i in range(40)])
    rule = HoldoutRule("keys", column="user", by=("user",), values=("user 1", "user 3", "nobody"))
    parts = split(rows, rule, SPEC)
    assert set(parts.holdout["user"]) == {"user 1", "user 3"}
    assert set(parts.train["user"]) == {"user 0", "user 2"}


@pytest.mark.parametrize("kind", ["hash", "keys"])
def test_a_rule_by_a_column_that_is_not_there_is_named(kind: str) -> None:
    rows = frame([("user", pd.Timestamp("2013-01-01"))] * 3)
    rule = HoldoutRule(kind, fraction=0.2, column="artist", by=("artist",), values=("a",))  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="no column artist"):
        split(rows, rule, SPEC)


def test_a_period_needs_a_pipeline_with_a_time() -> None:
    rows = frame([("user", pd.Timestamp("2013-01-01"))] * 3)
    with pytest.raises(ConfigError, match="rows have a time"):
        split(
            rows, HoldoutRule("newest_period", column="at", period="day"), dataclasses.replace(SPEC, time="")
        )

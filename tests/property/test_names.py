"""Every name that is built is parsed back, and whatever parses is built back the same."""

import re

from hypothesis import given
from hypothesis import strategies as st

from mlops.runs import names
from mlops.runs.errors import MlopsError

LAKEFS_BRANCH = re.compile(r"\w[-\w]*", re.ASCII)

digests = st.text("0123456789abcdef", min_size=64, max_size=64)
counts = st.integers(1, 999_999_999)
run_ids = st.builds(names.run_id, digests, st.just(0) | counts)
nonces = st.text("0123456789abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=32)
arrivals = st.from_regex(r"\A[0-9A-Za-z_][0-9A-Za-z_.-]{0,63}\Z").filter(lambda name: ".." not in name)
tables = st.from_regex(r"\A[a-z][a-z0-9_]{0,63}\Z")
near_misses = st.text("promtinledbackrusv-decha0123456789f/.\n", max_size=40)
anything = st.text(max_size=40) | near_misses


@given(run_ids, counts)
def test_run_branches_round_trip(run: str, attempt: int) -> None:
    branch = names.run_branch(run, attempt)
    assert names.parse_run_branch(branch) == (run, attempt)
    assert branch.startswith(names.run_branch_prefix(run))
    assert LAKEFS_BRANCH.fullmatch(branch)


@given(run_ids, run_ids, counts)
def test_the_prefix_of_a_run_fits_no_other_run(run: str, other: str, attempt: int) -> None:
    fits = names.run_branch(other, attempt).startswith(names.run_branch_prefix(run))
    assert fits == (run == other)


@given(counts)
def test_event_tags_round_trip_and_are_told_apart(number: int) -> None:
    promotion, rollback = names.promotion_tag(number), names.rollback_tag(number)
    assert names.event_number(promotion) == names.event_number(rollback) == number
    assert names.is_promotion_tag(promotion)
    assert not names.is_promotion_tag(rollback)
    assert names.is_rollback_tag(rollback)
    assert not names.is_rollback_tag(promotion)


@given(digests, counts)
def test_decision_tags_round_trip(holdout: str, look: int) -> None:
    assert names.parse_decision_tag(names.decision_tag(holdout, look)) == (holdout[:12], look)


@given(run_ids)
def test_revoked_tags_round_trip(run: str) -> None:
    assert names.parse_revoked_tag(names.revoked_tag(run)) == run


@given(tables, arrivals)
def test_raw_paths_round_trip(table: str, arrival: str) -> None:
    path = names.raw_path(table, arrival)
    assert names.parse_raw_path(path) == (table, arrival)
    assert path.count("/") == 2


@given(anything)
def test_what_parses_is_built_back_the_same(text: str) -> None:
    if branch := names.parse_run_branch(text):
        assert names.run_branch(*branch) == text
    if (number := names.event_number(text)) is not None:
        assert text in (names.promotion_tag(number), names.rollback_tag(number))
    if look := names.parse_decision_tag(text):
        assert names.decision_tag(*look) == text
    if run := names.parse_revoked_tag(text):
        assert names.revoked_tag(run) == text
    if raw := names.parse_raw_path(text):
        assert names.raw_path(*raw) == text


@given(st.from_regex(r"\A(promotion|rolledback)-[0-9]{1,12}\n?\Z"))
def test_a_number_has_one_tag_of_each_kind(text: str) -> None:
    if (number := names.event_number(text)) is not None:
        assert text in (names.promotion_tag(number), names.rollback_tag(number))


@given(st.from_regex(r"\Araw/[a-z_/]{1,5}/[a-zA-Z0-9_./-]{1,8}\.parquet\n?\Z"))
def test_a_path_that_parses_is_the_one_that_is_built(path: str) -> None:
    if raw := names.parse_raw_path(path):
        assert names.raw_path(*raw) == path


@given(arrivals, nonces, run_ids, counts)
def test_every_branch_is_one_that_lakefs_accepts(arrival: str, nonce: str, run: str, number: int) -> None:
    branches = [
        names.ingest_branch(arrival, nonce),
        names.promote_branch(run, nonce),
        names.rollback_branch(number, nonce),
        names.setup_branch(nonce),
    ]
    assert all(LAKEFS_BRANCH.fullmatch(branch) for branch in branches)
    assert len({branch.split("-")[0] for branch in branches}) == len(branches)
    assert not any(names.parse_run_branch(branch) for branch in branches)


@given(anything)
def test_an_arrival_is_accepted_or_refused_by_name(text: str) -> None:
    try:
        accepted = names.check_arrival(text)
    except MlopsError as refused:
        accepted = None
        message = str(refused)
    else:
        message = ""
    assert accepted in (text, None)
    assert "\n" not in message
    assert accepted is None or re.fullmatch(r"[\w.-]{1,64}", accepted, re.ASCII)

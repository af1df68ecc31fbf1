"""Names that have a grammar: what is accepted, what is not, and what they look like."""

import pytest

from mlops.runs import names
from mlops.runs.errors import ConfigError, InputError

RUN = "0123456789ab"

#: Characters that other tools take for a digit and for a hyphen.
DIGIT = "\N{ARABIC-INDIC DIGIT THREE}"
HYPHEN = "\N{NON-BREAKING HYPHEN}"

#: Wherever a name is checked from outside, none of these may pass.
HOSTILE = [
    "",
    ".",
    "..",
    "../x",
    "a/b",
    "a\\b",
    "a b",
    "a\n",
    "\na",
    "a\0",
    "a..b",
    "-a",
    ".a",
    "\N{LATIN SMALL LETTER A WITH DIAERESIS}",
    "٣",
    "²",
    "a" * 300,
]


@pytest.mark.parametrize("name", ["flights", "bike-sharing", "a1b", "0ab", "a" * 63])
def test_a_repository_name_is_returned(name: str) -> None:
    assert names.check_repository(name) == name


@pytest.mark.parametrize(
    "name", [*HOSTILE, "ab", "Flights", "a_b", "a.b", "flights\n", f"flights{DIGIT}", "a" * 64]
)
def test_no_other_repository_name_passes(name: str) -> None:
    with pytest.raises(ConfigError, match="not a repository name"):
        names.check_repository(name)


@pytest.mark.parametrize("name", ["2013-07", "a", "2013-07-01T00.30", "_x", "A.b-c_d", "a.", "0" * 64])
def test_an_arrival_name_is_returned(name: str) -> None:
    assert names.check_arrival(name) == name


@pytest.mark.parametrize(
    "name", [*HOSTILE, "2013-07\n", f"2013{HYPHEN}07", f"2013-0{DIGIT}", "a:b", "a%2fb", "0" * 65]
)
def test_no_other_arrival_name_passes(name: str) -> None:
    with pytest.raises(InputError, match="not an arrival name"):
        names.check_arrival(name)


@pytest.mark.parametrize("table", [*HOSTILE, "Flights", "1a", "_a", "a-b", "a.b", "flights\n", "a" * 65])
def test_a_path_is_never_made_of_a_hostile_table(table: str) -> None:
    for build in (
        lambda: names.raw_path(table, "2013-07"),
        lambda: names.suite_path(table),
        lambda: names.validation_path(table),
    ):
        with pytest.raises(InputError, match="does not match"):
            build()


@pytest.mark.parametrize("arrival", HOSTILE)
def test_a_path_is_never_made_of_a_hostile_arrival(arrival: str) -> None:
    with pytest.raises(InputError):
        names.raw_path("flights", arrival)


@pytest.mark.parametrize("nonce", [n for n in HOSTILE if n != "a..b"] + ["A", "a-b", "a_b", "a" * 33])
def test_a_branch_is_never_made_of_a_hostile_nonce(nonce: str) -> None:
    for build in (
        lambda: names.ingest_branch("2013-07", nonce),
        lambda: names.promote_branch(RUN, nonce),
        lambda: names.setup_branch(nonce),
    ):
        with pytest.raises(InputError):
            build()


def test_names_look_as_they_are_documented() -> None:
    assert names.run_id("0123456789abcdef" * 4) == RUN
    assert names.run_id("0123456789abcdef" * 4, again=2) == f"{RUN}n2"
    assert names.run_branch(RUN, 3) == f"run-{RUN}-a3"
    assert names.ingest_branch("2013-07", "x1") == "ingest-2013_07-x1"
    assert names.promote_branch(RUN, "x1") == f"promote-{RUN}-x1"
    assert names.rollback_branch(7, "x1") == "rollback-000007-x1"
    assert names.setup_branch("x1") == "setup-x1"
    assert names.promotion_tag(42) == "promotion-000042"
    assert names.rollback_tag(43) == "rolledback-000043"
    assert names.settled_tag(43) == "settled-000043"
    assert names.decision_tag("0123456789abcdef" * 4, 2) == f"decision-{RUN}-2"
    assert names.revoked_tag(RUN) == f"revoked-{RUN}"
    assert names.raw_path("flights", "2013-07") == "raw/flights/2013-07.parquet"
    assert names.validation_path("flights") == "reports/validation/flights.json"
    assert names.suite_path("flights") == "gate/suites/flights.json"


@pytest.mark.parametrize(
    "branch",
    [
        "main",
        f"run-{RUN}",
        f"run-{RUN}-a0",
        f"run-{RUN}-a01",
        f"run-{RUN}-a1\n",
        f"run-{RUN}-a{DIGIT}",
        pytest.param(f"run-{RUN}-a" + "9" * 5000, id="endless attempt"),
        f"run-{RUN}n0-a1",
        f"run-{RUN[:-1]}-a1",
        f"run-{RUN.upper()}-a1",
        f"xrun-{RUN}-a1",
        f"run-{RUN}-a1-b",
    ],
)
def test_other_branches_are_no_run_branches(branch: str) -> None:
    assert names.parse_run_branch(branch) is None


@pytest.mark.parametrize(
    "tag",
    [
        "promotion-000000",
        "promotion-42",
        "promotion-0000042",
        "promotion-000042\n",
        f"promotion-00004{DIGIT}",
        pytest.param("promotion-" + "9" * 5000, id="endless number"),
        "xpromotion-000042",
        "settled-000000",
        "settled-42",
        "settled-000042\n",
        "rolledback-",
        "champion",
        "hold",
    ],
)
def test_other_tags_are_no_events(tag: str) -> None:
    assert names.event_number(tag) is None
    assert names.settled_number(tag) is None
    assert not names.is_promotion_tag(tag)
    assert not names.is_rollback_tag(tag)


@pytest.mark.parametrize(
    "tag",
    [
        f"decision-{RUN}-0",
        f"decision-{RUN}-01",
        f"decision-{RUN}",
        f"decision-{RUN}0-1",
        f"decision-{RUN}-1\n",
    ],
)
def test_other_tags_are_no_decisions(tag: str) -> None:
    assert names.parse_decision_tag(tag) is None


@pytest.mark.parametrize("tag", ["revoked-", f"revoked-{RUN}\n", f"revoked-{RUN}n", f"revoked-{RUN}-a1"])
def test_other_tags_revoke_no_run(tag: str) -> None:
    assert names.parse_revoked_tag(tag) is None


@pytest.mark.parametrize(
    "path",
    [
        "raw/flights",
        "raw/flights/.parquet",
        "raw/flights/2013-07.parquet\n",
        "raw/flights/2013-07.csv",
        "raw/flights/a/b.parquet",
        "raw/flights/a..b.parquet",
        "raw/../champion.json",
        "raw/Flights/2013-07.parquet",
        "/raw/flights/2013-07.parquet",
        "processed/flights/2013-07.parquet",
    ],
)
def test_other_paths_are_no_arrivals(path: str) -> None:
    assert names.parse_raw_path(path) is None


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("0" * 64, True),
        ("0" * 63, False),
        ("0" * 65, False),
        ("A" * 64, False),
        ("0" * 64 + "\n", False),
        (DIGIT * 64, False),
        ("main", False),
    ],
)
def test_a_commit_id_is_a_whole_digest(text: str, whole: bool) -> None:
    assert names.is_commit_id(text) is whole

"""The files that judge: read exactly, or refused with the name and line of what is wrong."""

import contextlib
import json
import subprocess
import sys

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from mlops.adapters.policy import yaml_subset
from mlops.adapters.policy.files import parse_holdout_rule, parse_policy
from mlops.runs.decisions import Guard, Policy
from mlops.runs.errors import ConfigError
from mlops.runs.evidence import Metric
from mlops.runs.records import HoldoutRule

POLICY = b"""\
# what a model of the flights pipeline has to show
metric: mae
min_gain: 0.05
alpha: 0.05
min_clusters: 20
must_beat_baseline: true
guards:
  - metric: rmse
    tolerance: 0.5
  - {metric: mae, tolerance: 1, by: origin}
"""

positive = st.floats(min_value=0, exclude_min=True, allow_nan=False, allow_infinity=False)
columns = st.from_regex(r"\A[A-Za-z_][0-9A-Za-z_]{0,63}\Z")
policies = st.builds(
    Policy,
    metric=st.sampled_from(Metric),
    min_gain=st.floats(min_value=0, allow_nan=False, allow_infinity=False),
    alpha=st.floats(min_value=0, max_value=0.5, exclude_min=True),
    min_clusters=st.integers(2, 1_000_000),
    must_beat_baseline=st.booleans(),
    guards=st.lists(
        st.builds(Guard, st.sampled_from(Metric), positive, st.just("") | columns),
        max_size=5,
        unique_by=lambda guard: (guard.metric, guard.by),
    ).map(tuple),
)


def as_plain(policy: Policy) -> dict[str, object]:
    return json.loads(json.dumps(policy, default=lambda value: value.__dict__))


def refusal(data: bytes) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        parse_policy(data)
    return caught.value


def test_a_policy_is_read_as_written() -> None:
    assert parse_policy(POLICY) == Policy(
        metric=Metric.MAE,
        min_gain=0.05,
        alpha=0.05,
        min_clusters=20,
        must_beat_baseline=True,
        guards=(Guard(Metric.RMSE, 0.5), Guard(Metric.MAE, 1.0, "origin")),
    )


def test_keys_left_out_have_the_documented_defaults() -> None:
    assert parse_policy(b"{}") == Policy()


@given(policies)
def test_any_lawful_policy_survives_json(policy: Policy) -> None:
    assert parse_policy(json.dumps(as_plain(policy)).encode()) == policy


@given(policies)
def test_any_lawful_policy_survives_yaml(policy: Policy) -> None:
    assert parse_policy(yaml.safe_dump(as_plain(policy)).encode()) == policy


@pytest.mark.parametrize(
    ("data", "words"),
    [
        pytest.param(b"alpha: 0.05\nmin_gian: 1\n", (":2", "'min_gian'", "'min_gain'"), id="typo"),
        pytest.param(b"min-gain: 1", (":1", "'min-gain'", "'min_gain'"), id="dash"),
        pytest.param(b"seed: 1", ("'seed'", "the keys there are metric, "), id="unlike any key"),
        pytest.param(
            b"guards:\n- metric: mae\n  tolerance: 1\n  bye: origin",
            (":4", "'bye' in guards[0]", "'by'"),
            id="typo inside",
        ),
        pytest.param(b"alpha: 7\nmin_gian: 1", (":2: unknown key", "alpha: "), id="typo named first"),
        pytest.param(b"guards:\n- metric: mae", (":2", "'tolerance' in guards[0] is missing"), id="missing"),
        pytest.param(b"metric: F1", ("'F1' is no metric: mae, rmse, bias or another",), id="metric"),
        pytest.param(b"min_gain: -0.1", ("min_gain", "-0.1"), id="negative gain"),
        pytest.param(b"alpha: 0", ("alpha", "greater than 0"), id="no level"),
        pytest.param(b"alpha: 0.51", ("alpha", "0.5"), id="level above a half"),
        pytest.param(b"min_clusters: 1", ("min_clusters", "2"), id="one cluster"),
        pytest.param(b"min_clusters: 20.0", ("min_clusters", "integer"), id="decimal count"),
        pytest.param(b"min_clusters: true", ("min_clusters", "integer"), id="truth as number"),
        pytest.param(b"must_beat_baseline: yes", ("boolean", "'yes'"), id="old truth"),
        pytest.param(b"must_beat_baseline: 1", ("boolean", "1"), id="number as truth"),
        pytest.param(b"alpha: '0.05'", ("alpha", "number", "'0.05'"), id="text as number"),
        pytest.param(b"min_gain: 1_000", ("'1_000'",), id="underscores"),
        pytest.param(b"min_gain: 010", ("'010'",), id="octal to some"),
        pytest.param(b"min_gain: 1:30", ("'1:30'",), id="ninety to some"),
        pytest.param(b"min_gain: .inf", ("'.inf'",), id="infinity"),
        pytest.param(b"min_gain: 1e999", ("finite",), id="overflow"),
        pytest.param(b"alpha:", ("alpha", "None"), id="empty value"),
        pytest.param(b"guards: {}", ("guards", "list"), id="map for list"),
        pytest.param(
            b"guards: [{metric: mae, tolerance: 0}]", ("guards[0].tolerance", "0"), id="zero tolerance"
        ),
        pytest.param(
            b"guards: [{metric: mae, tolerance: 1, by: 'a=b'}]", ("guards[0].by", "column"), id="bad column"
        ),
        pytest.param(
            b"guards: [{metric: mae, tolerance: 1}, {metric: mae, tolerance: 2}]",
            ("mae is guarded twice",),
            id="guarded twice",
        ),
    ],
)
def test_a_wrong_policy_names_what_is_wrong(data: bytes, words: tuple[str, ...]) -> None:
    text = str(refusal(data))
    assert text.startswith("gate/policy.yaml:")
    for word in words:
        assert word in text


@pytest.mark.parametrize(
    ("data", "words"),
    [
        pytest.param(
            b"metric: mae\nalpha: 0.1\nmetric: rmse", (":3", "'metric' is there twice"), id="key twice"
        ),
        pytest.param(b"guards: [{metric: mae, metric: mae}]", ("twice",), id="key twice inside"),
        pytest.param(b"a: &x 1\nb: *x", ("anchors",), id="alias"),
        pytest.param(b"<<: {metric: mae}", ("unknown key '<<'",), id="merge key"),
        pytest.param(b"metric: !!python/object/apply:os.getcwd []", ("tag", "not allowed"), id="python tag"),
        pytest.param(b"min_gain: !!float .nan", ("tag", "not allowed"), id="explicit tag"),
        pytest.param(b"metric: mae\n---\nmetric: mae", (":2", "another document"), id="two documents"),
        pytest.param(b"metric: [mae", (":1", "YAML"), id="unclosed"),
        pytest.param(b"a: b: c", (":1", "YAML"), id="no yaml"),
        pytest.param(b"metric: \xff\xfe", ("UTF-8",), id="no text"),
        pytest.param(b"metric: a\0b", ("YAML",), id="control character"),
        pytest.param(b"", ("map",), id="empty"),
        pytest.param(b"- metric: mae", ("map",), id="list"),
        pytest.param(b"42", ("map",), id="number"),
        pytest.param(b"1: mae", ("key", "not text"), id="number as key"),
        pytest.param(b"? [a]\n: b", ("key", "not text"), id="list as key"),
        pytest.param(b"a: " + b"[" * 30_000, ("nested",), id="very deep"),
        pytest.param(b"#" * (yaml_subset.MAX_BYTES + 1), ("65,537 bytes",), id="very large"),
    ],
)
def test_more_than_plain_yaml_is_refused(data: bytes, words: tuple[str, ...]) -> None:
    text = str(refusal(data))
    assert text.startswith("gate/policy.yaml")
    for word in words:
        assert word in text


def test_the_given_name_is_the_one_in_errors() -> None:
    with pytest.raises(ConfigError, match=r"^other\.yaml:1: "):
        parse_policy(b"nothing: 1", name="other.yaml")
    with pytest.raises(ConfigError, match=r"^other\.yaml:1: "):
        parse_holdout_rule(b"nothing: 1", name="other.yaml")


def test_the_text_of_an_error_is_bounded() -> None:
    keys = "".join(f"unknown_{i}_{'x' * 200}: 1\n" for i in range(100))
    assert len(str(refusal(keys.encode()))) < 1200


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
@example(b"metric: 2013-13-45")
@example(b"metric: !!int ''")
def test_any_bytes_are_a_policy_or_a_config_error(data: bytes) -> None:
    for parse in (parse_policy, parse_holdout_rule):
        with contextlib.suppress(ConfigError):
            parse(data)


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (
            b"kind: newest_period\ncolumn: time_hour\nperiod: month\n",
            HoldoutRule("newest_period", column="time_hour", period="month"),
        ),
        (b"kind: hash\nfraction: 0.2\n", HoldoutRule("hash", fraction=0.2)),
        (b"{kind: hash, fraction: 5e-1}", HoldoutRule("hash", fraction=0.5)),
        (
            b"kind: hash\nfraction: 0.2\nby: [artist, track]\n",
            HoldoutRule("hash", fraction=0.2, by=("artist", "track")),
        ),
        (
            b"kind: keys\ncolumn: user\nvalues: ['1', '7']\n",
            HoldoutRule("keys", column="user", by=("user",), values=("1", "7")),
        ),
    ],
    ids=["newest period", "hash", "flow style", "hash by columns", "keys"],
)
def test_a_holdout_rule_is_read_as_written(data: bytes, rule: HoldoutRule) -> None:
    assert parse_holdout_rule(data) == rule


@pytest.mark.parametrize(
    ("data", "words"),
    [
        pytest.param(
            b"column: x", ("kind must be one of newest_period, hash, keys", "missing"), id="no kind"
        ),
        pytest.param(b"fraction: 0.1\nkind: hashed", (":2", "'hashed'"), id="unknown kind"),
        pytest.param(b"kind: [hash]", ("kind must be",), id="list as kind"),
        pytest.param(b"kind: newest_period\ncolumn: t", ("'period' is missing",), id="no period"),
        pytest.param(b"kind: newest_period\nperiod: day", ("'column' is missing",), id="no column"),
        pytest.param(
            b"kind: newest_period\ncolumn: t\nperiod: decade", (":3", "'decade'"), id="unknown period"
        ),
        pytest.param(
            b"kind: newest_period\ncolumn: 't\n\n'\nperiod: day", ("column",), id="newline in column"
        ),
        pytest.param(
            b"kind: newest_period\ncolumn: t\nperiod: day\nfraction: 0.1",
            (":4", "unknown key 'fraction'"),
            id="key of the other kind",
        ),
        pytest.param(b"kind: hash\nfractoin: 0.1", ("'fractoin'", "'fraction'"), id="typo"),
        pytest.param(b"kind: hash\nfraction: 0", ("fraction", "0"), id="nothing held out"),
        pytest.param(b"kind: hash\nfraction: 0.6", ("fraction", "0.5"), id="too much held out"),
        pytest.param(b"kind: hash\nfraction: 0.1\nby: [a=b]", ("by[0]", "column"), id="bad column"),
        pytest.param(b"kind: keys\ncolumn: user\nvalues: []", ("values", "at least 1"), id="no values"),
        pytest.param(b"kind: keys\ncolumn: user\nvalues: [1]", ("values[0]", "string"), id="a number"),
        pytest.param(b"hash", ("map",), id="text"),
    ],
)
def test_a_wrong_holdout_rule_names_what_is_wrong(data: bytes, words: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_holdout_rule(data)
    text = str(caught.value)
    assert text.startswith("gate/holdout.yaml:")
    for word in words:
        assert word in text


def test_importing_the_reader_loads_neither_yaml_nor_pydantic() -> None:
    code = "import sys, mlops.adapters.policy.files; print({'yaml', 'pydantic'} & set(sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "set()"

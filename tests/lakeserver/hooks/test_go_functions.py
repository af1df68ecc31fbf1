"""Go's notations: what is written is read back, and read as Go reads it."""

import base64
import json
import math
import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st

from mlops.lakeserver.hooks.golang import (
    go_encoding,
    go_json,
    go_regexp,
    go_text,
    go_yaml,
    go_yaml_dump,
    go_yaml_scalars,
)
from mlops.lakeserver.hooks.golang.go_duration import DurationError, format_duration, parse_duration_s
from mlops.lakeserver.hooks.golang.go_time import ISO_8601, TimeError, at, format_time
from mlops.lakeserver.hooks.golang.go_time_parse import parse_time

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
SCALAR = st.none() | st.booleans() | FINITE | TEXT.map(str.encode)
VALUES = st.recursive(
    SCALAR,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT.map(str.encode), inner, max_size=4),
    max_leaves=12,
)


def as_text(value):
    """The bytes in `value` as text."""
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, dict):
        return {key.decode(): as_text(item) for key, item in value.items()}
    return [as_text(item) for item in value] if isinstance(value, list) else value


@given(VALUES)
def test_json_is_read_back(value):
    written = go_json.dumps(value)
    assert go_json.loads(written) == as_text(value)
    assert json.loads(written, parse_int=float) == as_text(value)
    assert not re.search(rb"[<>&\xe2\x80\xa8]", re.sub(rb"[\x80-\xff]", b"", written))


@given(FINITE)
def test_a_number_is_written_in_the_fewest_digits(number):
    text = go_json.number(number)
    assert float(text) == number
    assert not text.endswith(".0")
    assert ("e" in text) == (number != 0 and not 1e-6 <= abs(number) < 1e21)


@given(st.text('{}[]:,"\\u0-9.eE+ntrfalsu \n', max_size=12))
def test_json_is_refused_exactly_where_python_refuses_it(text):
    try:
        expected = json.loads(text, parse_constant=lambda _: 1 / 0)
    except (ValueError, ZeroDivisionError):
        with pytest.raises(go_json.JsonError) as refused:
            go_json.loads(text.encode())
        assert re.match(r"invalid character|unexpected end|json: cannot", str(refused.value))
    else:
        assume(json.dumps(expected).find("Infinity") < 0)
        assert go_json.loads(text.encode()) == expected


@given(VALUES)
def test_yaml_is_read_back(value):
    assert go_yaml.load(go_yaml_dump.dumps(value)) == as_text(value)


@given(st.text("abn:-[]{},&*!|>'\"#% \n01.~", max_size=20))
def test_any_text_is_yaml_or_refused(text):
    problem = "yaml: none"
    try:
        go_yaml.load(text.encode())
    except go_yaml.YamlError as error:
        problem = str(error)
    assert problem.startswith("yaml: ")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"),
        ("yes", "yes"),
        ("TRUE", True),
        ("~", None),
        ("017", 15),
        ("0o17", 15),
        ("0b11", 3),
        ("0x1F", 31),
        ("1_000", 1000),
        ("+5", 5),
        ("-0x10", -16),
        ("09", 9.0),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("1e999", "1e999"),
        ("-.inf", -math.inf),
        ("12:30", "12:30"),
        ("2013-02-30", "2013-02-30"),
        ("18446744073709551615", 2**64 - 1),
        ("1.2.3", "1.2.3"),
    ],
)
def test_plain_scalars_mean_what_they_mean_to_go(text, value):
    meant = go_yaml_scalars.resolve_plain(text)
    assert (type(meant), meant) == (type(value), value)


def test_a_date_is_a_point_in_time():
    assert isinstance(go_yaml_scalars.resolve_plain("2013-02-28"), go_yaml_scalars.Timestamp)
    assert isinstance(go_yaml_scalars.resolve_plain("2013-02-28T01:02:03Z"), go_yaml_scalars.Timestamp)


def test_aliases_cannot_blow_up():
    bomb = (
        "a: &a ["
        + "x," * 500
        + "]\n"
        + "".join(
            f"{name}: &{name} [" + f"*{before}," * 500 + "]\n"
            for before, name in zip("abc", "bcd", strict=True)
        )
    )
    with pytest.raises(go_yaml.YamlError, match="excessive aliasing"):
        go_yaml.load(bomb.encode())


def test_pyyaml_alone_would_read_otherwise():
    """Why there is a reader of our own: the words that an action file is made of."""
    assert yaml.safe_load("on: {x: 017}") == {True: {"x": 15}}
    assert go_yaml.load(b"on: {x: 0o17}") == {"on": {"x": 15}}


@given(st.binary(max_size=40))
def test_encodings_are_read_back(data):
    assert go_encoding.base64_decode(go_encoding.base64_encode(data)) == data
    assert go_encoding.base64_url_decode(go_encoding.base64_url_encode(data)) == data
    assert go_encoding.hex_decode(data.hex().upper().encode()) == data
    assert go_encoding.query_unescape(go_encoding.path_escape(data).replace(b"+", b"%2B")) == data


@given(st.binary(max_size=12) | st.text("AB=\n+/-_", max_size=9).map(str.encode))
def test_base64_is_refused_exactly_where_it_is_wrong(text):
    plain = text.replace(b"\n", b"").replace(b"\r", b"")
    try:
        expected = base64.b64decode(plain, validate=True)
        assert len(plain) % 4 == 0
    except (ValueError, AssertionError):
        with pytest.raises(go_encoding.EncodingFailure, match="illegal base64 data at input byte"):
            go_encoding.base64_decode(text)
    else:
        assert go_encoding.base64_decode(text) == expected


@given(TEXT, TEXT)
def test_quoted_text_matches_itself_alone(text, other):
    expression = go_regexp.Regexp(b"^" + go_regexp.quote_meta(text.encode()) + b"$")
    assert expression.match(text.encode())
    assert expression.match(other.encode()) == (text == other)


@given(st.text("ab(|)[^]*+?{12,}\\dwsbpL-:.$", max_size=10), st.text("ab1 -\n", max_size=8))
def test_any_expression_matches_or_is_refused(pattern, text):
    try:
        expression = go_regexp.Regexp(pattern.encode())
    except go_regexp.RegexpError:
        return
    found = expression.find_all(text.encode(), -1)
    assert bool(found) == expression.match(text.encode())
    assert all(match in text.encode() for match in found)


@given(st.datetimes(datetime(1678, 1, 1), datetime(2262, 1, 1)), st.integers(-14 * 60, 14 * 60))  # noqa: DTZ001
def test_a_time_is_read_back(naive, offset_minutes):
    moment = naive.replace(microsecond=0, tzinfo=UTC)
    nanoseconds = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1) * 10**9
    assert at(nanoseconds, UTC) == moment
    elsewhere = moment.astimezone(timezone(timedelta(minutes=offset_minutes)))
    for layout in (ISO_8601, "Mon, 02 Jan 2006 15:04:05 -0700", "Monday 2 January 2006 3:04:05PM Z07:00:00"):
        assert parse_time(layout, format_time(elsewhere, layout)) == nanoseconds
    assert parse_time("2006-002 15.04.05", format_time(moment, "2006-002 15.04.05")) == nanoseconds


@given(st.text("0123456789-:TZ+ PMJan.", max_size=20))
def test_any_text_is_a_time_or_refused(text):
    for layout in (ISO_8601, "2006-01-02 15:04:05.999", "Jan _2 06 3PM MST"):
        problem = "parsing time: none"
        try:
            parse_time(layout, text)
        except TimeError as error:
            problem = str(error)
        assert problem.startswith("parsing time")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30),
        ("1m30s", 90),
        ("1.5h", 5400),
        ("250ms", 0.25),
        ("0", 0),
        ("-2s", -2),
        ("1h2m3.5s", 3723.5),
        ("1us", 1e-6),
    ],
)
def test_durations(text, seconds):
    assert parse_duration_s(text) == seconds


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", 'invalid duration ""'),
        ("abc", 'invalid duration "abc"'),
        ("5", 'missing unit in duration "5"'),
        ("5x", 'unknown unit "x" in duration "5x"'),
        (".s", 'invalid duration ".s"'),
        ("1s5", 'missing unit in duration "1s5"'),
    ],
)
def test_what_is_no_duration_is_refused(text, why):
    with pytest.raises(DurationError, match=re.escape(f"time: {why}")):
        parse_duration_s(text)


@pytest.mark.parametrize(
    ("seconds", "text"), [(1.5, "1.5s"), (0.25, "250ms"), (0.0000015, "1.5µs"), (0, "0ns"), (90, "90s")]
)
def test_durations_are_shown(seconds, text):
    assert format_duration(seconds) == text


@given(st.binary(max_size=20), st.binary(max_size=3), st.binary(max_size=3), st.integers(-2, 5))
def test_text_functions_agree_with_themselves(data, old, new, count):
    assert b"".join(go_text.characters(data)) == data
    assert (old or b"").join(go_text.split(data, old)) == data
    if old:
        assert go_text.replace(data, old, new, count) == data.replace(old, new, count)
    assert go_text.decode(go_text.reverse(go_text.reverse(data))) == go_text.decode(data)

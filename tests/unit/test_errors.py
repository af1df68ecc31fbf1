"""Errors: one exit code each, text that is bounded and safe to print, and copies that say the same."""

import copy
import json
import pickle  # errors cross process boundaries; no file of the project is a pickle

import pytest

from mlops.runs import errors
from mlops.runs.errors import MlopsError, bounded


def subclasses(kind: type[MlopsError]) -> list[type[MlopsError]]:
    return [kind] + [found for below in kind.__subclasses__() for found in subclasses(below)]


KINDS = [kind for kind in subclasses(MlopsError) if kind.__module__ == errors.__name__]
each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)


def test_every_error_has_an_exit_code_of_its_own() -> None:
    codes = [kind.exit_code for kind in KINDS]
    assert len(set(codes)) == len(codes)
    assert all(0 < code < 126 for code in codes), "0 is success, and shells use 126 and above"


def test_the_tree_at_the_top_of_the_module_is_the_one_that_is_built() -> None:
    lines = [line.split() for line in (errors.__doc__ or "").splitlines()]
    listed = {words[-1]: int(number) for words, number in _listed(lines)}
    assert listed == {kind.__name__: kind.exit_code for kind in KINDS}


def _listed(lines: list[list[str]]) -> list[tuple[list[str], str]]:
    found: list[tuple[list[str], str]] = []
    for words in lines:
        at = next((i for i, word in enumerate(words) if word.isdigit()), 0)
        if at:
            found.append((words[:at], words[at]))
    return found


def test_retrying_is_worth_it_only_where_things_pass() -> None:
    retryable = {kind.__name__ for kind in KINDS if kind.retryable}
    assert retryable == {"LakeUnavailable", "MainMoved", "TrackerUnavailable", "Frozen", "SourceUnavailable"}


@each_kind
def test_text_names_where_what_and_what_to_do(kind: type[MlopsError]) -> None:
    assert str(kind("it broke", where="main", todo="run it again")) == "main: it broke; run it again"
    assert str(kind("it broke")) == "it broke"


@each_kind
@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda e: pickle.loads(pickle.dumps(e))])  # noqa: S301
def test_copies_say_the_same(kind: type[MlopsError], duplicate: object) -> None:
    error = kind("it broke", where="main", todo="run it again")
    again = duplicate(error)  # type: ignore[operator]
    assert type(again) is kind
    assert str(again) == str(error)
    assert again.fields() == error.fields()


@each_kind
def test_fields_are_json_with_the_exit_code(kind: type[MlopsError]) -> None:
    fields = json.loads(json.dumps(kind("it broke", where="main").fields()))
    assert fields["error"] == kind.__name__
    assert fields["exit_code"] == kind.exit_code
    assert fields["what"] == "it broke"
    assert fields["todo"] == ""


def test_text_is_bounded_whatever_comes_in() -> None:
    error = MlopsError("x" * 10_000, where="y" * 10_000, todo="z" * 10_000)
    assert len(str(error)) < 1200
    assert error.what.endswith("…")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("two\nlines\r\n and\ttabs ", "two lines and tabs"),
        ("\x1b[31mred\x1b[0m", "�[31mred�[0m"),
        ("bell\a null\0", "bell� null�"),
        ("half \ud800 a character", "half � a character"),
        ("right-to-left \u202e override", "right-to-left � override"),
        ("grün 東京", "grün 東京"),
        ("", ""),
    ],
)
def test_text_is_one_line_that_any_terminal_can_show(text: str, line: str) -> None:
    assert bounded(text) == line
    bounded(text).encode()


@pytest.mark.parametrize("length", [1, 9, 10, 11, 1000])
def test_a_cut_is_marked_and_within_the_limit(length: int) -> None:
    text = bounded("x" * length, 10)
    assert len(text) == min(length, 10)
    assert text.endswith("…") == (length > 10)

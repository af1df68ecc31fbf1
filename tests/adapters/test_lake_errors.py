"""Every failure of the lakeFS clients becomes one of our errors, and the right one."""

from __future__ import annotations

import inspect
import json
import types

import lakefs.exceptions
import lakefs_sdk.exceptions
import pytest
import urllib3.exceptions
from lakefs_sdk.exceptions import ApiException
from lakefs_spec.errors import translate_lakefs_error

from mlops.adapters.lake.errors import from_status, hook_sentences, translate, translated
from mlops.runs.errors import (
    MAX_TEXT,
    ConfigError,
    Conflict,
    Corrupt,
    LakeDenied,
    LakeError,
    LakeFull,
    LakeUnavailable,
    MainMoved,
    MlopsError,
    NotFound,
    Unlawful,
)

ENDPOINT = "http://127.0.0.1:8000"
HOOK = (
    "update branch main: pre-merge hook aborted, run id '4opku89ksdueqbh6v080': 1 error occurred:\n"
    "\t* hook run id '0000_0000' failed on action 'gate' hook 'h1': action failed: {}\n\n"
)

STATUSES = [
    (400, "commit: no changes", LakeError),
    (401, "error authenticating request", LakeDenied),
    (403, "cannot write to protected branch", LakeDenied),
    (404, "branch not found", NotFound),
    (408, "", LakeUnavailable),
    (409, "tag already exists: not unique", Conflict),
    (410, "gone", NotFound),
    (412, "Precondition failed", Conflict),
    (416, "invalid range", LakeError),
    (423, "locked", LakeUnavailable),
    (429, "Too many attempts, try again later", LakeUnavailable),
    (500, "internal error", LakeError),
    (500, "write /data/x: no space left on device", LakeFull),
    (501, "not implemented", LakeError),
    (502, "", LakeUnavailable),
    (503, "slow down", LakeUnavailable),
    (504, "", LakeUnavailable),
    (507, "disk full", LakeFull),
    (302, "", LakeError),
]


def api_error(status: int, message: str) -> ApiException:
    error = ApiException(status=status, reason="A reason")
    error.body = json.dumps({"message": message}) if message else None
    return error


class TestStatus:
    @pytest.mark.parametrize(("status", "message", "expected"), STATUSES)
    def test_decides_the_class(self, status: int, message: str, expected: type[MlopsError]) -> None:
        error = translate(api_error(status, message), "flights/main", ENDPOINT)

        assert type(error) is expected
        assert message in error.what

    @pytest.mark.parametrize(("status", "message", "expected"), STATUSES)
    def test_decides_alike_for_the_wrapper_and_for_the_file_system(
        self, status: int, message: str, expected: type[MlopsError]
    ) -> None:
        body = json.dumps({"message": message}) if message else None
        wrapped = lakefs.exceptions.ServerException(status, "A reason", body)

        assert type(translate(wrapped, "flights/main", ENDPOINT)) is expected
        assert type(translate(translate_lakefs_error(wrapped), "flights/main", ENDPOINT)) is expected

    def test_a_404_that_is_not_lakefs_s_own_is_no_missing_object(self) -> None:
        for body in ("<html>no</html>", "", "[]", '{"message":"invalid API endpoint"}'):
            error = from_status(404, "Not Found", body, "flights/run-1", ENDPOINT)
            assert type(error) is LakeError
            assert ENDPOINT in error.todo

    def test_a_merge_conflict_has_no_message_of_its_own(self) -> None:
        error = from_status(409, "Conflict", '{"reference":""}', "flights/main", ENDPOINT)

        assert type(error) is Conflict
        assert str(error) == "flights/main: both sides changed the same object"

    def test_an_unknown_repository_is_told_how_to_set_it_up(self) -> None:
        body = '{"message":"repository not found"}'

        assert "mlops init" in from_status(404, "Not Found", body, "flights/main", ENDPOINT).todo

    def test_text_is_bounded(self) -> None:
        error = from_status(500, None, json.dumps({"message": "x" * 10_000}), "y" * 10_000, ENDPOINT)

        assert len(str(error)) < 2 * MAX_TEXT


class TestHooks:
    def test_a_moved_head_is_told_from_other_refusals(self) -> None:
        moved = api_error(412, HOOK.format("main-moved: main is at abc"))
        unlawful = api_error(412, HOOK.format("kind is missing"))

        assert translate(moved, "flights/main", ENDPOINT).what == "main is at abc"
        assert type(translate(moved, "flights/main", ENDPOINT)) is MainMoved
        assert str(translate(unlawful, "flights/main", ENDPOINT)) == "flights/main: kind is missing"
        assert type(translate(unlawful, "flights/main", ENDPOINT)) is Unlawful

    def test_the_mark_counts_only_at_the_start_of_a_sentence(self) -> None:
        error = api_error(412, HOOK.format("run 'main-moved: x' is unknown"))

        assert type(translate(error, "flights/main", ENDPOINT)) is Unlawful

    def test_the_place_in_the_script_and_its_stack_are_left_out(self) -> None:
        raised = 'runtime error: [string "lua"]:1: boom\nstack traceback:\n\t[Go]: in ?\n\t[string "lua"]:1'

        assert hook_sentences(HOOK.format(raised)) == ["boom"]
        syntax = 'syntax error: [string "lua"]:1: syntax error near error'
        assert hook_sentences(HOOK.format(syntax)) == [syntax]

    def test_all_sentences_of_several_actions_are_kept(self) -> None:
        message = (
            "update branch main: pre-merge hook aborted, run id 'x': 2 errors occurred:\n"
            "\t* hook run id '0000_0000' failed on action 'A a' hook 'h1': action failed: A no\nmore\n"
            "\t* hook run id '0001_0000' failed on action 'Bb' hook 'h1': action failed: B1 no\n\n"
        )

        assert hook_sentences(message) == ["A no\nmore", "B1 no"]
        assert translate(api_error(412, message), "m", ENDPOINT).what == "A no more; B1 no"

    def test_one_moved_head_among_several_sentences_is_a_moved_head(self) -> None:
        message = (
            "pre-merge hook aborted, run id 'x': 2 errors occurred:\n"
            "\t* hook run id '0000_0000' failed on action 'A a' hook 'h1': action failed: A no\n"
            "\t* hook run id '0001_0000' failed on action 'Bb' hook 'h1': action failed: main-moved: y\n\n"
        )

        assert type(translate(api_error(412, message), "m", ENDPOINT)) is MainMoved

    def test_an_unknown_form_is_shown_whole(self) -> None:
        assert hook_sentences("pre-merge hook aborted: who knows\n\n") == [
            "pre-merge hook aborted: who knows"
        ]

    def test_hooks_of_other_events_are_refusals_too(self) -> None:
        message = HOOK.format("no commits").replace("update branch main: pre-merge", "pre-commit")

        assert type(translate(api_error(412, message), "m", ENDPOINT)) is Unlawful


def classes(module: types.ModuleType, base: type[BaseException]) -> list[type[Exception]]:
    found = [kind for _, kind in inspect.getmembers(module, inspect.isclass) if issubclass(kind, base)]
    return [kind for kind in found if kind.__module__ == module.__name__]


#: Classes that say the SDK was called wrongly or the answer had another form: `LakeError`, not retried.
UNREADABLE = {
    "OpenApiException",
    "ApiTypeError",
    "ApiValueError",
    "ApiAttributeError",
    "ApiKeyError",
    "LakeFSException",
    "ImportManagerException",
    "TransactionException",
}


class TestEveryClassOfTheClients:
    """A new class in a later release of a client fails here until somebody has decided what it means."""

    @pytest.mark.parametrize(
        "kind", classes(lakefs_sdk.exceptions, Exception), ids=lambda kind: kind.__name__
    )
    def test_of_the_generated_client(self, kind: type[Exception]) -> None:
        self.check(kind)

    @pytest.mark.parametrize("kind", classes(lakefs.exceptions, Exception), ids=lambda kind: kind.__name__)
    def test_of_the_wrapper(self, kind: type[Exception]) -> None:
        self.check(kind)

    @pytest.mark.parametrize(
        "kind", classes(urllib3.exceptions, urllib3.exceptions.HTTPError), ids=lambda kind: kind.__name__
    )
    def test_of_the_transport(self, kind: type[Exception]) -> None:
        error = kind.__new__(kind)
        error.reason = None  # type: ignore[attr-defined]
        expected = ConfigError if issubclass(kind, urllib3.exceptions.LocationValueError) else LakeUnavailable

        assert type(translate(error, "flights/main", ENDPOINT)) is expected

    def check(self, kind: type[Exception]) -> None:
        if kind.__name__ in UNREADABLE:
            assert type(translate(kind("x"), "flights/main", ENDPOINT)) is LakeError
        elif issubclass(kind, (ApiException, lakefs.exceptions.ServerException)):
            error = kind(404, "Not Found")
            error.body = '{"message":"x"}'  # type: ignore[attr-defined]
            assert type(translate(error, "flights/main", ENDPOINT)) is NotFound
            assert type(translate(kind(), "flights/main", ENDPOINT)) is LakeUnavailable
        else:
            assert type(translate(kind(), "flights/main", ENDPOINT)) is ConfigError


class TestSeam:
    @pytest.mark.parametrize("error", [ConnectionResetError(), TimeoutError(), BrokenPipeError(), OSError()])
    def test_a_broken_connection_is_no_answer(self, error: OSError) -> None:
        with pytest.raises(LakeUnavailable) as caught, translated("flights/main", ENDPOINT):
            raise error

        assert caught.value.__cause__ is error
        assert caught.value.where == ENDPOINT
        assert caught.value.retryable

    def test_an_answer_of_another_form_is_named(self) -> None:
        with pytest.raises(LakeError, match="cannot be read") as caught, translated("flights/main", ENDPOINT):
            raise KeyError("x")

        assert ENDPOINT in caught.value.todo

    def test_our_own_errors_pass(self) -> None:
        with pytest.raises(Corrupt), translated("flights/main", ENDPOINT):
            raise Corrupt("x")

    def test_an_interrupt_passes(self) -> None:
        with pytest.raises(KeyboardInterrupt), translated("flights/main", ENDPOINT):
            raise KeyboardInterrupt

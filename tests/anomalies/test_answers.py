"""Who stopped something is read from what was answered: status and hook, class, reason, invariant."""

from __future__ import annotations

import json

import pytest
from lakefs_sdk.exceptions import ApiException

from mlops.adapters.lake.errors import translated
from mlops.anomalies.answers import of_error, of_finding, of_verdict
from mlops.anomalies.model import Act, Answer, Shown
from mlops.anomalies.writing import HALF_WRITTEN
from mlops.runs.audit.findings import AuditFinding
from mlops.runs.decisions import Finding, Outcome, Reason, Verdict
from mlops.runs.errors import LakeDenied, MainMoved, MlopsError, Unlawful

REFUSED = (
    "pre-merge hook aborted, run id '5k': 1 error occurred:\n\t* hook run id '0000_0001' failed on action "
    "'promotion gate' hook 'promotion_record': runtime error: action failed: {}\nstack traceback:\n\t[G]: in"
)


def answered(status: int, message: str) -> MlopsError:
    """Return the error that stands for an answer of the server."""
    answer = ApiException(status=status, reason="")
    answer.body = json.dumps({"message": message})
    with pytest.raises(MlopsError) as raised, translated("main", "http://lake"):
        raise answer
    return raised.value


def test_a_hook_is_named_by_the_server_s_answer() -> None:
    error = answered(412, REFUSED.format("unlawful: no such thing"))
    assert isinstance(error, Unlawful)
    assert of_error(error) == Answer("server", "412 promotion gate: promotion_record", error.what)


def test_so_it_is_behind_an_error_of_our_own() -> None:
    error = answered(412, REFUSED.format("main-moved: elsewhere"))
    assert isinstance(error, MainMoved)
    with pytest.raises(MainMoved) as raised:
        raise MainMoved("main is elsewhere") from error
    assert of_error(raised.value) == Answer(
        "server", "412 promotion gate: promotion_record", "main is elsewhere"
    )


def test_other_answers_of_the_server_have_their_status() -> None:
    error = answered(403, "cannot write to protected branch")
    assert isinstance(error, LakeDenied)
    assert of_error(error) == Answer("server", "403", "cannot write to protected branch")


def test_an_error_without_an_answer_is_the_command_s() -> None:
    assert of_error(Unlawful("it forked elsewhere", where="run-1-a1")) == Answer(
        "command", "Unlawful", "it forked elsewhere"
    )


def test_a_verdict_is_the_gate_s_and_a_finding_the_audit_s() -> None:
    verdict = Verdict(Outcome.REFUSE, (Finding(Reason.NO_GAIN, "It is no better."),))
    assert of_verdict(verdict) == Answer("gate", "no_gain", "It is no better.")
    finding = AuditFinding("c" * 64, "I7", "it is back", "roll back")
    assert of_finding(finding) == Answer("audit", "I7", "it is back")


HAPPENED, STOPPED = Act("it is there", None, (), 0.1), Act("", Answer("server", "403", "no"), (), 0.1)


def test_what_proves_a_guard() -> None:
    shown = Shown(HALF_WRITTEN, HAPPENED, STOPPED)
    assert shown.complaint == ""
    assert shown.by == STOPPED.stopped


@pytest.mark.parametrize(
    ("without", "guarded", "words"),
    [
        (STOPPED, STOPPED, "did not happen without the guard: 403 stopped it"),
        (Act("", None, (), 0.1), STOPPED, "did not happen without"),
        (HAPPENED, HAPPENED, "although the guard is on"),
        (HAPPENED, Act("", None, (), 0.1), "nobody stopped it"),
    ],
)
def test_what_proves_nothing(without: Act, guarded: Act, words: str) -> None:
    assert words in Shown(HALF_WRITTEN, without, guarded).complaint

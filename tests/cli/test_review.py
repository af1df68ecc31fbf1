"""A run that waits for review: what each command says of it, and how a person ends it."""

from __future__ import annotations

import dataclasses
import io
import json

import pytest

from mlops.cli.output.results import Alarm, Result, print_result
from mlops.runs import names
from mlops.runs.main.policy import apply_policy
from mlops.runs.ports import Author, Commit
from mlops.runs.promotion import review
from tests.adapters.test_notifications import http_server
from tests.cli.conftest import PIPELINE, Desk
from tests.support.fakes import FakeProcesses

POLICY = b"metric: mae\nmin_gain: 0\nmin_clusters: 20\n"
REVIEW = POLICY + b"promotion: review\noverride_by: [Ada Lovelace]\n"


@pytest.fixture
def desk(mlops: Desk) -> Desk:
    """A pipeline with a champion, whose policy asks for review from now on."""
    mlops.world.ports = dataclasses.replace(mlops.world.ports, author=lambda: Author("claimed:Bob"))
    apply_policy(mlops.world.ports, {names.POLICY: REVIEW}, "a person looks from now on")
    return mlops


def waiting_run(desk: Desk) -> str:
    answer = desk("run", PIPELINE, "--param", "shrinkage=10", "--no-report", "--json")
    assert (answer.code, answer.document["waiting"], answer.document["promoted"]) == (9, True, False)
    return answer.document["run_id"]


def test_every_command_says_that_it_waits_and_what_ends_it(desk: Desk) -> None:
    run_id = waiting_run(desk)
    again = desk("run", PIPELINE, "--param", "shrinkage=10", "--no-report")
    assert again.code == 9
    assert f"run {run_id} waits for review" in again.out
    assert f"next: mlops approve {PIPELINE} {run_id} --comment TEXT" in again.out
    assert "/pulls/" in again.out
    runs = desk("runs", PIPELINE, "--json").document["pipelines"][0]["runs"]
    (row,) = [row for row in runs if row["run_id"] == run_id]
    assert row["state"] == "waiting for review"
    shown = desk("show", PIPELINE, run_id).out
    assert "waiting for review" in shown
    assert f"mlops reject {PIPELINE} {run_id} --reason TEXT" in shown
    logged = desk("log", PIPELINE)
    assert f"run {run_id} waits for review" in logged.out
    desk.world.ports = dataclasses.replace(desk.world.ports, processes=FakeProcesses("host:2:2"))
    assert "it waits for review" in desk("sweep", PIPELINE).out


def test_approve_promotes_and_log_show_and_audit_name_who(desk: Desk) -> None:
    run_id = waiting_run(desk)
    assert desk("approve", PIPELINE, run_id).error.startswith("error: --comment")
    answer = desk("approve", PIPELINE, run_id, "--comment", "the plots look right", "--json")
    assert (answer.code, answer.document["promoted"]) == (0, True)
    approval = answer.document["approval"]
    assert (approval["by"], approval["comment"], approval["override"]) == (
        "claimed:Bob",
        "the plots look right",
        False,
    )
    number = answer.document["number"]
    (entry,) = [e for e in desk("log", PIPELINE, "--json").document["entries"] if e["number"] == number]
    assert (entry["approval"], entry["who"]) == (approval, "claimed:Bob")
    assert "approved by claimed:Bob" in desk("log", PIPELINE).out
    assert desk("show", PIPELINE, run_id, "--json").document["approval"] == approval
    audited = desk("audit", PIPELINE, "--json").document
    assert [(a["number"], a["by"]) for a in audited["approvals"]] == [(number, "claimed:Bob")]
    assert "1 promotion approved by claimed:Bob" in desk("audit", PIPELINE).out
    assert desk("approve", PIPELINE, run_id, "--comment", "once more").code == 0


def test_reject_ends_it_for_good(desk: Desk) -> None:
    run_id = waiting_run(desk)
    answer = desk("reject", PIPELINE, run_id, "--reason", "May is missing", "--json")
    assert (answer.code, answer.document["rejection"]["reason"]) == (0, "May is missing")
    shown = desk("show", PIPELINE, run_id)
    assert "rejected by claimed:Bob" in shown.out
    assert desk("show", PIPELINE, run_id, "--json").document["state"] == "rejected"
    assert desk("approve", PIPELINE, run_id, "--comment", "after all").code == 5
    assert "rejected on review" in desk("run", PIPELINE, "--param", "shrinkage=10", "--no-report").error
    assert run_id not in desk("log", PIPELINE).out


def test_a_rejection_that_comes_while_the_lake_merges_says_what_takes_the_run_back(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lake asks its hooks before a merge: the run lands although it was rejected in between."""
    run_id = waiting_run(desk)
    landed = Commit("c" * 64, (), "Promote", {"number": "3"}, 0)
    answers = iter((None, landed))
    monkeypatch.setattr(review, "promotion_of", lambda *_: next(answers))
    answer = desk("reject", PIPELINE, run_id, "--reason", "May is missing")
    assert answer.code == 3
    assert "is promotion 3; `mlops rollback` takes it back" in answer.error


def test_an_override_is_for_whom_the_policy_names_and_is_told_in_red(desk: Desk) -> None:
    refused = desk("run", PIPELINE, "--param", "shrinkage=13", "--no-report", "--json")
    run_id = refused.document["run_id"]
    assert refused.code == 5
    override = ("promote", PIPELINE, run_id, "--override", "--reason", "sensors moved")
    assert "need each other" in desk(*override).error
    assert desk(*override, "--approved-by", "Bob").code == 16
    answer = desk(*override, "--approved-by", "Ada Lovelace", "--json")
    assert (answer.code, answer.document["approval"]["by"]) == (0, "claimed:Ada Lovelace")
    again = desk("run", PIPELINE, "--param", "shrinkage=13", "--no-report", "--json")
    assert (again.code, again.document["number"]) == (0, answer.document["number"])
    told = "REFUSAL OVERRIDDEN by claimed:Ada Lovelace"
    for command in (("log", PIPELINE), ("show", PIPELINE, run_id)):
        assert told in desk(*command).out
    audited = desk("audit", PIPELINE)
    assert "refusal overridden by claimed:Ada Lovelace: sensors moved" in audited.out


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_alarms_are_red_on_a_terminal_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    result = Result({}, ["plain", Alarm("alarm")])
    for stream, expected in (
        (_Terminal(), "plain\n\x1b[31malarm\x1b[0m\n"),
        (io.StringIO(), "plain\nalarm\n"),
    ):
        print_result(result, "log", as_json=False, stdout=stream)
        assert stream.getvalue() == expected


def test_people_are_told_after_the_fact_and_no_failure_counts(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    with http_server() as (url, seen):
        monkeypatch.setenv("MLOPS_NOTIFY_WEBHOOK", url)
        run_id = waiting_run(desk)
    assert [json.loads(body)["event"] for _, _, body in seen] == ["review"]
    monkeypatch.setenv("MLOPS_NOTIFY_TIMEOUT_S", "0.2")
    answer = desk("approve", PIPELINE, run_id, "--comment", "fine")
    assert answer.code == 0
    assert "the webhook was not told of the promotion" in answer.err

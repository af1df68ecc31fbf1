"""The reference page of JSON documents lists the keys that commands print."""

from __future__ import annotations

import pytest

from infra.docs.json_output import documents
from tests.cli.conftest import PIPELINE, Desk
from tests.cli.test_output import ERROR, SHAPES

DOCUMENTS = documents()
EVERY = set(DOCUMENTS["every"])
HINT = "edit infra/docs/json_keys.toml"


@pytest.mark.parametrize("command", SHAPES)
def test_keys_of_a_known_shape(command: str) -> None:
    assert set(DOCUMENTS[command]) == SHAPES[command][1], HINT


def test_keys_of_an_error() -> None:
    assert set(DOCUMENTS["error"]) == ERROR, HINT


def test_keys_of_what_follows_a_rollback(mlops: Desk) -> None:
    dropped = mlops("log", PIPELINE, "--json").document["entries"][0]["run_id"]
    judged = mlops("gate", PIPELINE, dropped, "--json").document
    assert set(judged) == EVERY | set(DOCUMENTS["gate"]), HINT

    assert mlops("rollback", PIPELINE, "--reason", "it was wrong").code == 0
    for command, subject in (("write-off", "2020-03"), ("forget", dropped)):
        answer = mlops(command, PIPELINE, subject, "--reason", "asked for", "--json")
        assert answer.code == 0, answer.err
        assert set(answer.document) == EVERY | set(DOCUMENTS[command]), HINT


@pytest.mark.parametrize(
    "arguments",
    [("completion", "bash"), ("anomalies", "--list"), ("settings",), ("config", "show"), ("down",)],
)
def test_keys_of_commands_that_need_no_repository(arguments: tuple[str, ...], mlops: Desk) -> None:
    found = set(mlops(*arguments, "--json").document)
    assert (
        EVERY
        <= found
        <= EVERY | set(DOCUMENTS[" ".join(arguments) if arguments[0] == "config" else arguments[0]])
    ), HINT


def test_keys_of_an_audit(mlops: Desk) -> None:
    assert set(mlops("audit", PIPELINE, "--json").document) - set(DOCUMENTS["error"]) == EVERY | set(
        DOCUMENTS["audit"]
    ), HINT

"""The gallery as a test: each anomaly happens without its guard, and is stopped or found with it."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.docs.anomaly_table import outcomes
from mlops.anomalies import guards
from mlops.anomalies.gallery import ANOMALIES, chosen, show
from mlops.anomalies.model import Anomaly
from mlops.anomalies.scratch import Scratch, scratch_store
from mlops.cli import run
from mlops.runs import names
from mlops.runs.errors import AuditFailed, ConfigError, InputError, ProtocolMisuse
from mlops.settings import LakeMode
from mlops.steps.repository.init_repository import gate_files

#: What happens without each guard, and who stops or finds it; the documentation shows the same.
OUTCOMES = outcomes()
EXPECTED = {name: (outcome["by"], outcome["code"]) for name, outcome in OUTCOMES.items()}


def without_numbers(text: str) -> str:
    """Return text with a placeholder for each number: its last digits may depend on the machine."""
    return re.sub(r"\d+(\.\d+)?", "#", text)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scratch]:
    """A scratch store with a running server."""
    with scratch_store(tmp_path_factory.mktemp("anomalies") / "store") as store:
        yield store


def test_every_anomaly_is_there() -> None:
    assert [anomaly.name for anomaly in ANOMALIES] == list(EXPECTED)


@pytest.mark.slow
@pytest.mark.parametrize("anomaly", ANOMALIES, ids=lambda anomaly: anomaly.name)
def test_it_happens_without_its_guard_and_not_unnoticed_with_it(scratch: Scratch, anomaly: Anomaly) -> None:
    shown = show(scratch, anomaly)

    assert shown.complaint == ""
    assert without_numbers(shown.without.happened) == without_numbers(OUTCOMES[anomaly.name]["without"])
    assert shown.without.stopped is None
    assert shown.by is not None
    assert (shown.by.who, shown.by.code) == EXPECTED[anomaly.name]
    assert bool(shown.guarded.happened) is anomaly.guard.audits
    # Whatever else fails to stop it, the audit does not miss it.
    assert bool(shown.without.found) is not anomaly.guard.audits


@pytest.fixture(scope="module")
def real_scratch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scratch]:
    """The same on the lakeFS program."""
    with scratch_store(tmp_path_factory.mktemp("real") / "store", LakeMode.LAKEFS) as store:
        yield store


@pytest.mark.real_lakefs
@pytest.mark.parametrize("anomaly", ANOMALIES, ids=lambda anomaly: anomaly.name)
def test_lakefs_itself_answers_alike(real_scratch: Scratch, anomaly: Anomaly) -> None:
    shown = show(real_scratch, anomaly)

    assert shown.complaint == ""
    assert shown.by is not None
    assert (shown.by.who, shown.by.code) == EXPECTED[anomaly.name]


@pytest.mark.slow
def test_a_guard_that_does_nothing_is_told(scratch: Scratch) -> None:
    """Another guard still stops it while this one is disabled."""
    alias = dataclasses.replace(
        chosen(["source-wins-merge"])[0], name="vain", guard=guards.check("lawful_change", "freeze")
    )
    shown = show(scratch, alias)
    assert "it did not happen without the guard" in shown.complaint
    assert "lawful_change" in shown.complaint


@pytest.mark.slow
def test_an_anomaly_that_nobody_stops_is_told(scratch: Scratch) -> None:
    moved = dataclasses.replace(
        chosen(["hand-moved-alias"])[0], name="unseen", guard=guards.protection(), seen=lambda _s, _b: "yes"
    )
    assert show(scratch, moved).complaint == "it happened although the guard is on"


def test_names_are_chosen_by_their_beginning() -> None:
    assert [a.name for a in chosen(["resurrection", "stale"])] == [
        "stale-champion",
        "resurrection-by-retry",
        "resurrection-by-ingest",
        "resurrection-after-forward",
    ]
    assert chosen([]) == ANOMALIES
    with pytest.raises(InputError, match="no such anomaly"):
        chosen(["stale", "nothing"])


@pytest.mark.parametrize("anomaly", ANOMALIES, ids=lambda anomaly: anomaly.name)
def test_a_disabled_guard_leaves_everything_else_as_it_is_shipped(anomaly: Anomaly) -> None:
    files = gate_files("flights")
    left = anomaly.guard.actions(files)
    assert left.keys() == files.keys()
    for path, data in files.items():
        kept = iter(data.decode().splitlines())
        assert all(line in kept for line in left[path].decode().splitlines()), path
    assert (dict(left) == files) is not anomaly.guard.name.startswith(("check", "hook", "pre-"))


@pytest.mark.parametrize("guard", [guards.check("lawful_change", "objects"), guards.hook("other")])
def test_a_guard_that_is_not_there_cannot_be_disabled(guard: guards.Guard) -> None:
    with pytest.raises(ProtocolMisuse, match="0 times") as raised:
        guard.actions(gate_files("flights"))
    assert raised.value.where == names.ENFORCER


def test_the_list_needs_no_server(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--state-dir", str(tmp_path), "anomalies", "--list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["anomalies"]
    assert [row["name"] for row in listed] == list(EXPECTED)
    assert all(row["story"] and row["guard"] for row in listed)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_the_table_tells_what_was_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--state-dir", str(tmp_path), "anomalies", "--only", "source-wins", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)["anomalies"][0]
    assert shown["by"]["code"] == "412 promotion gate: lawful_change"
    assert shown["by"]["words"] == "unlawful: a merge strategy was passed"
    assert shown["without"]["stopped"] is None
    assert {answer["code"] for answer in shown["without"]["found"]} >= {"I5"}
    assert not (tmp_path / "anomalies").exists()


def test_a_team_s_lake_is_never_touched(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = run(["--state-dir", str(tmp_path), "--lake", "external", "anomalies"])
    assert code == ConfigError.exit_code
    assert "scratch" in capsys.readouterr().err


@pytest.mark.slow
def test_a_guard_that_fails_has_its_own_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    vain = dataclasses.replace(chosen(["source-wins"])[0], guard=guards.check("lawful_change", "freeze"))
    monkeypatch.setattr("mlops.anomalies.gallery.ANOMALIES", (vain,))
    assert run(["--state-dir", str(tmp_path), "anomalies"]) == AuditFailed.exit_code
    answer = capsys.readouterr()
    assert "it did not happen without the guard" in answer.err
    assert "source-wins-merge" in answer.out

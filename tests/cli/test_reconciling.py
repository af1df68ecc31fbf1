"""Every command that changes something begins by finishing what others left undone."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mlops.cli.app import app
from mlops.runs import names
from mlops.runs.main.state import read_main
from mlops.runs.upkeep.reconcile import CHAMPION_ALIAS
from mlops.steps.repository import init_repository
from tests.cli.conftest import PIPELINE, Desk
from tests.orchestration import tiny

Arguments = Callable[[Desk], tuple[str, ...]]


def _champion(desk: Desk) -> str:
    champion = read_main(desk.world.lake).champion
    assert champion is not None
    return champion.run_id


#: How each command is typed that changes a pipeline's repository; some end with an error of their own.
CHANGING: dict[str, Arguments] = {
    "init": lambda _: ("init", PIPELINE),
    "ingest": lambda _: ("ingest", PIPELINE, "2020-05"),
    "policy": lambda _: ("policy", "apply", PIPELINE, "--reason", "to say so"),
    "run": lambda _: ("run", PIPELINE, "--param", "shrinkage=11"),
    "rollback": lambda _: ("rollback", PIPELINE, "--reason", "it was wrong"),
    "resume": lambda _: ("resume", PIPELINE, "--reason", "it was found"),
    "restore": lambda _: ("restore", PIPELINE, "1", "--reason", "it was better"),
    "promote": lambda desk: ("promote", PIPELINE, _champion(desk)),
    "approve": lambda desk: ("approve", PIPELINE, _champion(desk), "--comment", "looked at"),
    "reject": lambda desk: ("reject", PIPELINE, _champion(desk), "--reason", "it was wrong"),
    "write-off": lambda _: ("write-off", PIPELINE, "2020-01", "--reason", "it was wrong"),
    "forget": lambda _: ("forget", PIPELINE, "0" * 12, "--reason", "somebody asked"),
    "reconcile": lambda _: ("reconcile", PIPELINE),
    "sweep": lambda _: ("sweep", PIPELINE, "--yes"),
}
#: Commands that change no repository, or (rehearse, demo, anomalies) none but a scratch branch or store.
OTHERS = {
    "gate",
    "status",
    "log",
    "diff",
    "audit",
    "rehearse",
    "up",
    "down",
    "demo",
    "settings",
    "config",
    "anomalies",
    "lake",
    "open",
    "completion",
    "signing",
    "export-record",
    "verify",
    "new",
    "check",
    "recommend",
    "serve",
    "score",
    "keys",
    "versions",
    "runs",
    "show",
    "report",
    "explain",
    "sweep-params",
    "profile",
}


def test_every_command_is_one_or_the_other() -> None:
    commands = {
        command.name or command.callback.__name__.strip("_")  # type: ignore[union-attr]
        for command in app.registered_commands
    }
    groups = {group.name for group in app.registered_groups}
    assert commands | groups <= CHANGING.keys() | OTHERS
    assert CHANGING.keys() <= commands | groups


@pytest.mark.parametrize("command", CHANGING)
def test_a_command_that_changes_something_begins_by_bringing_all_in_line(
    mlops: Desk, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    lake, tracker = mlops.world.lake, mlops.world.ports.tracker
    monkeypatch.setattr(init_repository, "gate_files", lambda _pipeline: tiny.gate_files())
    lake.protect([], lake.protection().version)
    lake.write(names.MAIN, "raw/stray", b"x")
    tracker.set_alias(PIPELINE, CHAMPION_ALIAS, None)

    answer = mlops(*CHANGING[command](mlops))

    assert lake.staged(names.MAIN) == [], answer.err
    assert names.MAIN in lake.protection().patterns
    assert tracker.alias(PIPELINE, CHAMPION_ALIAS) is not None
    if command != "reconcile":
        assert "main: 1 staged changes dropped, the first raw/stray" in answer.err

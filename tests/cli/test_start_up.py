"""What it costs to start: counted in imported modules, which do not depend on the machine."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from mlops.adapters.lake import servers
from mlops.cli.app import app

#: Each of these costs a tenth of a second or more, or brings something that does.
HEAVY = {
    "alembic",
    "asyncio",
    "dagster",
    "great_expectations",
    "lakefs",
    "lakefs_sdk",
    "mlflow",
    "mlops.adapters",
    "mlops.lakeserver",
    "mlops.orchestration",
    "mlops.pipelines",
    "mlops.settings",
    "mlops.steps",
    "numpy",
    "pandas",
    "pyarrow",
    "pydantic",
    "pydantic_settings",
    "requests",
    "rich",
    "scipy",
    "sklearn",
    "sqlite3",
    "urllib3",
    "yaml",
}
#: Modules that `mlops --help` loads, the interpreter's own included and those of commands left out; some room
#: above what it is now.
MOST_MODULES = 200

SCRIPT = """
import sys
from mlops.cli import run
code = run(sys.argv[1:])
print("\\n".join(sorted(sys.modules)), file=sys.stderr)
raise SystemExit(code)
"""

COMMANDS = sorted(command.name or command.callback.__name__ for command in app.registered_commands)  # type: ignore[union-attr]


def modules_of(*arguments: str) -> set[str]:
    answer = subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments], capture_output=True, text=True, check=True
    )
    assert answer.stdout.startswith("Usage: mlops")
    return set(answer.stderr.split())


def heavy(modules: set[str]) -> set[str]:
    return {name for name in HEAVY if name in modules}


def test_help_imports_nothing_heavy() -> None:
    modules = modules_of("--help")

    assert heavy(modules) == set()
    # There is a small module for each command, and none of them may bring others with it.
    assert len([name for name in modules if not name.startswith("mlops.cli.commands.")]) < MOST_MODULES


def test_help_of_a_command_imports_only_what_typer_converts_values_with() -> None:
    assert heavy(modules_of("run", "--help")) <= {"pydantic"}


@pytest.mark.parametrize("command", [*COMMANDS, "lake serve", "lake verify", "lake gc"])
def test_every_command_has_help_and_json(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    from mlops.cli import run

    assert run([*command.split(), "--help"]) == 0

    shown = capsys.readouterr().out
    assert "--json" in shown
    assert len(shown.splitlines()) > 5


def test_the_list_of_commands_fits_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    from mlops.cli import run

    assert run([]) == 0

    shown = capsys.readouterr().out
    assert "..." not in shown.partition("Commands:")[2]
    assert all(f"\n  {name} " in shown for name in COMMANDS)


#: What no command needs that only asks the lake.
OF_RUNS = {
    "alembic",
    "dagster",
    "great_expectations",
    "mlflow",
    "numpy",
    "pandas",
    "pyarrow",
    "scipy",
    "skops",
    "sklearn",
    "sqlalchemy",
}
#: What each command may import of it on a repository without a promotion.
MAY_IMPORT: dict[str, set[str]] = {
    "status flights": set(),
    "log flights": set(),
    "sweep flights": set(),
    "rehearse flights --to 1": {"numpy", "pandas", "pyarrow"},
    "rollback flights --reason bad --dry-run": set(),
    "settings": set(),
    "config show": set(),
    "signing show": set(),
    "diff flights main~1 main": {"numpy", "pandas", "pyarrow"},
    # MLflow, and what it brings along, is imported by a process beside them.
    "reconcile flights": set(),
    "audit flights": {"numpy", "pandas", "pyarrow", "scipy"},
    "rollback flights --reason bad": set(),
    "ingest flights 2013-01": {
        *("great_expectations", "numpy", "pandas", "pyarrow", "scipy", "sqlalchemy"),
    },
}
ASKING = """
import sys
from mlops.cli import main
try:
    main()
finally:
    print("\\n".join(sorted(sys.modules)), file=sys.stderr)
"""


@pytest.fixture(scope="module")
def set_up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of commands in a state folder whose server runs and holds a repository."""
    state_dir = tmp_path_factory.mktemp("start-up") / "state"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MLOPS_", "LAKECTL_"))}
    environment = {**kept, "MLOPS_STATE_DIR": str(state_dir), "MLOPS_LAKE_PORT": "0"}
    try:
        command = [sys.executable, "-m", "mlops.cli", "init", "flights"]
        subprocess.run(command, env=environment, check=True, capture_output=True)
        yield environment
    finally:
        servers.stop(state_dir)


@pytest.mark.slow
@pytest.mark.parametrize("command", MAY_IMPORT)
def test_a_command_imports_what_it_needs_and_no_more(command: str, set_up: dict[str, str]) -> None:
    answer = subprocess.run(
        [sys.executable, "-c", ASKING, *command.split()],
        env=set_up,
        capture_output=True,
        text=True,
        check=False,  # there is nothing to go back to yet
    )
    imported = OF_RUNS & set(answer.stderr.split())

    assert imported <= MAY_IMPORT[command]


def test_libraries_of_every_command_can_be_loaded() -> None:
    from mlops.cli import libraries

    assert set(libraries.BY_COMMAND) <= set(COMMANDS)
    for name in {name for names in libraries.BY_COMMAND.values() for name in names}:
        assert importlib.util.find_spec(name) is not None

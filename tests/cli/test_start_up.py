"""What it costs to start: counted in imported modules, which do not depend on the machine."""

from __future__ import annotations

import subprocess
import sys

import pytest

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

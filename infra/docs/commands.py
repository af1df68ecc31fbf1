"""The page of commands, from what the command line itself declares."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from infra.docs.markdown import code, table

_INTRODUCTION = """# Commands

This page is generated from the program; `mlops COMMAND --help` prints the same.

Every command takes `--json` and then prints exactly one JSON document on standard output
(see [JSON output](json-output.md)); progress goes to standard error. Errors are one line that says what
happened, where, and what to do next; [exit codes](exit-codes.md) differ by kind. A command that was
interrupted, even by `kill -9`, can be run again: it continues where it was, or undoes what was half done.
"""


def page() -> str:
    """Return the page."""
    parts = [_INTRODUCTION]
    for path, command, context in walk():
        depth = "##" if len(path) < 3 else "###"
        parts += [f"{depth} {' '.join(path)}\n", _section(path, command, context)]
    return "\n".join(parts)


def walk() -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    """Yield each command with its path (``("mlops", "lake", "gc")``) and a context to ask for its help."""
    from typer.main import get_command

    from mlops.cli.app import app

    yield from _walk(("mlops",), get_command(app), None)


def _walk(path: tuple[str, ...], command: Any, parent: Any) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    context = command.context_class(command, info_name=path[-1], parent=parent)
    yield path, command, context
    for name, child in getattr(command, "commands", {}).items():
        yield from _walk((*path, name), child, context)


def _section(path: tuple[str, ...], command: Any, context: Any) -> str:
    text = (command.help or "").replace("\f", "").strip()
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option" and _is_shown(p, path)]
    parts = [text, "", f"```text\n{_usage(path, arguments, options, command)}\n```", ""]
    if arguments:
        rows = [(code(str(p.metavar or p.name.upper())), p.help or "") for p in arguments]
        parts.append(table(("Argument", "Meaning"), rows))
    if options:
        rows = [_option(p, context) for p in options]
        parts.append(table(("Option", "Meaning"), rows))
    return "\n".join(parts)


def _is_shown(parameter: Any, path: tuple[str, ...]) -> bool:
    """Return whether an option is listed: those that every command has are described once, at the top."""
    return parameter.name != "help" and (parameter.name != "json" or len(path) == 1)


def _usage(path: tuple[str, ...], arguments: list[Any], options: list[Any], command: Any) -> str:
    words = [*path, *(["[OPTIONS]"] if options else [])]
    words += [str(p.metavar or p.name.upper()) for p in arguments]
    words += ["COMMAND ..."] if getattr(command, "commands", None) else []
    return " ".join(words)


def _option(parameter: Any, context: Any) -> tuple[str, str]:
    """Return how an option is written and its meaning, as ``--help`` has them."""
    name, meaning = parameter.get_help_record(context) or (parameter.opts[0], parameter.help or "")
    return code(name.replace("<int range>", "N")), meaning

"""COVERAGE.md: the implemented operations of lakeFS, generated from the installed client and the routes.

`python -m mlops.lakeserver.coverage --write` writes it; `--check` fails when it is stale.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import inspect
import re
import sys
from pathlib import Path
from typing import NamedTuple

from mlops.lakeserver.http.routes import CLIENT_OPERATIONS, ROUTES

HERE = Path(__file__).parent
TABLE = HERE / "COVERAGE.md"
NOTES = HERE / "coverage_notes.md"

#: Why an operation is not built, by what its path begins with; the first that fits.
REASONS = (
    ("/auth/", "One user, whose key is in a file: there is nobody else to give rights to."),
    ("/oidc/", "No login by other services."),
    ("/sts/", "No login by other services."),
    ("/setup_comm_prefs", "Nobody is written to."),
    ("/usage-report", "Nothing is counted."),
    ("staging/pmpu", "No presigned addresses on a local block store; lakeFS has none there either."),
    ("/gc/", "For lakeFS's own collector, which works on object stores; here `mlops lake gc` collects."),
    ("branch_protection", "Old form of `settings/branch_protection`, which is built."),
    ("/metadata/", "lakeFS's range files for readers of its object store; trees are kept otherwise here."),
    ("/symlink", "For Hive tables on an object store."),
)

_CALL = re.compile(r"self\.api_client\.call_api\(\s*'([^']+)',\s*'([A-Z]+)'")
_NAME = re.compile(r"def (\w+)_with_http_info\(")


class Operation(NamedTuple):
    """An operation that the client knows.

    Attributes:
        tags: the client's classes that have it.
    """

    name: str
    method: str
    path: str
    tags: tuple[str, ...]


def snake_case(operation_id: str) -> str:
    """`operation_id` as the client's method is named."""
    text = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", operation_id)
    return re.sub(r"([a-z\d])([A-Z])", r"\1_\2", text).lower()


def client_operations() -> list[Operation]:
    """Return every operation of the installed `lakefs_sdk`, read from its source."""
    spec = importlib.util.find_spec("lakefs_sdk")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("lakefs_sdk is not installed")
    found: dict[tuple[str, str], Operation] = {}
    for source in sorted((Path(spec.submodule_search_locations[0]) / "api").glob("*_api.py")):
        tag, text = source.stem.removesuffix("_api"), source.read_text()
        for call in _CALL.finditer(text):
            path, method = call.groups()
            name = _NAME.findall(text, 0, call.start())[-1]
            known = found.get((path, method))
            tags = (*known.tags, tag) if known else (tag,)
            found[path, method] = Operation(name, method, path, tags)
    return sorted(found.values(), key=lambda operation: (operation.tags[0], operation.name))


def reason(operation: Operation) -> str:
    """Return the reason why the operation is not implemented.

    Raises:
        KeyError: nobody said so.
    """
    for part, text in REASONS:
        if part in operation.path:
            return text
    raise KeyError(operation.path)


def render_list(operations: list[Operation]) -> str:
    """Return the list from which the server knows what it leaves out."""
    return "".join(
        sorted(f"{operation.path} {operation.method} {operation.name}\n" for operation in operations)
    )


def render_table(operations: list[Operation]) -> str:
    """Return the table, with the first lines of the handlers' docstrings."""
    built = {(route.method, route.path): route for route in ROUTES}
    version = importlib.metadata.version("lakefs-sdk")
    count = sum((operation.method, operation.path) in built for operation in operations)
    lines = [
        "# What the embedded server does of lakeFS's API",
        "",
        f"Written by `python -m mlops.lakeserver.coverage --write` from lakefs-sdk {version} and the routes. "
        f"Built: {count} of {len(operations)} operations; any other answers 501 with its name.",
        "",
        NOTES.read_text().strip(),
        "",
    ]
    for tag in sorted({operation.tags[0] for operation in operations}):
        lines += [
            f"## {tag}",
            "",
            "| operation | request | built | what it does and does not, or why it is left out |",
            "|---|---|---|---|",
        ]
        for operation in operations:
            if operation.tags[0] != tag:
                continue
            route = built.get((operation.method, operation.path))
            text = (inspect.getdoc(route.handler) or "") if route else reason(operation)
            lines.append(
                f"| {operation.name} | `{operation.method} {operation.path}` "
                f"| {'yes' if route else '501'} | {' '.join(text.split())} |"
            )
        lines.append("")
    return "\n".join(lines)


def stale() -> list[Path]:
    """Return the written files that are not what they would be now."""
    operations = client_operations()
    expected = {CLIENT_OPERATIONS: render_list(operations), TABLE: render_table(operations)}
    return [path for path, text in expected.items() if not path.exists() or path.read_text() != text]


def main() -> int:
    """Write or checks the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--write", action="store_true", help="write the table and the list")
    action.add_argument("--check", action="store_true", help="fail when they are stale")
    if parser.parse_args().check:
        names = [path.name for path in stale()]
        if names:
            sys.stderr.write(f"stale: {', '.join(names)}; run python -m mlops.lakeserver.coverage --write\n")
        return 1 if names else 0
    operations = client_operations()
    CLIENT_OPERATIONS.write_text(render_list(operations))
    TABLE.write_text(render_table(operations))
    return 0


if __name__ == "__main__":
    sys.exit(main())

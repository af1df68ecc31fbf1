"""The page of JSON documents, from ``json_keys.toml``; the tests hold that file against the program."""

from __future__ import annotations

import tomllib
from pathlib import Path

from infra.docs.markdown import code, table

_INTRODUCTION = """# JSON output

With `--json` a command prints exactly one JSON document on standard output, in success and in failure;
everything else goes to standard error. Keys are a contract: they are added, not renamed. A number that could
not be computed is `null`.
"""

_ERROR = """
## In failure

The document of an error has these keys instead of the command's own. If a part was done before the failure,
the keys of the command are there as well.

"""


def documents() -> dict[str, dict[str, str]]:
    """Return command to the keys of its document, with ``every`` and ``error`` for those that all have."""
    return tomllib.loads(Path(__file__).with_name("json_keys.toml").read_text(encoding="utf-8"))


def page() -> str:
    """Return the page."""
    all_ = documents()
    every, error = all_.pop("every"), all_.pop("error")
    parts = [_INTRODUCTION, "## In every document\n", _keys(every), _ERROR, _keys(error)]
    for command, keys in all_.items():
        parts += [f"## mlops {command}\n", _keys(keys)]
    return "\n".join(parts)


def _keys(keys: dict[str, str]) -> str:
    return table(("Key", "Meaning"), [(code(key), meaning) for key, meaning in keys.items()])

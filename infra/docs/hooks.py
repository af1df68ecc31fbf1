"""MkDocs hooks: add the generated reference pages and complete the navigation while the site is built.

Reference pages are computed from the code each time, so they cannot be out of date. Nothing is written
into ``docs/``.
"""

from __future__ import annotations

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from infra.docs import anomaly_table, commands, exit_codes, gate_files, json_output, setting_table

#: Path of each generated page, and the function that returns its Markdown.
GENERATED = {
    "reference/commands.md": commands.page,
    "reference/settings.md": setting_table.page,
    "reference/gate-files.md": gate_files.page,
    "reference/exit-codes.md": exit_codes.page,
    "reference/json-output.md": json_output.page,
    "reference/anomalies.md": anomaly_table.page,
}

#: Folders whose pages are listed in the navigation by file name, under the entry of the same folder.
_LISTED = ("decisions",)

#: Pages that are listed where they exist.
_OPTIONAL = {"Explanation": [("Threats", "explanation/threats.md")]}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Complete the navigation: list the decision records, and optional pages that exist."""
    docs = Path(config.docs_dir)
    for entry in config.nav or []:
        for title, pages in entry.items():
            if title.lower() in _LISTED:
                pages.extend(_listed(docs, title.lower()))
            if title in _OPTIONAL:
                pages.extend({name: path} for name, path in _OPTIONAL[title] if (docs / path).is_file())
    return config


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the generated pages to the files of the site."""
    for path, page in GENERATED.items():
        files.append(File.generated(config, path, content=page()))
    return files


def _listed(docs: Path, folder: str) -> list[dict[str, str]]:
    """Return navigation entries for the numbered pages of a folder."""
    found = sorted((docs / folder).glob("[0-9]*.md"))
    return [{_title(path): f"{folder}/{path.name}"} for path in found]


def _title(path: Path) -> str:
    """Return the heading of a page."""
    match = re.search(r"^# (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return match[1] if match else path.stem

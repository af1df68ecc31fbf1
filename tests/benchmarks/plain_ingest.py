"""An ingest without the protocol: a plain script that reads, validates and writes.

It parses the same files with the pipeline's own function, holds the rows against the same suites, and writes
Parquet and the same validation files. It leaves out the lake (branch, commit, merge, enforcer), digests, the
signed statement, and reading back what it has written.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from mlops.pipelines import pipeline
from mlops.runs import names


def main(given: str) -> None:
    """Do the whole script.

    Args:
        given: JSON with ``source``, a folder with ``gate/``; ``target``, a new folder; and ``tables``, by
            name the file of each.
    """
    from mlops.adapters import tables
    from mlops.adapters.validation import page, suites
    from mlops.adapters.validation.reports import demand
    from mlops.pipelines.sources.table_files import read_local

    asked = json.loads(given)
    spec, source, target = pipeline("flights"), Path(asked["source"]), Path(asked["target"])
    reports = []
    for table, file in sorted(asked["tables"].items()):
        frame = spec.parse(table, read_local(Path(file)))
        suite = json.loads((source / names.suite_path(table)).read_bytes())
        reports.append(suites.validate(table, frame, suite, spec.table_keys.get(table, ())))
        _write(target / names.raw_path(table, Path(file).stem), tables.to_parquet(frame))
    demand(reports)
    for report in reports:
        _write(target / names.validation_path(report.table), report.to_bytes())
    _write(target / names.VALIDATION / "README.md", page.page(reports))


def _write(file: Path, content: str | bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content if isinstance(content, bytes) else content.encode())


if __name__ == "__main__":
    main(sys.argv[1])

"""``init``, ``policy`` and ``settings``."""

from __future__ import annotations

from mlops.cli.output.results import Result
from mlops.cli.output.text import columns, paragraph, short
from mlops.cli.reasons import checked_reason
from mlops.cli.session import Session, check_pipeline
from mlops.runs import names

_SAME = "nothing to do: main has exactly this gate already"


def init(session: Session, pipeline: str) -> Result:
    """Make sure that the repository exists, holds the gate, is protected, and that its enforcer is alive."""
    check_pipeline(pipeline)
    _checked_gate(pipeline)
    credentials = session.credentials()
    created = session.outside.create_repository(session.settings, credentials, pipeline)
    workspace = session.outside.open_workspace(session.settings, pipeline, session.tell)
    from mlops.steps.init_repository import initialise

    changed = initialise(workspace.ports, pipeline)
    head = workspace.lake.head(names.MAIN)
    word = "created" if created else "set up" if changed else "was set up already"
    document = {
        "pipeline": pipeline,
        "repository": workspace.lake.repository,
        "endpoint": workspace.lake.endpoint,
        "created": created,
        "changed": created or changed,
        "head": head,
        "enforcer_alive": True,
    }
    lines = [
        f"repository {workspace.lake.repository} {word} at {workspace.lake.endpoint} (main at {short(head)})",
        "main is protected, and its enforcer refused a merge that nobody may make",
        f"next: mlops ingest {pipeline} ARRIVAL...",
    ]
    return Result(document, lines)


def policy(session: Session, pipeline: str, reason: str, *, dry_run: bool) -> Result:
    """Bring what judges, as it is in the code base, to main in one commit with a reason."""
    from mlops.runs.main.policy import apply_policy
    from mlops.runs.main.state import read_optional
    from mlops.runs.upkeep.reconcile import reconcile

    text = "" if dry_run else checked_reason(reason)
    check_pipeline(pipeline)
    files = _checked_gate(pipeline)
    workspace = session.workspace(pipeline)
    head = workspace.lake.head(names.MAIN)
    document = {"pipeline": pipeline, "repository": pipeline, "endpoint": workspace.lake.endpoint}
    if dry_run:
        changed = [path for path, data in files.items() if read_optional(workspace.lake, head, path) != data]
        lines = [f"{path} would change" for path in changed] or [_SAME]
        return Result({**document, "dry_run": True, "commit": None, "changed": changed}, lines)
    session.tell(f"changing the gate of repository {pipeline} at {workspace.lake.endpoint}")
    reconcile(workspace.ports)
    commit, paths = apply_policy(workspace.ports, files, text)
    lines = [f"main: {short(commit)} changes {', '.join(paths)}"] if commit else [_SAME]
    return Result({**document, "dry_run": False, "commit": commit or None, "changed": list(paths)}, lines)


def _checked_gate(pipeline: str) -> dict[str, bytes]:
    """Return what judges, read so that a typo is found before it reaches a server."""
    from mlops.adapters.policy.files import parse_holdout_rule, parse_policy
    from mlops.steps.init_repository import gate_files

    files = gate_files(pipeline)
    parse_policy(files[names.POLICY], name=f"expectations/{pipeline}/policy.yaml")
    parse_holdout_rule(files[names.HOLDOUT_RULE], name=f"expectations/{pipeline}/holdout.yaml")
    return files


def settings(session: Session) -> Result:
    """List all settings; values are not shown, since one may hold a password."""
    from mlops.settings import describe

    del session
    rows = describe()
    firsts = columns([(row.variable, row.default or "-", row.unit) for row in rows], indent="")
    lines = [
        line
        for row, first in zip(rows, firsts, strict=True)
        for line in (first, *paragraph(row.help, "    "))
    ]
    document = {
        "settings": [
            {"name": r.name, "variable": r.variable, "unit": r.unit, "default": r.default, "help": r.help}
            for r in rows
        ]
    }
    return Result(document, lines)
